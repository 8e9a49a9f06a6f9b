//! What plugins complain about, without the secrets that they mention.

use super::Exec;

/// Shorter values are words like any other.
const SHORTEST: usize = 6;

/// Names of variables and flags whose values nobody should see.
const TELLING: [&str; 6] = ["secret", "token", "password", "passwd", "credential", "key"];

/// `complaint` with `***` in place of secrets: values of telling variables and flags of the plugin, JSON web tokens and
/// whatever follows `Bearer`.
pub(super) fn redact(complaint: &str, exec: &Exec) -> String {
    let mut text = complaint.to_owned();
    for secret in secrets(exec) {
        text = text.replace(secret, "***");
    }
    let mut after_bearer = false;
    let words = text.split(' ').map(|word| {
        let hide =
            std::mem::replace(&mut after_bearer, word.eq_ignore_ascii_case("bearer")) || has_token(word);
        if hide && !word.is_empty() { "***" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a JSON web token stands in `word`: its header is a JSON object in base64url, which begins with `eyJ`.
fn has_token(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    word.split(|c: char| !is_part(c))
        .any(|piece| piece.starts_with("eyJ") && piece.contains('.') && piece.len() > 20)
}

fn secrets(exec: &Exec) -> impl Iterator<Item = &str> {
    let is_telling = |name: &str| {
        let name = name.to_ascii_lowercase();
        TELLING.iter().any(|word| name.contains(word))
    };
    let variables =
        exec.env.iter().filter(move |(name, _)| is_telling(name)).map(|(_, value)| value.as_str());
    let joined = exec.args.iter().filter_map(move |arg| {
        let (flag, value) = arg.split_once('=')?;
        is_telling(flag).then_some(value)
    });
    let apart = exec.args.iter().zip(exec.args.iter().skip(1)).filter_map(move |(flag, value)| {
        (flag.starts_with('-') && !flag.contains('=') && is_telling(flag)).then_some(value.as_str())
    });
    variables.chain(joined).chain(apart).filter(|value| value.len() >= SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Interactive;

    #[test]
    fn secrets_are_hidden_and_the_rest_of_a_complaint_stays() {
        let exec = Exec {
            api_version: "client.authentication.k8s.io/v1".to_owned(),
            command: "p".to_owned(),
            args: [
                "--client-secret=hunter2a",
                "--password",
                "hunter2b",
                "--region",
                "eu-west-1",
                "get-token",
            ]
            .map(str::to_owned)
            .to_vec(),
            env: [("AWS_PROFILE", "production"), ("API_TOKEN", "hunter2c"), ("KEY", "no")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .to_vec(),
            install_hint: None,
            provide_cluster_info: false,
            interactive: Interactive::Never,
            cluster_config: None,
        };
        for (said, shown) in [
            (
                "The config profile (production) could not be found",
                "The config profile (production) could not be found",
            ),
            (
                "no such region eu-west-1, run get-token again",
                "no such region eu-west-1, run get-token again",
            ),
            ("secret hunter2a refused", "secret *** refused"),
            ("POST https://u:hunter2b@idp/x: 401", "POST https://u:***@idp/x: 401"),
            ("token=hunter2c", "token=***"),
            ("got Bearer abc.def from the server", "got Bearer *** from the server"),
            ("id_token \"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.\" expired", "id_token *** expired"),
            ("no  key", "no  key"),
            ("", ""),
        ] {
            assert_eq!(redact(said, &exec), shown);
        }
    }
}
