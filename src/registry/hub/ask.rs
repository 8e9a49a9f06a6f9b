//! Questions to a hub: which version of a resource it serves, pages of a list, one Secret.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::Value;

use super::kinds::Resource;
use super::way::{SecretForm, SecretRef};
use crate::access::client_failure;
use crate::fleet::{CleanText, ErrorCode, Failure};

/// Objects of one page.
pub(super) const PAGE: u32 = 500;

/// How long one question may take at most, whatever deadlines the client has: waiting for plugins and sockets included.
const PATIENCE: Duration = Duration::from_mins(4);

/// Why a question has no answer.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// 404.
    Absent,
    /// 410: what was asked about is history.
    Expired,
    /// Anything else.
    Failed(Failure),
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 404 => Self::Absent,
            kube::Error::Api(status) if status.code == 410 => Self::Expired,
            error => Self::Failed(client_failure(error)),
        }
    }
}

impl Refusal {
    /// As a failure, with what was asked for.
    pub(super) fn failure(self, what: &str) -> Failure {
        match self {
            Self::Absent => Failure::new(ErrorCode::Http, &format!("{what} is not there (404)")),
            Self::Expired => Failure::new(ErrorCode::Http, &format!("{what} has expired (410)")),
            Self::Failed(failure) => failure,
        }
    }
}

/// The body of an answer.
async fn get(client: &Client, path: String) -> Result<String, Refusal> {
    let request = Request::get(path).body(Vec::new());
    let request = request
        .map_err(|_| Refusal::Failed(Failure::new(ErrorCode::Internal, "the path cannot be asked for")))?;
    match tokio::time::timeout(PATIENCE, client.request_text(request)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Refusal::Failed(Failure::new(ErrorCode::Timeout, "the hub does not answer"))),
    }
}

/// Parses an answer; the parser's words are left out because the answer may hold secrets.
fn parse<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|e| {
        let message =
            format!("{what}: JSON of an unexpected shape at line {}, column {}", e.line(), e.column());
        Refusal::Failed(Failure::new(ErrorCode::Parse, &message))
    })
}

/// The part of an `APIGroup` that matters.
#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
}

/// The part of an `APIResourceList` that matters.
#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<ResourceName>,
}

#[derive(Deserialize)]
struct ResourceName {
    name: String,
}

/// The version in which the hub serves a resource, the preferred one of those that are understood.
///
/// # Errors
/// `VERSION` if it serves none, otherwise what came of asking.
pub(super) async fn served(client: &Client, resource: &Resource) -> Result<&'static str, Failure> {
    let name = resource.name();
    if resource.group.is_empty() {
        let only = resource.versions.first().copied();
        return only.ok_or_else(|| Failure::new(ErrorCode::Internal, "a resource without a version"));
    }
    let absent = || {
        Failure::new(ErrorCode::Version, &format!("the hub does not serve {name}"))
            .hint("Check that the context leads to the hub, and that its CRDs are installed.")
    };
    let what = format!("/apis/{}", resource.group);
    let group = match get(client, what.clone()).await {
        Ok(text) => parse::<Group>(&text, &what).map_err(|r| r.failure(&what))?,
        Err(Refusal::Absent) => return Err(absent()),
        Err(other) => return Err(other.failure(&what)),
    };
    for version in resource.versions {
        if !group.versions.iter().any(|v| v.version == *version) {
            continue;
        }
        let what = format!("/apis/{}/{version}", resource.group);
        let text = match get(client, what.clone()).await {
            Ok(text) => text,
            Err(Refusal::Absent) => continue,
            Err(other) => return Err(other.failure(&what)),
        };
        let list = parse::<Resources>(&text, &what).map_err(|r| r.failure(&what))?;
        if list.resources.iter().any(|r| r.name == resource.plural) {
            return Ok(version);
        }
    }
    let others: Vec<_> = group.versions.iter().take(8).map(|v| v.version.as_str()).collect();
    let known = others.iter().any(|v| resource.versions.contains(v));
    if known || others.is_empty() {
        return Err(absent());
    }
    let message = format!(
        "the hub serves {name} only in versions that are not understood here ({})",
        others.join(", ")
    );
    Err(Failure::new(ErrorCode::Version, CleanText::new(&message).as_str()))
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    /// Null in some empty lists.
    pub(super) items: Option<Vec<Value>>,
}

/// The metadata of a list.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMeta {
    pub(super) resource_version: Option<String>,
    #[serde(rename = "continue")]
    pub(super) next: Option<String>,
}

/// A page of the list at `path`, after the one that `next` came with.
pub(super) async fn page(
    client: &Client,
    path: &str,
    selector: Option<&str>,
    next: Option<&str>,
) -> Result<Page, Refusal> {
    let query = {
        let mut query = url::form_urlencoded::Serializer::for_suffix(format!("{path}?"), path.len() + 1);
        query.append_pair("limit", &PAGE.to_string());
        query.extend_pairs(selector.map(|selector| ("labelSelector", selector)));
        query.extend_pairs(next.map(|next| ("continue", next)));
        query.finish()
    };
    let text = get(client, query).await?;
    parse(&text, path)
}

/// What a Secret holds, as far as it was asked for. No `Debug`: these are secrets.
pub(super) struct Held(pub(super) BTreeMap<&'static str, Vec<u8>>);

/// Reads one Secret by its name; Secrets are never listed for this.
pub(super) async fn secret(client: &Client, secret: &SecretRef) -> Result<Held, Refusal> {
    let path = format!("/api/v1/namespaces/{}/secrets/{}", secret.namespace, secret.name);
    let text = get(client, path.clone()).await?;
    let object: Value = parse(&text, &path)?;
    let keys: Vec<&'static str> = match &secret.form {
        SecretForm::Kubeconfig { key } => vec![key],
        SecretForm::Token { key, authority, .. } => std::iter::once(*key).chain(*authority).collect(),
    };
    let data = object.get("data");
    let read = |key: &'static str| {
        let text = data?.get(key)?.as_str()?;
        super::decode::decoded(text).map(|bytes| (key, bytes))
    };
    Ok(Held(keys.into_iter().filter_map(read).collect()))
}
