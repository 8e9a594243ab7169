//! The product's own machine at work on a day: one run, its requests in order, nobody pays or goes.

use std::sync::Arc;

use berth_inventory::{
    BerthIndex, Changes, Command, Conditions, Event, Events, HoldId, Millis, Plan, RequestId,
    RequestMark, Reserve, Ruling, Run, RunCreated, RunId, StopRef, TravelClass, UnixMillis,
};

use super::demand::Request;

/// The berths of one party, in its order; empty = refused.
pub type Seats = Vec<BerthIndex>;

/// 00:00 of the start date, far behind the time of the commands.
const MIDNIGHT: UnixMillis = UnixMillis(86_400_000_000);
const NOW: UnixMillis = UnixMillis(1_000);

/// Where the machine seats each party of a day in the general pool of `class`.
pub fn seats(plan: &Arc<Plan>, class: TravelClass, requests: &[Request]) -> Vec<Seats> {
    let start_date = "2026-01-01".parse().expect("a date");
    let created = RunCreated {
        run: RunId { train: plan.number(), start_date },
        plan: plan.hash(),
        midnight: MIDNIGHT,
        opens: plan.pools().iter().map(|_| UnixMillis(0)).collect(),
        extra: false,
    };
    let mut run = Run::new(Arc::clone(plan), &created, UnixMillis(0));
    let (mut changes, mut events) = (Changes::default(), Events::new());
    let mut one = |(place, request): (usize, &Request)| {
        let command = reserve(place, class, request);
        events.clear();
        let mut seats = Seats::new();
        if let Ruling::Take(_) = run.rule(&command, NOW, &mut events) {
            for event in &events {
                run.apply(event, NOW, &mut changes);
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
