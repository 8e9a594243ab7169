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

/// Tells what the engine's health is: at first, and then every change, once. A watcher to whom the
/// reporter says the same twice is sent it twice.
pub(crate) struct Teller {
    health: Receiver<Health>,
    reporter: HealthReporter,
    told: [(&'static str, ServingStatus); 3],
}

impl Teller {
    /// Tells what `health` says now, before anybody can ask.
    pub(crate) async fn begin(mut health: Receiver<Health>, reporter: HealthReporter) -> Self {
        let told = statuses(*health.borrow_and_update());
        for (service, status) in told {
            reporter.set_service_status(service, status).await;
        }
        Self { health, reporter, told }
    }

    /// Goes on until the engine is gone.
    pub(crate) async fn follow(mut self) {
        while self.health.changed().await.is_ok() {
            let now = statuses(*self.health.borrow_and_update());
            for (told, now) in self.told.iter_mut().zip(now).filter(|(told, now)| *told != now) {
                *told = now;
                self.reporter.set_service_status(now.0, now.1).await;
            }
        }
    }
}

/// What each service is told as.
fn statuses(health: Health) -> [(&'static str, ServingStatus); 3] {
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
    use futures_util::FutureExt as _;
    use tokio::sync::watch;
    use tokio_stream::StreamExt as _;
    use tonic::Request;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response as pb;
    use tonic_health::pb::health_server::Health as _;
    use tonic_health::server::{HealthService, health_reporter};

    #[test]
    fn names_are_those_of_the_services() {
        assert_eq!(INVENTORY, inventory::SERVICE_NAME);
        assert_eq!(AVAILABILITY, availability::SERVICE_NAME);
    }

    #[tokio::test]
    async fn a_watcher_is_told_each_change_once() {
        let engine = watch::Sender::new(Health::Serving);
        let (reporter, _) = health_reporter();
        let teller = Teller::begin(engine.subscribe(), reporter.clone()).await;
        let mut watcher = HealthService::from_health_reporter(reporter)
            .watch(Request::new(HealthCheckRequest { service: INVENTORY.into() }))
            .await
            .unwrap()
            .into_inner();
        let first = watcher.next().await.unwrap().unwrap();
        assert_eq!(first.status(), pb::ServingStatus::Serving);
        let following = tokio::spawn(teller.follow());
        for same in [Health::Serving, Health::Serving] {
            engine.send_replace(same);
            tokio::task::yield_now().await;
            assert!(watcher.next().now_or_never().is_none(), "said twice");
        }
        engine.send_replace(Health::Draining);
        let second = watcher.next().await.unwrap().unwrap();
        assert_eq!(second.status(), pb::ServingStatus::NotServing);
        drop(engine);
        following.await.unwrap();
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
