//! `/version`.

use serde::Deserialize;

use super::json::{Text, lacks, parse};
use crate::fleet::{CleanText, Failure, VersionInfo};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default, rename = "gitVersion")]
    git_version: Text<'a>,
    #[serde(borrow, default)]
    platform: Text<'a>,
}

/// Reads the answer to `GET /version`.
///
/// # Errors
/// `PARSE` if it is not JSON or names no version. A version text that is not understood is no failure.
pub fn version(body: &[u8]) -> Result<VersionInfo, Failure> {
    const WHAT: &str = "a version";
    let answer: Answer<'_> = parse(body, WHAT)?;
    let text = answer.git_version.as_str();
    if text.is_empty() {
        return Err(lacks(WHAT, "gitVersion"));
    }
    Ok(VersionInfo {
        version: text.parse().ok(),
        text: CleanText::with_cap(text, 96),
        platform: Some(answer.platform.as_str())
            .filter(|p| !p.is_empty())
            .map(|p| CleanText::with_cap(p, 64)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ErrorCode;

    #[test]
    fn a_version_is_read_with_its_suffix() {
        let info = version(
            br#"{"major":"1","minor":"35+","gitVersion":"v1.35.4-gke.12","platform":"linux/arm64","new":{}}"#,
        )
        .unwrap();
        assert_eq!(info.version.unwrap().to_string(), "v1.35.4-gke.12");
        assert_eq!(info.text.as_str(), "v1.35.4-gke.12");
        assert_eq!(info.platform.unwrap().as_str(), "linux/arm64");
    }

    #[test]
    fn an_odd_version_is_kept_as_clean_text() {
        let info = version(br#"{"gitVersion":"v1.35\u001b[31m","platform":7}"#).unwrap();
        assert_eq!(info.version, None);
        assert_eq!(info.text.as_str(), "v1.35␛[31m");
    }

    #[test]
    fn what_is_no_version_is_a_failure() {
        for body in [
            "",
            "ok",
            "[]",
            "{}",
            "null",
            r#"{"gitVersion":null}"#,
            r#"{"gitVersion":["v1.35.4"]}"#,
            "<html></html>",
            r#"{"kind":"Status","status":"Failure"}"#,
        ] {
            assert_eq!(version(body.as_bytes()).unwrap_err().code, ErrorCode::Parse, "{body}");
        }
    }

    #[test]
    fn a_megabyte_of_version_is_cut() {
        let body = format!(r#"{{"gitVersion":"v1.2.3-{}"}}"#, "x".repeat(1 << 20));
        assert!(version(body.as_bytes()).unwrap().text.as_str().len() < 110);
    }
}
