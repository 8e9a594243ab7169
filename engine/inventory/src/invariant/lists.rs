//! What lists and records say of each other.

use super::Found;
use crate::lists::Place;
use crate::record::SeatState;
use crate::{ListIndex, ListKind, Run};

/// See INV-12.
pub(super) fn are_the_records(run: &Run) -> Found {
    let Some(lists) = run.lists.as_deref() else { return Found::new() };
    let mut found = Found::new();
    let mut said: Vec<(ListIndex, Place)> = Vec::new();
    for (card, record) in run.register.standing() {
        for listed in record.listed() {
            let Some(now) = listed.now else { continue };
            let place = Place { number: now.number, card, passenger: listed.passenger };
            said.push((now.list, place));
            let seat = record.party()[usize::from(listed.passenger)].seat();
            let list = run.plan.list(now.list);
            let right = match (list.kind, seat.berth) {
                (ListKind::Waiting, berth) => berth.is_none(),
                (ListKind::Rac, None) => false,
                (ListKind::Rac, Some(half)) => {
                    run.plan.pool(run.plan.berth(half).pool).halves_of == Some(list.pool)
                }
            };
            let live = matches!(seat.state, SeatState::Held | SeatState::Confirmed);
            let printed = lists.order(now.list).printed;
            let booked = seat.state == SeatState::Confirmed && now.number > printed;
            if !right || !live || booked {
                let (hold, who) = (record.hold, listed.passenger + 1);
                let (label, number, berth, state) =
                    (list.label, now.number, seat.berth, seat.state);
                found.push(format!(
                    "passenger {who} of hold {hold} is {label} {number} (printed up to {printed}) \
                     with berth {berth:?}, {state}"
                ));
            }
        }
    }
    said.sort_unstable_by_key(|(list, place)| (*list, place.number));
    let kept = (0..)
        .zip(lists.orders())
        .flat_map(|(list, order)| order.places.iter().map(move |place| (ListIndex(list), *place)));
    let kept: Vec<(ListIndex, Place)> = kept.collect();
    if kept != said {
        found.push(format!("the lists are {kept:?}, the records say {said:?}"));
    }
    let same = |pair: &[(ListIndex, Place)]| {
        (pair[0].0, pair[0].1.number) == (pair[1].0, pair[1].1.number)
    };
    found.extend(
        said.windows(2).filter(|pair| same(pair)).map(|pair| {
            format!("number {} of list {} was given twice", pair[0].1.number, pair[0].0)
        }),
    );
    found
}
