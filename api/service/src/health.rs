//! `grpc.health.v1` follows the engine.
//!
//! Nothing is served while recovering or draining. Once the journal has failed nothing can be
//! changed, but what was published can still be read: only Availability stays SERVING.

use berth_engine::node::Health;
use tokio::sync::watch::Receiver;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

const INVENTORY: &str = "berth.v1.Inventory";
const AVAILABILITY: &str = "berth.v1.Availability";

/// Tells `reporter` what `health` says until the engine is gone.
pub(crate) async fn follow(mut health: Receiver<Health>, reporter: HealthReporter) {
    loop {
        let now = *health.borrow_and_update();
        for (service, status) in statuses(now) {
            reporter.set_service_status(service, status).await;
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}

/// What each service is told as.
pub(crate) fn statuses(health: Health) -> [(&'static str, ServingStatus); 3] {
    let (mutations, reads) = match health {
        Health::Serving => (ServingStatus::Serving, ServingStatus::Serving),
        Health::JournalFailed => (ServingStatus::NotServing, ServingStatus::Serving),
        Health::Recovering | Health::Draining => {
            (ServingStatus::NotServing, ServingStatus::NotServing)
        }
    };
    [("", mutations), (INVENTORY, mutations), (AVAILABILITY, reads)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_proto::v1::{availability_server as availability, inventory_server as inventory};

    #[test]
    fn names_are_those_of_the_services() {
        assert_eq!(INVENTORY, inventory::SERVICE_NAME);
        assert_eq!(AVAILABILITY, availability::SERVICE_NAME);
    }

    #[test]
    fn only_reads_survive_a_failed_journal() {
        let serving = |health| statuses(health).map(|(_, s)| s == ServingStatus::Serving);
        assert_eq!(serving(Health::Serving), [true; 3]);
        assert_eq!(serving(Health::JournalFailed), [false, false, true]);
        assert_eq!(serving(Health::Draining), [false; 3]);
        assert_eq!(serving(Health::Recovering), [false; 3]);
    }
}
