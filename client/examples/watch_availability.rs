//! Prints the availability of one journey whenever it changes.
//!
//! `cargo run -p berth-client --example watch_availability -- 12951 2026-12-02 MMCT NDLS`
//!
//! `BERTH_SERVER` names another server than the one on this machine.

use std::error::Error;
use std::ops::ControlFlow;

use berth_client::Client;
use berth_client::v1::{RunRef, StopRef, WatchRequest, run_ref, stop_ref, watch_response};

fn station(code: &str) -> StopRef {
    StopRef { stop: Some(stop_ref::Stop::Code(code.into())), occurrence: 0 }
}

/// Shows every row to `show` until that says stop.
pub async fn watch(
    server: &str,
    given: &[String],
    mut show: impl FnMut(String) -> ControlFlow<()>,
) -> Result<(), Box<dyn Error>> {
    let [train, date, from, to] = given else {
        return Err("usage: watch_availability TRAIN DATE FROM TO".into());
    };
    let client = Client::connect(server).await?;
    let request = WatchRequest {
        run: Some(RunRef { train: train.clone(), day: Some(run_ref::Day::Date(date.clone())) }),
        from_stop: Some(station(from)),
        to_stop: Some(station(to)),
        ..WatchRequest::default()
    };
    let mut answers = client.watch(request).await?;
    while let Some(answer) = answers.message().await? {
        let table = match answer.outcome {
            Some(watch_response::Outcome::Table(table)) => table,
            Some(watch_response::Outcome::Refusal(no)) => return Err(no.message.into()),
            None => return Err("the answer is of a kind this client does not know".into()),
        };
        for row in table.rows {
            let (class, status, version) = (row.travel_class(), row.status(), answer.run_version);
            let line = format!("v{version} {class:?} {} {status:?} {}", row.quota, row.count);
            if show(line).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::var("BERTH_SERVER").unwrap_or("http://127.0.0.1:50051".into());
    let given: Vec<String> = std::env::args().skip(1).collect();
    let print = |line| {
        println!("{line}");
        ControlFlow::Continue(())
    };
    watch(&server, &given, print).await
}
