//! What `open-sale` and `close-sale` share.

use berth_client::v1;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::journey::StartArgs;
use crate::said::Said;
use crate::target::Target;
use crate::view::utc;
use crate::words;

/// `berth ops open-sale`, `berth ops close-sale`.
#[derive(Debug, Args)]
pub struct SaleArgs {
    #[command(flatten)]
    pub run: StartArgs,
    /// Only pools of this class, such as 3A
    #[arg(long, value_parser = words::class)]
    pub class: Option<v1::TravelClass>,
    /// Only pools of this quota, such as TQ
    #[arg(long, default_value = "")]
    pub quota: String,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// The pools that were touched.
#[derive(Debug, Serialize)]
pub struct SaleView {
    open: bool,
    pools: Vec<PoolView>,
    server_time: Option<String>,
    run_version: u64,
}

#[derive(Debug, Serialize)]
struct PoolView {
    class: String,
    quota: String,
}

impl SaleView {
    pub fn of(
        sale: &v1::SaleChange,
        run_version: u64,
        server_time: Option<&prost_types::Timestamp>,
    ) -> Self {
        let pool = |pool: &v1::PoolName| PoolView {
            class: words::class_code(pool.travel_class),
            quota: pool.quota.clone(),
        };
        Self {
            open: sale.open,
            pools: sale.pools.iter().map(pool).collect(),
            server_time: utc(server_time),
            run_version,
        }
    }

    pub fn said(&self) -> Said {
        let pools: Vec<String> =
            self.pools.iter().map(|pool| format!("{} {}", pool.class, pool.quota)).collect();
        let done = if self.open { "open" } else { "closed" };
        let pools = if pools.is_empty() { "nothing".to_owned() } else { pools.join(", ") };
        Said::done(self, format!("{done}: {pools}"))
    }
}
