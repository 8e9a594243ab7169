//! Events of the journal as messages, named by the plan of their run.

use berth_engine::node::Names;
use berth_inventory::{
    BerthIndex, Event, LegRange, Plan, Rest, RunId, SeatState, Standing, UnixMillis, Version,
};
use berth_proto::v1;
use berth_proto::v1::journal_event::Event as Wire;

use super::names::{berth, class, stop, timestamp};
use super::said::{berth_names, people, placed, pool_names};

/// One event: which made `version` of `run` at `at`, in frame `lsn`.
pub(crate) fn journal_event(
    (lsn, at): (u64, UnixMillis),
    (run, version): (RunId, Version),
    event: &Event,
    plan: &Plan,
    names: &Names,
) -> v1::JournalEvent {
    v1::JournalEvent {
        lsn,
        train: run.train.to_string(),
        start_date: run.start_date.to_string(),
        run_version: version.0,
        at: Some(timestamp(at)),
        event: Some(wire(event, plan, names)),
    }
}

fn wire(event: &Event, plan: &Plan, names: &Names) -> Wire {
    match event {
        Event::RunCreated(created) => Wire::RunCreated(v1::RunCreatedEvent {
            plan_hash: created.plan.to_string(),
            midnight: Some(timestamp(created.midnight)),
            extra: created.extra,
        }),
        Event::Held { .. } => Wire::Held(held(event, plan)),
        Event::Confirmed { hold, request, pnr, passengers, rest, payment } => {
            Wire::Confirmed(v1::ConfirmedEvent {
                hold_id: hold.to_string(),
                request_id: uuid(request.id.0),
                pnr: names.print_pnr(*pnr).to_string(),
                passengers: people(*passengers),
                keep_rest: *rest == Rest::Kept,
                payment_reference: payment.as_ref().into(),
            })
        }
        Event::Extended { hold, request, expires_at } => Wire::Extended(v1::ExtendedEvent {
            hold_id: hold.to_string(),
            request_id: uuid(request.id.0),
            expires_at: Some(timestamp(*expires_at)),
        }),
        Event::Released { hold, passengers } => Wire::Released(v1::ReleasedEvent {
            hold_id: hold.to_string(),
            passengers: people(*passengers),
        }),
        Event::Expired { hold } => Wire::Expired(v1::ExpiredEvent { hold_id: hold.to_string() }),
        Event::HoldsExtended { until, as_of, span } => {
            Wire::HoldsExtended(v1::HoldsExtendedEvent {
                until: Some(timestamp(*until)),
                as_of: Some(timestamp(*as_of)),
                span_ms: span.0,
            })
        }
        Event::Cancelled { pnr, passengers } => Wire::Cancelled(v1::CancelledEvent {
            pnr: names.print_pnr(*pnr).to_string(),
            passengers: people(*passengers),
        }),
        Event::PnrBlockLeased { block } => {
            Wire::PnrBlockLeased(v1::PnrBlockLeasedEvent { block: *block })
        }
        Event::SaleSet { pools, open } => {
            Wire::SaleSet(v1::SaleSetEvent { pools: pool_names(plan, *pools), open: *open })
        }
        Event::BerthsBlocked { berths, legs } => {
            let (berths, from_stop, to_stop) = change(plan, berths, *legs);
            Wire::BerthsBlocked(v1::BerthsBlockedEvent { berths, from_stop, to_stop })
        }
        Event::BerthsUnblocked { berths, legs } => {
            let (berths, from_stop, to_stop) = change(plan, berths, *legs);
            Wire::BerthsUnblocked(v1::BerthsUnblockedEvent { berths, from_stop, to_stop })
        }
        Event::RunRetired => Wire::RunRetired(v1::RunRetiredEvent {}),
        Event::Listed { hold, places } => Wire::Listed(v1::ListedEvent {
            hold_id: hold.to_string(),
            passengers: places.iter().map(|(who, at)| listed(plan, *who, *at)).collect(),
        }),
        Event::Promoted { hold, passenger, berth: place, standing } => {
            Wire::Promoted(v1::PromotedEvent {
                hold_id: hold.to_string(),
                passenger: u32::from(*passenger) + 1,
                berth: Some(berth(plan.berth_name(*place))),
                list: standing.map_or_else(String::new, |s| plan.list(s.list).label.to_string()),
                number: standing.map_or(0, |standing| standing.number),
            })
        }
    }
}

fn listed(plan: &Plan, who: u8, at: Standing) -> v1::ListedPassenger {
    let (passenger, list) = (u32::from(who) + 1, plan.list(at.list).label.to_string());
    v1::ListedPassenger { passenger, list, number: at.number }
}

fn held(event: &Event, plan: &Plan) -> v1::HeldEvent {
    let Event::Held { hold, request, pool, legs, party, expires_at, reference } = event else {
        unreachable!("called for a Held");
    };
    let pool = plan.pool(*pool);
    let party = party.iter().enumerate().map(|(place, seat)| {
        placed(plan, place, seat.passenger, seat.berth, SeatState::Held as i32)
    });
    v1::HeldEvent {
        hold_id: hold.to_string(),
        request_id: uuid(request.id.0),
        travel_class: class(pool.class),
        quota: pool.quota.to_string(),
        from_stop: Some(stop(plan, legs.from)),
        to_stop: Some(stop(plan, legs.to)),
        allocations: party.collect(),
        expires_at: Some(timestamp(*expires_at)),
        reference: reference.as_ref().into(),
    }
}

type Change = (Vec<v1::BerthName>, Option<v1::Stop>, Option<v1::Stop>);

fn change(plan: &Plan, berths: &[BerthIndex], legs: LegRange) -> Change {
    let (from, to) = (stop(plan, legs.from), stop(plan, legs.to));
    (berth_names(plan, berths), Some(from), Some(to))
}

fn uuid(id: u128) -> String {
    uuid::Uuid::from_u128(id).to_string()
}
