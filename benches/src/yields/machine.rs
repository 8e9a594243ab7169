//! The product's own machine at work on a day: one run, its requests in order, nobody pays or goes.

use std::sync::Arc;

use berth_inventory::{
    BerthIndex, Changes, Command, Conditions, Event, Events, HoldId, Millis, Plan, RequestId,
    RequestMark, Reserve, Ruling, StopRef, TravelClass, UnixMillis,
};

use super::demand::{Request, Rhythm};
use crate::suite::core::machine::open_run;

/// The berths of one party, in its order; empty = refused.
pub type Seats = Vec<BerthIndex>;

/// Where the machine seats each party of a day in the general pool of `class`.
pub fn seats(
    plan: &Arc<Plan>,
    class: TravelClass,
    requests: &[Request],
    rhythm: Rhythm,
) -> Vec<Seats> {
    let mut run = open_run(plan);
    let leaves = plan.departure(run.midnight(), 0);
    let (mut changes, mut events) = (Changes::default(), Events::new());
    let mut one = |(place, request): (usize, &Request)| {
        let command = reserve(place, class, request);
        let before = 60_000 * u64::from(rhythm.before(place, requests.len()));
        let now = UnixMillis(leaves.0 - before);
        events.clear();
        let mut seats = Seats::new();
        if let Ruling::Take(_) = run.rule(&command, now, &mut events) {
            for event in &events {
                run.apply(event, now, &mut changes);
                if let Event::Held { party, .. } = event {
                    seats.extend(party.iter().filter_map(|held| held.berth));
                }
            }
        }
        changes.clear();
        seats
    };
    let seats = requests.iter().enumerate().map(&mut one).collect();
    assert!(run.check().is_empty(), "the day broke an invariant of the run");
    seats
}

fn reserve(place: usize, class: TravelClass, request: &Request) -> Command {
    let stop = |place: u8| StopRef::Sequence(u16::from(place) + 1);
    Command::Reserve(Reserve {
        request: RequestMark { id: RequestId(place as u128 + 1), digest: 1 },
        hold: HoldId(place as u128 + 1),
        class,
        quota: "GN".parse().expect("a quota"),
        from: stop(request.legs.from),
        to: stop(request.legs.to),
        party: request.party.iter().copied().collect(),
        conditions: Conditions::default(),
        berths: Vec::new(),
        ttl: Millis(300_000),
        reference: "".into(),
    })
}
