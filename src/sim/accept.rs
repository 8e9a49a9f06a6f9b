//! Which form of an answer the Accept header asks for (API concepts: resource representations, Table, partial
//! metadata).

use http::{HeaderMap, header};

use super::reply::Refused;

/// A form that the server can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The object or list itself.
    Plain,
    /// `as=Table`.
    Table,
    /// `as=PartialObjectMetadata`.
    Metadata,
    /// `as=PartialObjectMetadataList`.
    MetadataList,
    /// `as=APIGroupDiscoveryList`.
    Discovery,
}

/// The first form of the Accept list that is served; no header, or one without a type, takes JSON.
pub(super) fn form(headers: &HeaderMap) -> Result<Form, Refused> {
    let accepts: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if accepts.iter().all(|accept| accept.trim().is_empty()) {
        return Ok(Form::Plain);
    }
    let mut clauses = accepts.iter().flat_map(|accept| accept.split(','));
    clauses.find_map(|clause| one(clause.trim())).ok_or_else(Refused::not_acceptable)
}

fn one(clause: &str) -> Option<Form> {
    let mut parts = clause.split(';').map(str::trim);
    let media_type = parts.next()?;
    if !matches!(media_type, "application/json" | "*/*" | "application/*") {
        return None;
    }
    let (mut shape, mut group, mut version) = (None, None, None);
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        match key {
            "as" => shape = Some(value),
            "g" => group = Some(value),
            "v" => version = Some(value),
            _ => {}
        }
    }
    match (shape, group, version) {
        (None, _, _) => Some(Form::Plain),
        (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Form::Table),
        (Some("PartialObjectMetadata"), Some("meta.k8s.io"), Some("v1")) => Some(Form::Metadata),
        (Some("PartialObjectMetadataList"), Some("meta.k8s.io"), Some("v1")) => Some(Form::MetadataList),
        (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => Some(Form::Discovery),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_served_wins() {
        let check = |accept: &str, expect: Option<Form>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(form(&headers).ok(), expect, "{accept}");
        };
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        check("application/json", Some(Form::Plain));
        check("*/*", Some(Form::Plain));
        check("", Some(Form::Plain));
        check(&format!("{table},application/json"), Some(Form::Table));
        check(&format!("application/vnd.kubernetes.protobuf, {table}"), Some(Form::Table));
        check("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Some(Form::Plain));
        check("application/vnd.kubernetes.protobuf,application/json", Some(Form::Plain));
        check("application/vnd.kubernetes.protobuf", None);
        check("text/html", None);
        check(
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
            Some(Form::Discovery),
        );
        check("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList", None);
        check("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Some(Form::MetadataList));
    }
}
