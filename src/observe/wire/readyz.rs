//! `/readyz?verbose`: one line for each check, `[+]name ok` or `[-]name failed: reason withheld`.

use crate::fleet::{Check, CleanText, ErrorCode, Failure, Readiness};

/// The message of the failure that says that a server has no such endpoint. Some gateways and test servers have none; it
/// says nothing about health.
pub const NOT_SERVED: &str = "readiness is not served here";

/// Checks past this number are counted and not kept.
const MOST_CHECKS: usize = 256;

/// Reads the answer to `GET /readyz?verbose` as a summary. Statuses 401, 403 and 429 are the caller's to sort out.
///
/// # Errors
/// [`NOT_SERVED`] with code `HTTP` if the server does not have the endpoint, `HTTP5XX` if it failed without naming a check.
pub fn readiness(status: u16, body: &[u8]) -> Result<Readiness, Failure> {
    let text = String::from_utf8_lossy(body);
    let mut readiness = Readiness { ready: status == 200, ..Readiness::default() };
    for (name, ok) in lines(&text) {
        readiness.total += 1;
        if !ok {
            readiness.ready = false;
            if readiness.failed.len() < MOST_CHECKS {
                readiness.failed.push(check(name, ok));
            }
        }
    }
    served(status, &text, readiness.total)?;
    Ok(readiness)
}

/// The same as a list of all checks, failed ones first, each group in the order of the answer.
///
/// # Errors
/// As [`readiness`].
pub fn readiness_checks(status: u16, body: &[u8]) -> Result<Vec<Check>, Failure> {
    let text = String::from_utf8_lossy(body);
    let mut checks: Vec<Check> =
        lines(&text).take(MOST_CHECKS * 4).map(|(name, ok)| check(name, ok)).collect();
    served(status, &text, checks.len())?;
    checks.sort_by_key(|c| c.ok);
    Ok(checks)
}

fn check(name: &str, ok: bool) -> Check {
    Check { name: CleanText::with_cap(name, 120), ok }
}

/// Whether the answer is one of this endpoint at all, given how many checks it lists.
fn served(status: u16, text: &str, checks: usize) -> Result<(), Failure> {
    match status {
        _ if checks > 0 => Ok(()),
        // Without `verbose` the answer is this one word, and so it is from servers that do not know the parameter.
        200 if text.trim() == "ok" => Ok(()),
        500..=599 => Err(Failure::new(
            ErrorCode::Http5xx,
            &format!("readiness answered {status} without naming a check"),
        )),
        _ => Err(Failure::new(ErrorCode::Http, NOT_SERVED)),
    }
}

/// Name and outcome of each check in `text`.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.lines().filter_map(|line| {
        let (rest, ok) = match line.strip_prefix("[+]") {
            Some(rest) => (rest, true),
            None => (line.strip_prefix("[-]")?, false),
        };
        let name = rest.split(' ').next().unwrap_or(rest).trim();
        (!name.is_empty()).then_some((name, ok))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n\
        [+]poststarthook/rbac/bootstrap-roles ok\n[-]informer-sync failed: reason withheld\nreadyz check failed\n";

    #[test]
    fn a_ready_server_says_how_many_checks_passed() {
        let body = "[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed\n";
        assert_eq!(
            readiness(200, body.as_bytes()).unwrap(),
            Readiness { ready: true, failed: vec![], total: 2 }
        );
        assert_eq!(readiness(200, b"ok").unwrap(), Readiness { ready: true, failed: vec![], total: 0 });
    }

    #[test]
    fn a_500_with_failed_checks_is_a_good_reading_of_bad_news() {
        let readiness = readiness(500, FAILED.as_bytes()).unwrap();
        assert!(!readiness.ready);
        assert_eq!(readiness.total, 5);
        let names: Vec<_> = readiness.failed.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["etcd", "informer-sync"]);
    }

    #[test]
    fn all_checks_are_listed_failed_ones_first() {
        let checks = readiness_checks(500, FAILED.as_bytes()).unwrap();
        let shown: Vec<_> = checks.iter().map(|c| (c.name.as_str(), c.ok)).collect();
        assert_eq!(
            shown,
            [
                ("etcd", false),
                ("informer-sync", false),
                ("ping", true),
                ("log", true),
                ("poststarthook/rbac/bootstrap-roles", true)
            ]
        );
    }

    #[test]
    fn a_missing_endpoint_is_not_served_and_a_broken_one_is_5xx() {
        for (status, body, code) in [
            (404, "404 page not found", ErrorCode::Http),
            (404, r#"{"kind":"Status","code":404}"#, ErrorCode::Http),
            (200, "<html>sign in</html>", ErrorCode::Http),
            (200, "", ErrorCode::Http),
            (302, "", ErrorCode::Http),
            (500, "Internal Server Error", ErrorCode::Http5xx),
            (503, "<html>no backend</html>", ErrorCode::Http5xx),
        ] {
            assert_eq!(readiness(status, body.as_bytes()).unwrap_err().code, code, "{status} {body}");
            assert_eq!(readiness_checks(status, body.as_bytes()).unwrap_err().code, code, "{status} {body}");
        }
    }

    #[test]
    fn a_200_with_a_failed_check_is_not_ready() {
        assert!(!readiness(200, b"[+]ping ok\n[-]etcd failed").unwrap().ready);
    }

    #[test]
    fn hostile_lines_are_cleaned_and_floods_are_cut() {
        let body = b"[-]\x1b]52;c;AAAA\x07 failed\n[-]\n[-] \n[+]\xff\xfe ok\n";
        let reading = readiness(500, body).unwrap();
        assert_eq!(reading.failed[0].name.as_str(), "␛]52;c;AAAA␇");
        assert_eq!(reading.total, 2);
        let flood = "[-]x failed\n".repeat(100_000);
        let reading = readiness(500, flood.as_bytes()).unwrap();
        assert_eq!((reading.failed.len(), reading.total), (MOST_CHECKS, 100_000));
        assert_eq!(readiness_checks(500, flood.as_bytes()).unwrap().len(), MOST_CHECKS * 4);
    }
}
