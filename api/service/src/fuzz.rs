//! What a fuzzer feeds: bytes that a caller may send.
//!
//! Compiled for tests and for `tests/fuzz` (`--cfg fuzzing`), never into the product. A target takes
//! any bytes and panics when a law is broken: nothing that is read panics, and what is read by hand
//! is what prost reads. Inputs that a fuzzer found worth keeping lie in `tests/fuzz/corpus`.

use berth_engine::node::HoldTimes;
use berth_proto::v1;
use berth_proto::v1::session_command::Command as Named;
use prost::Message;

use crate::session;
use crate::tally::Kind;
use crate::wire;

/// A target: its name, what it does with an input, and inputs to begin with.
pub struct Target {
    /// Its name, also that of its folder of kept inputs.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Whole inputs, written by this software.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "request", run: request, seeds: requests },
    Target { name: "session", run: session::fuzz::session, seeds: session::fuzz::sessions },
];

/// Calls that are read by hand.
const CALLS: [Kind; 7] = [
    Kind::Reserve,
    Kind::Confirm,
    Kind::Release,
    Kind::Extend,
    Kind::Cancel,
    Kind::GetHold,
    Kind::GetBooking,
];

/// A message of the service, and what becomes of it.
fn look<M: Message + Default, R>(bytes: &[u8], check: impl Fn(&M) -> R) {
    if let Ok(message) = M::decode(bytes) {
        check(&message);
    }
}

/// One call: the first byte says which, the others are its message.
fn request(bytes: &[u8]) {
    let Some((call, bytes)) = bytes.split_first() else { return };
    if let Some(kind) = CALLS.get(usize::from(*call)) {
        return wire::compared::called(*kind, bytes, &HoldTimes::default());
    }
    match usize::from(*call) - CALLS.len() {
        0 => look(bytes, wire::query),
        1 => look(bytes, wire::watch),
        2 => look(bytes, wire::map_wish),
        3 => look(bytes, wire::create),
        4 => look(bytes, wire::retire),
        5 => look(bytes, wire::open_sale),
        6 => look(bytes, wire::close_sale),
        7 => look(bytes, wire::block),
        8 => look(bytes, wire::unblock),
        9 => look(bytes, wire::get_run),
        10 => look(bytes, wire::list),
        _ => {}
    }
}

const ID: &str = "7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11";
const HOLD: &str = "00112233445566778899aabbccddeeff";

/// One command of each kind, with every field set.
pub(crate) fn commands() -> Vec<Named> {
    let text = str::to_owned;
    let stop = |stop| Some(v1::StopRef { occurrence: 1, stop: Some(stop) });
    let years = |years| v1::Passenger { years: Some(years), sex: 1, ..v1::Passenger::default() };
    let reserve = v1::ReserveRequest {
        request_id: text(ID),
        run: Some(v1::RunRef {
            train: text("12951"),
            day: Some(v1::run_ref::Day::Date(text("2026-12-01"))),
        }),
        from_stop: stop(v1::stop_ref::Stop::Code(text("MMCT"))),
        to_stop: stop(v1::stop_ref::Stop::Sequence(7)),
        travel_class: 3,
        quota: text("GN"),
        passengers: vec![
            years(v1::passenger::Years::Age(34)),
            v1::Passenger { preference: 2, ..years(v1::passenger::Years::AgeBand(5)) },
        ],
        conditions: Some(v1::Conditions {
            all_in_one_coach: true,
            min_lower: 1,
            preferences_are_hard: true,
            accept_rac: true,
            accept_waiting: true,
        }),
        berths: vec![v1::BerthName { coach: text("B1"), number: 12 }; 2],
        ttl: Some(prost_types::Duration { seconds: 300, nanos: 5_000_000 }),
        reference: text("order 7"),
        admission_token: text("AQECAQ"),
    };
    let ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let (request_id, hold_id, pnr) = (|| text(ID), || text(HOLD), || text("1234567890"));
    vec![
        Named::Reserve(reserve),
        Named::Confirm(v1::ConfirmRequest {
            request_id: request_id(),
            hold_id: hold_id(),
            payment_reference: text("paid"),
            passengers: vec![1, 2],
            keep_rest: true,
        }),
        Named::Release(v1::ReleaseRequest {
            request_id: request_id(),
            hold_id: hold_id(),
            passengers: vec![2],
        }),
        Named::Extend(v1::ExtendRequest { request_id: request_id(), hold_id: hold_id(), ttl }),
        Named::Cancel(v1::CancelRequest {
            request_id: request_id(),
            pnr: pnr(),
            passengers: vec![1],
        }),
        Named::GetHold(v1::GetHoldRequest { hold_id: hold_id() }),
        Named::GetBooking(v1::GetBookingRequest { pnr: pnr() }),
    ]
}

/// A call of each kind that is read by hand, and one of each other.
fn requests() -> Vec<Vec<u8>> {
    let by_hand = commands().into_iter().zip(0..).map(|(command, call)| {
        let message = match command {
            Named::Reserve(message) => message.encode_to_vec(),
            Named::Confirm(message) => message.encode_to_vec(),
            Named::Release(message) => message.encode_to_vec(),
            Named::Extend(message) => message.encode_to_vec(),
            Named::Cancel(message) => message.encode_to_vec(),
            Named::GetHold(message) => message.encode_to_vec(),
            Named::GetBooking(message) => message.encode_to_vec(),
        };
        [vec![call], message].concat()
    });
    let named = v1::CreateTrainRunRequest {
        request_id: ID.to_owned(),
        train: "12951".to_owned(),
        start_date: "2026-12-01".to_owned(),
    };
    let others = (CALLS.len() as u8..CALLS.len() as u8 + 11)
        .map(|call| [vec![call], named.encode_to_vec()].concat());
    by_hand.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_and_every_input_that_was_kept() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{} has nothing to begin with", target.name);
            for seed in &seeds {
                (target.run)(seed);
            }
            let kept = std::fs::read_dir(corpus.join(target.name)).expect("a folder of inputs");
            for file in kept {
                (target.run)(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
