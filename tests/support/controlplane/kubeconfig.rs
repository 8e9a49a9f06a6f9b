//! The kubeconfigs that lead to the servers.

use base64::Engine as _;

use super::server::ApiServer;

/// A kubeconfig as YAML, everything inline: one context per server, named after it, with the administrator's
/// certificate; with `every_way_in` also those with tokens.
pub fn text(servers: &[ApiServer], every_way_in: bool) -> String {
    let encode = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
    let (mut clusters, mut contexts, mut users) = (Vec::new(), Vec::new(), Vec::new());
    for server in servers {
        let name = &server.name;
        let (url, ca) = (&server.url, encode(&server.ca_pem));
        clusters.push(format!(
            "- name: {name}\n  cluster:\n    server: {url}\n    certificate-authority-data: {ca}\n"
        ));
        let (cert, key) = (encode(&server.admin.cert_pem), encode(&server.admin.key_pem));
        let mut logins =
            vec![(name.clone(), format!("client-certificate-data: {cert}\n    client-key-data: {key}"))];
        if every_way_in {
            logins.push((format!("{name}-token"), format!("token: {}", server.admin_token)));
            logins.push((format!("{name}-viewer"), format!("token: {}", server.viewer_token)));
            logins.push((format!("{name}-stranger"), "token: nobody-knows-this-token".to_owned()));
        }
        for (login, secret) in logins {
            contexts.push(format!("- name: {login}\n  context:\n    cluster: {name}\n    user: {login}\n"));
            users.push(format!("- name: {login}\n  user:\n    {secret}\n"));
        }
    }
    let current = servers.first().map_or("", |server| server.name.as_str());
    [
        format!("apiVersion: v1\nkind: Config\ncurrent-context: {current}\n"),
        format!("clusters:\n{}", clusters.concat()),
        format!("contexts:\n{}", contexts.concat()),
        format!("users:\n{}", users.concat()),
    ]
    .concat()
}
