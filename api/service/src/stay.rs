//! How long a stream may last: until its credential expires, or its connection is asked to leave. Then
//! it says why it ends; a session first answers what it has read.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

use berth_inventory::UnixMillis;
use http::Extensions;
use tokio::time::{Instant, Sleep};
use tonic::Code;

use crate::access::Caller;
use crate::door::Visit;
use crate::wire::Trouble;

/// See the module.
pub(crate) struct Stay(Option<Box<Bound>>);

struct Bound {
    over: Pin<Box<Sleep>>,
    why: Why,
    /// Who is woken when it is over.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Credential,
    Age,
}

impl Stay {
    /// Of the stream whose request has these extensions.
    pub fn of(extensions: &Extensions, now: UnixMillis) -> Self {
        let leaves = extensions.get::<Arc<Visit>>().and_then(|visit| visit.leaves);
        let caller = extensions.get::<Arc<Caller>>();
        let expires = caller.and_then(|caller| caller.expires).and_then(|at| {
            let left = Duration::from_millis(at.0.saturating_sub(now.0));
            Instant::now().checked_add(left)
        });
        let bounds = [expires.map(|at| (at, Why::Credential)), leaves.map(|at| (at, Why::Age))];
        let first = bounds.into_iter().flatten().min_by_key(|(at, _)| *at);
        Self(first.map(|(at, why)| {
            Box::new(Bound { over: Box::pin(tokio::time::sleep_until(at)), why, waker: None })
        }))
    }

    /// Why it is over, when it is. Asked often: mostly it only looks whether the time has come.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Trouble> {
        let Some(bound) = &mut self.0 else { return Poll::Pending };
        let is_known = bound.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_known && !bound.over.is_elapsed() {
            return Poll::Pending;
        }
        bound.waker = Some(cx.waker().clone());
        if bound.over.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let why = bound.why;
        self.0 = None;
        Poll::Ready(why.trouble())
    }
}

impl Why {
    fn trouble(self) -> Trouble {
        match self {
            Self::Credential => Trouble::new(
                Code::Unauthenticated,
                "the credential of this stream has expired; open another with a new one, and send what \
                 is unanswered again with the same request_ids",
            ),
            Self::Age => Trouble::new(
                Code::Unavailable,
                "this connection has lasted long enough; open the stream again on another, and send \
                 what is unanswered again with the same request_ids",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Roles;

    fn extensions(leaves: u64, expires: u64) -> Extensions {
        let mut extensions = Extensions::new();
        let leaves = Some(Instant::now() + Duration::from_millis(leaves));
        let address = core::net::Ipv4Addr::LOCALHOST.into();
        extensions.insert(Arc::new(Visit { address, names: Vec::new(), leaves }));
        let caller = Caller::of_certificate("somebody", Roles::BOOKING);
        let expires = Some(UnixMillis(expires));
        extensions.insert(Arc::new(Caller { expires, ..caller }));
        extensions
    }

    #[tokio::test]
    async fn what_ends_first_ends_the_stay() {
        const NOW: UnixMillis = UnixMillis(1_000_000);
        for (leaves, expires, code) in [
            (5, NOW.0 + 60_000, Code::Unavailable),
            (60_000, NOW.0 + 5, Code::Unauthenticated),
            (60_000, NOW.0 - 5, Code::Unauthenticated),
        ] {
            let mut stay = Stay::of(&extensions(leaves, expires), NOW);
            let over = core::future::poll_fn(|cx| stay.poll_over(cx)).await;
            assert_eq!(over.code(), code);
        }
        let mut free = Stay::of(&Extensions::new(), NOW);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(free.poll_over(&mut cx).is_pending());
    }
}
