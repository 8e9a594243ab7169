//! An echo of the server: the same services, message sizes and limits, and no engine behind it.
//!
//! It is as fast as a tonic server that speaks these protos can be. Requests are decoded as any
//! tonic server decodes them (`Reading::Prost`), or only as far as is needed to know what to answer
//! (`Reading::Frames`). Answers are bytes that were encoded once, of the size that a granted
//! command's answer has; only the correlation id is written into them.

mod replies;
mod requests;
mod service;

use std::net::{Ipv4Addr, SocketAddr};

use tonic::transport::server::TcpIncoming;

use crate::fault::{Bench, BenchError};
use crate::server::Flavour;
use replies::Replies;
pub use requests::Reading;
use service::{Enquiries, Seats};

/// As the server has it.
const STREAMS_MAX: u32 = 256;
/// As the server has it.
const STREAM_WINDOW: u32 = berth_proto::REQUEST_BYTES_MAX as u32;

/// Serves until it is ended.
///
/// # Errors
/// No socket, no runtime.
pub fn serve(flavour: Flavour, reading: Reading) -> Bench<()> {
    let mut builder = match flavour {
        Flavour::CurrentThread => tokio::runtime::Builder::new_current_thread(),
        Flavour::MultiThread => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().map_err(BenchError::io("make a runtime"))?;
    runtime.block_on(async {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = tokio::net::TcpListener::bind(anywhere).await;
        let listener = listener.map_err(BenchError::io("listen on a free port"))?;
        let address = listener.local_addr().map_err(BenchError::io("ask for the port"))?;
        println!("echo is serving on {address}");
        let replies = std::sync::Arc::new(Replies::new());
        let served = async {
            let seconds = core::time::Duration::from_secs;
            tonic::transport::Server::builder()
                .max_concurrent_streams(STREAMS_MAX)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(4 * STREAM_WINDOW)
                .http2_keepalive_interval(Some(seconds(20)))
                .http2_keepalive_timeout(Some(seconds(10)))
                .add_service(Seats { replies: replies.clone(), reading })
                .add_service(Enquiries { replies })
                .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
                .await
        };
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(BenchError::io("wait for signals"))?;
        tokio::select! {
            served = served => served.map_err(|why| BenchError::Wire(why.to_string())),
            _ = term.recv() => Ok(()),
        }
    })
}
