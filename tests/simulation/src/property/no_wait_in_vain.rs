//! Every wait ends by itself: while a command waits, somebody in the node has something to do that
//! brings its answer nearer. (That it comes in the end, the liveness phase sees; there, others come
//! too, and a wake that was lost is made good by theirs.)

use super::{Look, Property, Verdict, ensure};

/// See the module.
pub struct NoWaitInVain;

impl Property for NoWaitInVain {
    fn name(&self) -> &'static str {
        "no-wait-in-vain"
    }

    fn step(&self, look: &Look<'_>) -> Verdict {
        ensure(!look.node.waits_in_vain(), || {
            "a command waits, and nobody in the node has anything to do".to_owned()
        })
    }
}
