//! Who a credential is: a name that people recognise, and a key that is equal where the credential is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::access::Exec;

/// SHA-256 over tagged, length-prefixed parts, so that no two lists of parts look the same. Secrets enter here and never leave.
#[derive(Clone)]
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(super) fn new(method: &str) -> Self {
        let mut print = Self(Sha256::new());
        print.part("method", method.as_bytes());
        print
    }

    pub(super) fn part(&mut self, tag: &str, bytes: &[u8]) {
        for part in [tag.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
    }

    pub(super) fn finish(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

/// What a JSON Web Token says about itself (RFC 7519). Nobody has verified it; it is for showing only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) subject: Option<String>,
    pub(super) expires: Option<DateTime<Utc>>,
    pub(super) not_before: Option<DateTime<Utc>>,
}

/// The claims of a token, empty if it is not a JSON Web Token.
pub(super) fn claims(token: &str) -> Claims {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Claims::default();
    };
    let Some(json) = URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
    else {
        return Claims::default();
    };
    let text = |key: &str| json.get(key)?.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    // Seconds, by RFC 7519 possibly with a fraction.
    let time = |key: &str| {
        let value = json.get(key)?;
        let seconds = value.as_i64().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and such a date is no date")]
            value.as_f64().map(|s| s as i64)
        })?;
        DateTime::from_timestamp(seconds, 0)
    };
    let subject = text("email").or_else(|| text("preferred_username")).or_else(|| text("sub")).map(|name| {
        match name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
            Some((namespace, account)) => format!("service account {namespace}/{account}"),
            None => name,
        }
    });
    Claims { subject, expires: time("exp"), not_before: time("nbf") }
}

/// What a plugin signs in to, from the few flags and variables that say so.
pub(super) fn exec_label(exec: &Exec) -> String {
    let base = exec.command.rsplit(['/', '\\']).next().unwrap_or_default();
    let base = base.strip_suffix(".exe").unwrap_or(base);
    let flag = |names: &[&str]| flag_value(&exec.args, names);
    let variable = |name: &str| exec.env.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    match base {
        "aws" | "aws-iam-authenticator" => {
            let role = flag(&["--role-arn", "--role", "-r"]).and_then(|arn| arn.rsplit('/').next());
            let profile = flag(&["--profile"]).or_else(|| variable("AWS_PROFILE"));
            match (profile, role) {
                (Some(profile), Some(role)) => format!("aws: profile {profile}, role {role}"),
                (Some(profile), None) => format!("aws: profile {profile}"),
                (None, Some(role)) => format!("aws: role {role}"),
                (None, None) => "aws: default profile".to_owned(),
            }
        }
        "gke-gcloud-auth-plugin" | "gcloud" => match variable("CLOUDSDK_ACTIVE_CONFIG_NAME") {
            Some(name) => format!("gcloud: configuration {name}"),
            None => "gcloud: active account".to_owned(),
        },
        "tsh" => match flag(&["--proxy"]) {
            Some(proxy) => format!("teleport: {proxy}"),
            None => "teleport".to_owned(),
        },
        _ => {
            if let Some(issuer) = flag(&["--oidc-issuer-url"]) {
                let host = issuer.split("://").nth(1).unwrap_or(issuer);
                return format!("oidc: {}", host.split(['/', '?', '@']).next().unwrap_or(host));
            }
            if base == "kubelogin" || base == "kubectl-kubelogin" {
                return match flag(&["--tenant-id", "-t"]) {
                    Some(tenant) => format!("azure: tenant {tenant}"),
                    None => "azure".to_owned(),
                };
            }
            format!("exec: {base}")
        }
    }
}

/// The value of `--flag value` or `--flag=value`.
fn flag_value<'a>(args: &'a [String], names: &[&str]) -> Option<&'a str> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        for name in names {
            match arg.strip_prefix(name) {
                Some("") => return args.next().map(String::as_str),
                Some(rest) if rest.starts_with('=') => return rest.strip_prefix('='),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Interactive;

    fn exec(command: &str, args: &[&str], env: &[(&str, &str)]) -> Exec {
        Exec {
            api_version: String::new(),
            command: command.to_owned(),
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            install_hint: None,
            provide_cluster_info: false,
            interactive: Interactive::Never,
            cluster_config: None,
        }
    }

    #[test]
    fn plugins_are_named_after_what_they_sign_in_to() {
        for (command, args, env, label) in [
            ("aws", &["eks", "get-token", "--profile", "pay"][..], &[][..], "aws: profile pay"),
            ("/usr/bin/aws", &["eks", "get-token"], &[("AWS_PROFILE", "ops")], "aws: profile ops"),
            ("aws", &["--role-arn=arn:aws:iam::1:role/admin"], &[], "aws: role admin"),
            ("aws", &["eks", "--profile"], &[], "aws: default profile"),
            ("gke-gcloud-auth-plugin", &[], &[], "gcloud: active account"),
            (
                "kubectl",
                &["oidc-login", "get-token", "--oidc-issuer-url=https://dex.corp/x"],
                &[],
                "oidc: dex.corp",
            ),
            ("kubelogin", &["get-token", "--tenant-id", "t1"], &[], "azure: tenant t1"),
            ("C:\\bin\\my-plugin.exe", &[], &[], "exec: my-plugin"),
        ] {
            assert_eq!(exec_label(&exec(command, args, env)), label);
        }
    }

    #[test]
    fn tokens_that_are_jwts_say_who_and_until_when() {
        let token = |json: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json));
        let read =
            claims(&token(r#"{"sub":"system:serviceaccount:ops:robot","exp":1800000000,"nbf":1.7e9}"#));
        assert_eq!(read.subject.as_deref(), Some("service account ops/robot"));
        assert_eq!(read.expires.unwrap().timestamp(), 1_800_000_000);
        assert_eq!(read.not_before.unwrap().timestamp(), 1_700_000_000);
        for other in ["opaque", "a.b.c", "e30..", "a.b.c.d", &token("[]"), &token(r#"{"exp":1e300}"#)] {
            assert_eq!(claims(other), Claims::default(), "{other}");
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let print = |a: &str, b: &str| {
            let mut print = Fingerprint::new("x");
            print.part("a", a.as_bytes());
            print.part("b", b.as_bytes());
            print.finish()
        };
        assert_ne!(print("ab", "c"), print("a", "bc"));
        assert_eq!(print("ab", "c"), print("ab", "c"));
    }
}
