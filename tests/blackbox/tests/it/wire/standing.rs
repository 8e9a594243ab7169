//! Standard services: health, reflection, metrics.

use tokio_stream::StreamExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::asking::reserve;
use crate::house::tree::read;
use crate::patience::until;
use crate::server::Server;

#[tokio::test]
async fn both_listeners_say_that_they_serve() {
    let server = Server::start();
    for channel in [server.channel().await, server.admin_channel().await] {
        let mut health = HealthClient::new(channel);
        for service in ["", "berth.v1.Inventory", "berth.v1.Availability"] {
            let ask = HealthCheckRequest { service: service.into() };
            let status = health.check(ask).await.unwrap().into_inner().status();
            assert_eq!(status, ServingStatus::Serving, "{service:?}");
        }
        let ask = HealthCheckRequest { service: "berth.v9.Nothing".into() };
        assert_eq!(health.check(ask).await.unwrap_err().code(), tonic::Code::NotFound);
    }
}

#[tokio::test]
async fn reflection_names_what_each_listener_serves() {
    let server = Server::start();
    let services = async |channel| {
        let mut client = ServerReflectionClient::new(channel);
        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let asked = tokio_stream::once(list);
        let mut told = client.server_reflection_info(asked).await.unwrap().into_inner();
        match told.next().await.unwrap().unwrap().message_response {
            Some(MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
            }
            other => panic!("a list of services expected: {other:?}"),
        }
    };
    let public = services(server.channel().await).await;
    let has = |names: &[String], name: &str| names.iter().any(|n| n == name);
    assert!(has(&public, "berth.v1.Inventory") && has(&public, "berth.v1.Availability"));
    assert!(!has(&public, "berth.v1.Operations") && !has(&public, "berth.v1.Journal"));
    let admin = services(server.admin_channel().await).await;
    assert!(has(&admin, "berth.v1.Operations") && has(&admin, "berth.v1.Journal"), "{admin:?}");
}

#[tokio::test]
async fn operators_calls_are_not_on_the_public_listener() {
    use berth_client::v1::GetStatsRequest;
    use berth_client::v1::operations_client::OperationsClient;
    let server = Server::start();
    let mut stub = OperationsClient::new(server.channel().await);
    let status = stub.get_stats(GetStatsRequest {}).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn metrics_are_text_on_the_admin_listener() {
    let server = Server::start();
    let client = server.client().await;
    client.reserve(reserve("10001", 1)).await.unwrap();
    // So that there is a refusal to count.
    client.reserve(reserve("99999", 1)).await.unwrap();
    let documented = read("docs/metrics.md");
    let names: Vec<_> = documented
        .lines()
        .filter_map(|line| line.strip_prefix("| `berth_")?.split('`').next())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    // Disk and clock are looked at after a moment.
    let text = until("every documented metric is told", async || {
        let text = server.metrics().await;
        let told = |name: &&str| text.contains(&format!("# TYPE berth_{name} "));
        names.iter().all(told).then_some(text)
    })
    .await;
    // No run, berth, PNR, caller or address is a label.
    assert!(!text.contains("10001") && !text.contains("127.0.0.1"), "{text}");
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE berth_")) {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(names.contains(&name), "berth_{name} is not in docs/metrics.md");
    }
}
