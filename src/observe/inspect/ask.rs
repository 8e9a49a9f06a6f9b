//! How an inspection asks: over a link, or by a script in tests.

use bytes::{Bytes, BytesMut};

use crate::access::{Accept, Ask, Link, Purpose, Reply};
use crate::fleet::Failure;

/// Bytes of one page. 500 Deployments are some 5 MiB; a page above the cap is a failure of its part.
const PAGE: usize = 24 << 20;
/// Bytes of all metrics.
const METRICS: usize = 64 << 20;

/// Somebody who answers the questions of an inspection.
pub(in crate::observe) trait Asks: Send {
    /// One page; the reply may have any status.
    fn page(&mut self, path: &str, accept: Accept) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// All metrics, given to `each` as they come.
    fn metrics(
        &mut self,
        each: &mut (dyn FnMut(Bytes) + Send),
    ) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

impl Asks for Link {
    async fn page(&mut self, path: &str, accept: Accept) -> Result<Reply, Failure> {
        let mut body = BytesMut::new();
        let mut gather = |piece: Bytes| body.extend_from_slice(&piece);
        let ask = Ask { path, accept, purpose: Purpose::Action };
        let mut reply = self.stream(&ask, PAGE, &mut gather).await?;
        if reply.failure().is_none() {
            reply.body = body.freeze();
        }
        Ok(reply)
    }

    async fn metrics(&mut self, each: &mut (dyn FnMut(Bytes) + Send)) -> Result<Reply, Failure> {
        let ask = Ask { path: "/metrics", accept: Accept::Any, purpose: Purpose::BigList };
        self.stream(&ask, METRICS, each).await
    }
}
