//! The root of the actors: it outlives its workers and says why when one of them dies.
//!
//! A worker that ends in a panic is a fault of the node, not of a run: the node says why and ends.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::watch;

/// Why the node cannot go on, once it cannot.
pub(crate) type Fatal = watch::Sender<Option<String>>;

pub(crate) struct Root;

impl Actor for Root {
    type Msg = ();
    type State = Fatal;
    type Arguments = Fatal;

    async fn pre_start(&self, _: ActorRef<()>, fatal: Fatal) -> Result<Fatal, ActorProcessingErr> {
        Ok(fatal)
    }

    // The default stops the root when any worker ends, even in order.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        fatal: &mut Fatal,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(worker, why) = event {
            let why = format!("shard worker {} died: {why}", worker.get_id());
            tracing::error!(why, "the node cannot go on");
            fatal.send_replace(Some(why));
        }
        Ok(())
    }
}
