//! The UID of the `kube-system` namespace: what a cluster is called when nobody gives it a name (KEP-2149).

use serde::Deserialize;

use super::json::{ObjectMeta, lacks, parse};
use crate::fleet::{CleanText, Failure};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    metadata: ObjectMeta<'a>,
}

/// Reads the answer to `GET /api/v1/namespaces/kube-system`, as a whole object or as its metadata alone.
///
/// # Errors
/// `PARSE` if it is not that namespace or its UID is no plain word.
pub fn identity(body: &[u8]) -> Result<CleanText, Failure> {
    const WHAT: &str = "the kube-system namespace";
    let answer: Answer<'_> = parse(body, WHAT)?;
    if answer.metadata.name.as_str() != "kube-system" {
        return Err(lacks(WHAT, "such name"));
    }
    let uid = answer.metadata.uid.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if uid.is_empty() || uid.len() > 128 || !uid.chars().all(plain) {
        return Err(lacks(WHAT, "usable uid"));
    }
    Ok(CleanText::new(uid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ErrorCode;

    #[test]
    fn the_uid_is_read_from_metadata_and_from_the_whole_object() {
        for kind in ["PartialObjectMetadata", "Namespace"] {
            let body = format!(
                r#"{{"kind":"{kind}","metadata":{{"name":"kube-system","uid":"6a0c-1"}},"spec":{{"finalizers":["kubernetes"]}}}}"#
            );
            assert_eq!(identity(body.as_bytes()).unwrap().as_str(), "6a0c-1");
        }
    }

    #[test]
    fn another_object_or_a_strange_uid_is_refused() {
        for body in [
            r#"{"metadata":{"name":"default","uid":"1"}}"#,
            r#"{"metadata":{"name":"kube-system"}}"#,
            r#"{"metadata":{"name":"kube-system","uid":"a\u001b[2J"}}"#,
            r#"{"metadata":null}"#,
            r"{}",
            r"<html>",
        ] {
            assert_eq!(identity(body.as_bytes()).unwrap_err().code, ErrorCode::Parse, "{body}");
        }
        let long = format!(r#"{{"metadata":{{"name":"kube-system","uid":"{}"}}}}"#, "a".repeat(129));
        assert_eq!(identity(long.as_bytes()).unwrap_err().code, ErrorCode::Parse);
    }
}
