//! Who a request comes from, and whether they may.

use http::{HeaderMap, Method, header};

use super::cluster::Cluster;
use super::pki::Subject;
use super::rbac::{Act, Identity};
use super::reply::Refused;
use super::request::Target;

/// What a connection proved when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Peer {
    /// No client certificate.
    #[default]
    Unnamed,
    /// A certificate of the people's authority.
    Named(Subject),
    /// A certificate that nobody here vouches for.
    Stranger,
}

/// Who asks: by certificate, by token, or nobody in particular; impersonation as the headers ask (user-impersonation
/// of the API server).
pub(super) fn identity(cluster: &Cluster, peer: &Peer, headers: &HeaderMap) -> Result<Identity, Refused> {
    let authenticated = |user: &str, groups: Vec<String>| Identity {
        user: user.to_owned(),
        groups: groups.into_iter().chain(["system:authenticated".to_owned()]).collect(),
    };
    let bearer = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let who = match (peer, bearer) {
        (Peer::Named(subject), _) => authenticated(&subject.name, subject.groups.clone()),
        (_, Some(bearer)) => {
            let token = bearer.strip_prefix("Bearer ").unwrap_or_default().trim();
            let person = cluster.world.tokens.get(token).ok_or_else(Refused::unauthorized)?;
            authenticated(person.user(), person.groups().iter().map(|&group| group.to_owned()).collect())
        }
        (Peer::Stranger, None) => return Err(Refused::unauthorized()),
        (Peer::Unnamed, None) => Identity {
            user: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
        },
    };
    impersonated(cluster, who, headers)
}

fn impersonated(cluster: &Cluster, who: Identity, headers: &HeaderMap) -> Result<Identity, Refused> {
    let text = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
    };
    let users = text("impersonate-user");
    let groups = text("impersonate-group");
    let Some(user) = users.first() else {
        return if groups.is_empty() {
            Ok(who)
        } else {
            Err(Refused::bad_request(format!(
                "requested groups {groups:?} without impersonating a user name"
            )))
        };
    };
    let policy = cluster.policy();
    let wanted = std::iter::once(("users", user)).chain(groups.iter().map(|group| ("groups", group)));
    for (resource, name) in wanted {
        let act = Act::Resource { verb: "impersonate", group: "", resource, namespace: "", name };
        if !policy.allows(&who, act) {
            let what = format!(
                "User \"{}\" cannot impersonate resource \"{resource}\" in API group \"\" at the cluster scope",
                who.user
            );
            return Err(Refused::forbidden_plain(resource, name, &what));
        }
    }
    let mut groups = groups;
    if user != "system:anonymous" && !groups.iter().any(|group| group == "system:authenticated") {
        groups.push("system:authenticated".to_owned());
    }
    Ok(Identity { user: user.clone(), groups })
}

/// Lets a request for a resource through, or says in the server's words why not.
pub(super) fn authorize(
    cluster: &Cluster,
    who: &Identity,
    target: &Target,
    verb: &str,
) -> Result<(), Refused> {
    // A namespace is its own namespace, so that a role inside it can let somebody read it.
    let name = target.name.as_deref().unwrap_or_default();
    let namespace = if target.kind.plural == "namespaces" { name } else { &target.namespace };
    let resource = target.resource();
    let act = Act::Resource { verb, group: target.kind.group, resource: &resource, namespace, name };
    if cluster.policy().allows(who, act) {
        return Ok(());
    }
    let place = if target.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", target.namespace)
    };
    let what = format!(
        "User \"{}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {place}",
        who.user, target.kind.group
    );
    Err(Refused::forbidden(target.kind, name, &what))
}

/// The same for a path that is no resource.
pub(super) fn authorize_path(
    cluster: &Cluster,
    who: &Identity,
    method: &Method,
    path: &str,
) -> Result<(), Refused> {
    let verb = method.as_str().to_lowercase();
    if cluster.policy().allows(who, Act::Path { verb: &verb, path }) {
        return Ok(());
    }
    Err(Refused::forbidden_path(&format!("User \"{}\" cannot {verb} path \"{path}\"", who.user)))
}
