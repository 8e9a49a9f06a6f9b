//! The one metric that says that an old API is being asked for, read out of a stream of all of them.
//!
//! A large server's metrics are tens of mebibytes. They go through here piece by piece; what is kept is the line being read, up
//! to a cap, and only while it may be one that matters.

use std::collections::BTreeMap;

use crate::fleet::{CleanText, ErrorCode, Failure, Minor, OldApi, UseEvidence};

/// The gauge, 1 for each deprecated resource that was requested since the server started (Kubernetes metrics reference, stable).
const METRIC: &[u8] = b"apiserver_requested_deprecated_apis{";
/// What stands before every metric of the format.
const COMMENTS: [&[u8]; 2] = [b"# HELP ", b"# TYPE "];
/// A line of it is some 150 bytes.
const LONGEST_LINE: usize = 4 << 10;
/// Requested resources past this number are not looked at: Kubernetes never had as many that were deprecated.
const MOST: usize = 512;

/// Reads metrics in the Prometheus text format, in pieces of any size.
#[derive(Debug, Default)]
pub struct DeprecatedApis {
    /// The line being read, as far as it may matter.
    line: Vec<u8>,
    /// What is left of the line being read does not matter.
    skipping: bool,
    /// Something was a comment of this format, or the metric itself.
    plausible: bool,
    found: BTreeMap<(CleanText, CleanText, CleanText), Option<Minor>>,
}

impl DeprecatedApis {
    /// Takes the next piece in.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while let Some(end) = piece.iter().position(|b| *b == b'\n') {
            let (head, rest) = piece.split_at(end);
            self.part(head);
            self.end_of_line();
            piece = rest.get(1..).unwrap_or_default();
        }
        self.part(piece);
    }

    /// A part of the line being read.
    fn part(&mut self, part: &[u8]) {
        if self.skipping {
            return;
        }
        let room = LONGEST_LINE.saturating_sub(self.line.len());
        let Some(fits) = part.get(..room.min(part.len())) else { return };
        self.line.extend_from_slice(fits);
        let begins = |word: &[u8]| self.line.iter().zip(word).all(|(a, b)| a == b);
        let comment = COMMENTS.iter().any(|word| begins(word) && self.line.len() >= word.len());
        let open = begins(METRIC) || (!comment && COMMENTS.iter().any(|word| begins(word)));
        self.plausible |= comment;
        self.skipping = !open || fits.len() < part.len();
    }

    fn end_of_line(&mut self) {
        if !self.skipping
            && let Some(labels) = self.line.strip_prefix(METRIC)
        {
            self.plausible = true;
            if let Some(labels) = std::str::from_utf8(labels).ok().and_then(sample) {
                self.keep(&labels);
            }
        }
        self.line.clear();
        self.skipping = false;
    }

    fn keep(&mut self, labels: &[(String, String)]) {
        let value = |name: &str| labels.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let (resource, version) = (value("resource"), value("version"));
        if resource.is_empty() || version.is_empty() {
            return;
        }
        let sub = value("subresource");
        let resource = if sub.is_empty() { resource.to_owned() } else { format!("{resource}/{sub}") };
        let clean = |text: &str| CleanText::with_cap(text, 253);
        let key = (clean(value("group")), clean(version), clean(&resource));
        if self.found.len() < MOST || self.found.contains_key(&key) {
            self.found.insert(key, value("removed_release").parse().ok());
        }
    }

    /// What was found, once the stream has ended.
    ///
    /// # Errors
    /// `PARSE` if nothing in it looked like metrics.
    pub fn end(mut self) -> Result<Vec<OldApi>, Failure> {
        self.end_of_line();
        if !self.plausible {
            return Err(Failure::new(ErrorCode::Parse, "answer is not a list of metrics"));
        }
        let api = |((group, version, resource), removed_in)| OldApi {
            group,
            version,
            resource,
            removed_in,
            evidence: UseEvidence::Requested,
            by: Vec::new(),
        };
        Ok(self.found.into_iter().map(api).collect())
    }
}

/// The labels of a sample, from after its opening brace, if its value is not 0.
fn sample(text: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(value) = rest.strip_prefix('}') {
            let value: f64 = value.split_ascii_whitespace().next()?.parse().ok()?;
            return (value > 0.0).then_some(labels);
        }
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels.push((name.trim().to_owned(), value));
        rest = behind;
    }
}

/// A label's value from after its opening quote, escapes undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = r#"# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_request_total{code="200",group="policy",version="v1beta1"} 7
apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",resource="podsecuritypolicies",subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{version="v1",subresource="status",resource="things",removed_release="9.x",group="a\"b\\c\n"} 1 1700000000000
apiserver_requested_deprecated_apis{group="gone",removed_release="1.25",resource="zeros",subresource="",version="v1beta1"} 0
apiserver_requested_deprecated_apis_total{group="other",version="v1",resource="x"} 1
"#;

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, Failure> {
        let mut reader = DeprecatedApis::default();
        for piece in pieces {
            reader.feed(piece);
        }
        let told = |a: &OldApi| {
            format!("{}|{}|{}|{:?}", a.group, a.version, a.resource, a.removed_in.map(|m| m.minor))
        };
        reader.end().map(|found| found.iter().map(told).collect())
    }

    const EXPECT: [&str; 3] = [
        "|v1|componentstatuses|None",
        "a\"b\\c␊|v1|things/status|None",
        "policy|v1beta1|podsecuritypolicies|Some(25)",
    ];

    #[test]
    fn the_gauge_is_found_among_everything_else() {
        assert_eq!(read(&[TEXT.as_bytes()]).unwrap(), EXPECT);
        let bytes: Vec<&[u8]> = TEXT.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes).unwrap(), EXPECT);
    }

    #[test]
    fn the_last_line_counts_without_its_end_if_it_is_whole() {
        let line = r#"apiserver_requested_deprecated_apis{group="g",resource="r",version="v1"} 1"#;
        assert_eq!(read(&[line.as_bytes()]).unwrap(), ["g|v1|r|None"]);
        for cut in 1..line.len() - 1 {
            assert!(read(&[&line.as_bytes()[..cut]]).unwrap_or_default().is_empty(), "{cut}");
        }
    }

    #[test]
    fn what_holds_no_metrics_is_a_failure() {
        for body in ["", "\n\n", "<html>\n<p class=\"x\">sign in</p>\n", "{\"kind\":\"Status\"}", "ok"] {
            assert_eq!(read(&[body.as_bytes()]).unwrap_err().code, ErrorCode::Parse, "{body}");
        }
        assert_eq!(
            read(&[b"# TYPE go_info gauge\ngo_info{version=\"go1.26\"} 1\n"]).unwrap(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn tens_of_mebibytes_leave_next_to_nothing_behind() {
        let mut reader = DeprecatedApis::default();
        let line = format!(
            "apiserver_request_duration_seconds_bucket{{le=\"0.1\",path=\"{}\"}} 1\n",
            "x".repeat(200)
        );
        let piece = line.repeat(4_000);
        let mut fed = 0;
        while fed < 48 << 20 {
            reader.feed(piece.as_bytes());
            fed += piece.len();
            assert!(reader.line.capacity() <= 2 * LONGEST_LINE);
        }
        // One endless line, and one that begins as the right one.
        let endless = vec![b'z'; 1 << 20];
        for start in [&b""[..], METRIC] {
            reader.feed(start);
            for _ in 0..16 {
                reader.feed(&endless);
            }
            assert!(reader.line.capacity() <= 2 * LONGEST_LINE);
            reader.feed(b"\n");
        }
        reader.feed(TEXT.as_bytes());
        assert_eq!(reader.end().unwrap().len(), EXPECT.len());
    }

    #[test]
    fn a_flood_of_samples_is_cut() {
        let mut reader = DeprecatedApis::default();
        for n in 0..5_000 {
            reader.feed(
                format!("apiserver_requested_deprecated_apis{{resource=\"r{n}\",version=\"v1\"}} 1\n")
                    .as_bytes(),
            );
        }
        assert_eq!(reader.end().unwrap().len(), MOST);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_read_the_same(cuts in prop::collection::vec(0..TEXT.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([TEXT.len()]) {
                pieces.push(&TEXT.as_bytes()[from..cut]);
                from = cut;
            }
            prop_assert_eq!(read(&pieces).unwrap(), EXPECT);
        }

        #[test]
        fn no_bytes_break_the_reader(
            tails in prop::collection::vec(prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}=\",\\n 1\n".to_vec())], 0..60), 0..8),
            piece in 1_usize..40,
        ) {
            let mut all = Vec::new();
            for tail in tails {
                all.extend_from_slice(METRIC);
                all.extend(tail);
                all.push(b'\n');
            }
            let mut reader = DeprecatedApis::default();
            for part in all.chunks(piece) {
                reader.feed(part);
                prop_assert!(reader.line.len() <= LONGEST_LINE);
            }
            if let Ok(found) = reader.end() {
                for api in found {
                    prop_assert!(!api.resource.as_str().chars().any(char::is_control));
                    prop_assert!(!api.version.is_empty() && !api.resource.is_empty());
                }
            }
        }
    }
}
