//! Names to addresses, by the operating system's rules.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::Workers;

/// Lookups at the same time. One that hangs blocks a thread for as long as the system's own patience lasts, and a fleet
/// may have dozens of dead names.
const THREADS: usize = 64;

/// Addresses kept of one answer.
const MOST: usize = 8;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The system says no.
    #[error("the name does not resolve")]
    Failed(#[source] std::io::Error),
    /// It resolves to nothing.
    #[error("the name has no address")]
    Empty,
    /// No answer in time.
    #[error("no answer from the name service in time")]
    Late,
}

/// Looks names up on threads of its own, so that slow ones stop nobody else for long.
#[derive(Clone, Debug)]
pub struct Resolver(Workers);

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver {
    /// A resolver without any thread yet.
    pub fn new() -> Self {
        Self(Workers::new("lookup", THREADS))
    }

    /// The addresses of `host`, at most eight, in the system's order. A numeric address is not looked up.
    ///
    /// # Errors
    /// If there is none, or none in time.
    pub async fn lookup(
        &self,
        host: &str,
        port: u16,
        deadline: Duration,
    ) -> Result<Vec<SocketAddr>, LookupError> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let name = host.to_owned();
        let found = self
            .0
            .run(deadline, move || {
                (name.as_str(), port).to_socket_addrs().map(|all| all.take(MOST).collect::<Vec<_>>())
            })
            .await;
        match found {
            Err(_) => Err(LookupError::Late),
            Ok(Err(e)) => Err(LookupError::Failed(e)),
            Ok(Ok(addresses)) if addresses.is_empty() => Err(LookupError::Empty),
            Ok(Ok(addresses)) => Ok(addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn numbers_are_taken_as_they_are_and_names_looked_up() {
        let resolver = Resolver::new();
        let wait = Duration::from_secs(20);
        for (host, address) in
            [("127.0.0.1", "127.0.0.1:6443"), ("::1", "[::1]:6443"), ("[::1]", "[::1]:6443")]
        {
            assert_eq!(resolver.lookup(host, 6443, wait).await.unwrap(), [address.parse().unwrap()]);
        }
        let local = resolver.lookup("localhost", 6443, wait).await.unwrap();
        assert!(local.iter().all(|a| a.ip().is_loopback()));
    }

    #[tokio::test]
    async fn a_name_that_is_none_fails() {
        let wait = Duration::from_mins(1);
        assert!(Resolver::new().lookup("no such host.invalid", 1, wait).await.is_err());
    }
}
