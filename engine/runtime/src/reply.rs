//! Where answers go: one waiting call, or a session that takes them as they come.
//!
//! Always true: every command that was pushed is answered once, or its caller learns that nobody
//! will answer any more.

use std::sync::Arc;

use berth_node::{Fault, Outcome, Parcel, State, Way, Work};
use tokio::sync::oneshot;

pub use crate::tray::Lost;
use crate::tray::Tray;

/// A parcel on its way between a caller and a shard.
pub(crate) type Post = Box<Parcel<Back>>;

/// A parcel's way back. Dropped with answers owed, it tells that the node is going.
#[derive(Debug)]
pub struct Back {
    to: Address,
    /// Answers that are still to come this way.
    pub(crate) owed: usize,
}

#[derive(Debug)]
enum Address {
    One(Option<oneshot::Sender<Outcome>>),
    Sink(Arc<Sink>),
}

impl Back {
    /// A call's one command, with the receiver of its answer.
    pub(crate) fn one(work: Work) -> (Post, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (
            Box::new(Parcel::of_work(Self { to: Address::One(Some(sender)), owed: 1 }, work)),
            receiver,
        )
    }

    /// For the commands of a session, each of which is an answer owed.
    pub(crate) fn to_sink(sink: &Arc<Sink>) -> Self {
        Self { to: Address::Sink(Arc::clone(sink)), owed: 0 }
    }

    /// For a parcel without commands.
    fn nowhere() -> Self {
        Self { to: Address::One(None), owed: 0 }
    }
}

impl Way for Back {
    fn share(&mut self) -> Self {
        let to = match &mut self.to {
            Address::One(sender) => Address::One(sender.take()),
            Address::Sink(sink) => Address::Sink(Arc::clone(sink)),
        };
        self.owed -= 1;
        Self { to, owed: 1 }
    }
}

impl Drop for Back {
    fn drop(&mut self) {
        // A call learns it from its dropped sender.
        if let Address::Sink(sink) = &self.to
            && self.owed > 0
        {
            sink.lose();
        }
    }
}

/// Answers the one call of a parcel.
fn answer(post: &mut Parcel<Back>) {
    if let Address::One(sender) = &mut post.to.to {
        // The caller may have gone; what happened stays and a retry finds it.
        let told = post.works.pop().map(|work| work.state);
        if let (Some(sender), Some(State::Told(outcome))) = (sender.take(), told) {
            let _ = sender.send(outcome);
        }
    }
}

/// Hands a parcel whose commands are all answered to its caller, or that of a call to `calls`. The
/// sinks to wake are gathered in `woken`: one wake for each.
pub(crate) fn hand_over(mut post: Post, calls: Option<&Arc<Sink>>, woken: &mut Vec<Arc<Sink>>) {
    post.to.owed = 0;
    let sink = match &post.to.to {
        Address::Sink(sink) => Arc::clone(sink),
        Address::One(_) => match calls {
            Some(calls) => Arc::clone(calls),
            None => return answer(&mut post),
        },
    };
    if matches!(post.to.to, Address::Sink(_)) {
        post.to = Back::nowhere();
    }
    if sink.put(post) {
        woken.push(sink);
    }
}

/// Answers a list; one wake for each session in it.
pub(crate) fn hand_over_all(posts: impl Iterator<Item = Post>) {
    let mut woken = Vec::new();
    posts.for_each(|post| hand_over(post, None, &mut woken));
    for sink in &woken {
        sink.wake();
    }
}

/// Answers the calls of each group from within the runtime: a thread outside would wake every one
/// of them through the runtime's one shared queue, and its workers one by one.
pub(crate) struct Teller(Arc<Sink>);

impl Teller {
    /// Starts the task; it ends when this is dropped, after what was handed to it is told.
    pub fn start() -> Self {
        let calls = Arc::new(Sink::default());
        let sink = Arc::clone(&calls);
        tokio::spawn(async move {
            let mut posts = Vec::new();
            while core::future::poll_fn(|cx| sink.poll_take(cx, &mut posts)).await.is_ok() {
                posts.drain(..).for_each(|mut post| answer(&mut post));
            }
        });
        Self(calls)
    }

    /// Where calls are handed in.
    pub fn calls(&self) -> Arc<Sink> {
        Arc::clone(&self.0)
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.lose();
    }
}

/// Tells every command of a parcel the same fault.
pub(crate) fn fail(mut post: Post, fault: &Fault) {
    post.fail(fault);
    hand_over_all(core::iter::once(post));
}

/// The answers of one session that its stream has not taken yet.
pub(crate) type Sink = Tray<Post>;

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use super::*;

    fn look(sink: &Sink) -> Poll<Result<(), Lost>> {
        let mut taken = Vec::new();
        sink.poll_take(&mut Context::from_waker(std::task::Waker::noop()), &mut taken)
    }

    #[test]
    fn a_session_learns_of_answers_that_will_not_come() {
        let sink = Arc::new(Sink::default());
        let mut back = Back::to_sink(&sink);
        back.owed = 2;
        let waits = back.share();
        assert_eq!((back.owed, waits.owed), (1, 1));
        assert_eq!(look(&sink), Poll::Pending, "both are under way");
        drop(waits);
        assert_eq!(look(&sink), Poll::Ready(Err(Lost)));
        back.owed = 0;
    }

    #[test]
    fn what_was_handed_in_before_the_end_is_taken_before_it() {
        let sink = Sink::default();
        assert!(sink.put(Box::new(Parcel::new(Back::nowhere()))), "somebody must wake the taker");
        assert!(!sink.put(Box::new(Parcel::new(Back::nowhere()))), "somebody will");
        sink.lose();
        assert_eq!(look(&sink), Poll::Ready(Ok(())));
        assert_eq!(look(&sink), Poll::Ready(Err(Lost)));
    }

    #[test]
    fn a_parcel_that_all_commands_have_left_owes_nothing() {
        let sink = Arc::new(Sink::default());
        let mut back = Back::to_sink(&sink);
        back.owed = 1;
        let waits = back.share();
        drop(back);
        assert_eq!(look(&sink), Poll::Pending, "its command waits for its run");
        hand_over_all(core::iter::once(Box::new(Parcel::new(waits))));
        assert_eq!(look(&sink), Poll::Ready(Ok(())));
        assert_eq!(look(&sink), Poll::Pending);
    }
}
