//! Holds a berth, pretends to take payment, confirms.
//!
//! `cargo run -p berth-client --example hold_and_confirm -- 12951 2026-12-02 MMCT NDLS`
//!
//! `BERTH_SERVER` names another server than the one on this machine.

use std::error::Error;

use berth_client::v1::{
    ConfirmRequest, Passenger, ReserveRequest, RunRef, Sex, StopRef, TravelClass, confirm_response,
    passenger, reserve_response, run_ref, stop_ref,
};
use berth_client::{Client, new_request_id};

fn station(code: &str) -> StopRef {
    StopRef { stop: Some(stop_ref::Stop::Code(code.into())), occurrence: 0 }
}

/// Sells one berth; the booking's PNR.
pub async fn sell(server: &str, given: &[String]) -> Result<String, Box<dyn Error>> {
    let [train, date, from, to] = given else {
        return Err("usage: hold_and_confirm TRAIN DATE FROM TO".into());
    };
    let client = Client::connect(server).await?;

    // The id is drawn before anything is sent and kept: whatever happens on the way, the same
    // message can be sent again.
    let request = ReserveRequest {
        request_id: new_request_id(),
        run: Some(RunRef { train: train.clone(), day: Some(run_ref::Day::Date(date.clone())) }),
        from_stop: Some(station(from)),
        to_stop: Some(station(to)),
        travel_class: TravelClass::ThirdAc.into(),
        passengers: vec![Passenger {
            years: Some(passenger::Years::Age(34)),
            sex: Sex::Female.into(),
            ..Passenger::default()
        }],
        reference: "order 4711".into(),
        ..ReserveRequest::default()
    };
    let hold = match client.reserve(request).await?.outcome {
        Some(reserve_response::Outcome::Hold(hold)) => hold,
        Some(reserve_response::Outcome::Refusal(no)) => return Err(no.message.into()),
        None => return Err("the answer is of a kind this client does not know".into()),
    };
    for seat in &hold.allocations {
        println!("passenger {}: {}-{}", seat.passenger, seat.coach, seat.berth);
    }

    let request = ConfirmRequest {
        request_id: new_request_id(),
        hold_id: hold.hold_id,
        payment_reference: "pay 0815".into(),
        ..ConfirmRequest::default()
    };
    match client.confirm(request).await?.outcome {
        Some(confirm_response::Outcome::Booking(booking)) => Ok(booking.pnr),
        Some(confirm_response::Outcome::Refusal(no)) => Err(no.message.into()),
        None => Err("the answer is of a kind this client does not know".into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::var("BERTH_SERVER").unwrap_or("http://127.0.0.1:50051".into());
    let given: Vec<String> = std::env::args().skip(1).collect();
    println!("PNR {}", sell(&server, &given).await?);
    Ok(())
}
