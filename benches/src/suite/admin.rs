//! What a server says of itself to operators.

use berth_proto::v1;
use berth_proto::v1::operations_client::OperationsClient;

use crate::fault::{Bench, BenchError};

/// Figures of the server whose admin listener is at `address`.
///
/// # Errors
/// The wire.
pub fn stats(address: &str) -> Bench<v1::GetStatsResponse> {
    let wire = |why: &dyn core::fmt::Display| BenchError::Wire(format!("stats: {why}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::io("make a runtime"))?.block_on(async {
        let mut client =
            OperationsClient::connect(address.to_owned()).await.map_err(|why| wire(&why))?;
        let stats = client.get_stats(v1::GetStatsRequest {}).await;
        Ok(stats.map_err(|why| wire(&why))?.into_inner())
    })
}
