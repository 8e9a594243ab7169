//! `berth ops info`: what the server is and how it was set.

use berth_client::v1;
use clap::Args;
use serde::Serialize;

use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::{millis, utc};

/// `berth ops info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    #[command(flatten)]
    pub target: Target,
}

/// Software, addresses, settings.
#[derive(Debug, Serialize)]
pub struct InfoView {
    version: String,
    pid: u32,
    server_time: Option<String>,
    started_at: Option<String>,
    listen: String,
    admin_listen: String,
    data_dir: String,
    durability: String,
    workers: u32,
    zone: String,
    trains: u32,
    first_start_date: String,
    last_start_date: String,
    hold_ttl_default_ms: Option<i64>,
    hold_ttl_min_ms: Option<i64>,
    hold_ttl_max_ms: Option<i64>,
    hold_life_max_ms: Option<i64>,
    grace_until: Option<String>,
}

impl InfoView {
    pub fn of(info: &v1::GetServerInfoResponse) -> Self {
        Self {
            version: info.version.clone(),
            pid: info.pid,
            server_time: utc(info.server_time.as_ref()),
            started_at: utc(info.started_at.as_ref()),
            listen: info.listen.clone(),
            admin_listen: info.admin_listen.clone(),
            data_dir: info.data_dir.clone(),
            durability: info.durability.clone(),
            workers: info.workers,
            zone: info.zone.clone(),
            trains: info.trains,
            first_start_date: info.first_start_date.clone(),
            last_start_date: info.last_start_date.clone(),
            hold_ttl_default_ms: millis(info.hold_ttl_default.as_ref()),
            hold_ttl_min_ms: millis(info.hold_ttl_min.as_ref()),
            hold_ttl_max_ms: millis(info.hold_ttl_max.as_ref()),
            hold_life_max_ms: millis(info.hold_life_max.as_ref()),
            grace_until: utc(info.grace_until.as_ref()),
        }
    }

    pub fn text(&self) -> String {
        let grace = self.grace_until.as_ref().map_or_else(String::new, |until| {
            format!("\nholds found at the restart have grace until {until}")
        });
        let seconds =
            |ms: Option<i64>| ms.map_or_else(|| "?".into(), |ms| format!("{}", ms / 1_000));
        let holds = format!(
            "holds last {} s, {} s to {} s when asked, {} s in all",
            seconds(self.hold_ttl_default_ms),
            seconds(self.hold_ttl_min_ms),
            seconds(self.hold_ttl_max_ms),
            seconds(self.hold_life_max_ms),
        );
        let version = self.version.trim_start_matches("berth ");
        format!(
            "berth {version} (pid {}) on {}, admin on {}\nstarted at {}\n\
             journal in {}, durability {}, {} workers\n\
             {} trains open from {} to {} ({})\n{holds}{grace}",
            self.pid,
            self.listen,
            self.admin_listen,
            self.started_at.as_deref().unwrap_or("no time"),
            self.data_dir,
            self.durability,
            self.workers,
            self.trains,
            self.first_start_date,
            self.last_start_date,
            self.zone,
        )
    }
}

/// Asks and tells.
pub async fn run(args: &InfoArgs) -> Result<Said, Fault> {
    let info = args.target.admin().await?.get_server_info(v1::GetServerInfoRequest {}).await?;
    let view = InfoView::of(&info);
    Ok(Said::done(&view, view.text()))
}
