//! What no client of ours would send: a clear answer, no event, and the node goes on.

use berth_proto::{RETRY_PUSHBACK_HEADER, v1};
use http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::world::World;

/// A request whose text is any bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Bytes {
    #[prost(bytes = "vec", tag = "1")]
    text: Vec<u8>,
}

async fn send_bytes(url: &str, text: Vec<u8>) -> Status {
    let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<Bytes, v1::GetBookingResponse>::default();
    let path = PathAndQuery::from_static("/berth.v1.Inventory/GetBooking");
    grpc.unary(Request::new(Bytes { text }), path, codec).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bytes_are_the_callers_fault() {
    let world = World::start().await;
    let status = send_bytes(&world.public, vec![0xff, 0xfe]).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let status = send_bytes(&world.public, vec![b'1'; 1 << 20]).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert_eq!(status.metadata().get(RETRY_PUSHBACK_HEADER).unwrap(), "-1");
    let status = send_bytes(&world.public, vec![b'1'; 200_000]).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().len() < 200, "what came from outside is not sent back whole");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_violation_comes_back() {
    let world = World::start().await;
    let mut ask = world.reserve();
    ask.request_id = "x".into();
    ask.travel_class = 9_999;
    ask.passengers.clear();
    let status = world.inventory.clone().reserve(ask).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let bad = status.get_details_bad_request().unwrap();
    let fields: Vec<_> = bad.field_violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["request_id", "travel_class", "passengers"]);
    let batch = v1::BatchQueryRequest { queries: vec![world.query(), v1::QueryRequest::default()] };
    let status = world.availability.clone().batch_query(batch).await.unwrap_err();
    let bad = status.get_details_bad_request().unwrap();
    assert_eq!(bad.field_violations[0].field, "queries[1].run");
    for count in [0, 65] {
        let batch = v1::BatchQueryRequest { queries: vec![world.query(); count] };
        let status = world.availability.clone().batch_query(batch).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{count} queries");
    }
    assert_eq!(*world.engine.durable_lsn().borrow(), world.first_lsn, "no event was left");
    world.stop().await;
}
