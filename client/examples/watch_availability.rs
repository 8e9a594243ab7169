//! Prints the availability of one journey whenever it changes.
//!
//! `cargo run -p berth-client --example watch_availability -- 12951 2026-12-02 MMCT NDLS`

use std::error::Error;

use berth_client::Client;
use berth_client::v1::{RunRef, StopRef, WatchRequest, run_ref, stop_ref, watch_response};

fn station(code: &str) -> StopRef {
    StopRef { stop: Some(stop_ref::Stop::Code(code.into())), occurrence: 0 }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [train, date, from, to] = given.as_slice() else {
        return Err("usage: watch_availability TRAIN DATE FROM TO".into());
    };
    let client = Client::connect("http://127.0.0.1:50051").await?;
    let request = WatchRequest {
        run: Some(RunRef { train: train.clone(), day: Some(run_ref::Day::Date(date.clone())) }),
        from_stop: Some(station(from)),
        to_stop: Some(station(to)),
        ..WatchRequest::default()
    };
    let mut answers = client.watch(request).await?;
    while let Some(answer) = answers.message().await? {
        match answer.outcome {
            Some(watch_response::Outcome::Table(table)) => {
                for row in table.rows {
                    let (class, status) = (row.travel_class(), row.status());
                    println!(
                        "v{} {class:?} {} {status:?} {}",
                        answer.run_version, row.quota, row.count
                    );
                }
            }
            Some(watch_response::Outcome::Refusal(no)) => return Err(no.message.into()),
            None => return Err("the answer is of a kind this client does not know".into()),
        }
    }
    Ok(())
}
