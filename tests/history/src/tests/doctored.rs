//! One lie in a history of hundreds of answers, and who finds it. Both judges must, unless a table
//! says which one cannot: the search knows no stamps, and believes no versions.

use super::fake::{TTL, history};
use crate::record::{Ask, Event, Happened, History, Id, Refused, Said, State, Try, UNANSWERED};
use crate::search::Verdict;
use crate::{ordered, search};

fn is_found_by_versions(history: &History, word: &str) {
    let report = ordered::check(history);
    assert!(report.violations_count > 0, "not found by the versions");
    let all = report.violations.join("\n");
    assert!(all.contains(word), "{word:?} is not in\n{all}");
}

fn is_found_by_search(history: &History) {
    let verdict = search::check(history, 0);
    assert!(matches!(verdict, Verdict::Broken { .. }), "{verdict:?}");
}

/// A history, and the first answered try from the middle on that `pick` takes.
fn with(pick: impl Fn(&Try, &Said) -> bool) -> (History, usize) {
    for seed in 0..40 {
        let history = history(seed, 500);
        let said = |one: &Try| one.answer.as_ref().map(|answer| answer.said.clone());
        let of_middle = history.tries.iter().enumerate().skip(200);
        let found = of_middle.filter(|(_, one)| said(one).is_some_and(|said| pick(one, &said)));
        if let Some((place, _)) = found.take(1).next() {
            return (history, place);
        }
    }
    panic!("no seed has such an answer");
}

fn said(history: &mut History, place: usize) -> &mut Said {
    &mut history.tries[place].answer.as_mut().expect("it was answered").said
}

fn sent_once(history: &History, one: &Try) -> bool {
    history.tries.iter().filter(|other| other.request == one.request).count() == 1
}

fn is_grant(one: &Try, said: &Said) -> bool {
    matches!((&one.ask, said), (Ask::Reserve { .. }, Said::Hold(_)))
}

#[test]
fn a_lost_write() {
    // The journal forgets the last hold that somebody was told of.
    let (mut history, place) = with(is_grant);
    let version = history.tries[place].answer.as_ref().unwrap().version;
    history.events.retain(|event| event.version < version);
    history.tries.truncate(place + 1);
    is_found_by_versions(&history, "the journal has no such version");
    // To the outside: a hold that was told is not known any more.
    let (mut history, place) =
        with(|one, said| matches!((&one.ask, said), (Ask::GetHold { .. }, Said::Hold(_))));
    *said(&mut history, place) = Said::Refused(Refused::UnknownHold);
    is_found_by_versions(&history, "UnknownHold");
    is_found_by_search(&history);
}

#[test]
fn a_write_that_is_lost_in_the_middle() {
    let (mut history, place) = with(is_grant);
    let version = history.tries[place].answer.as_ref().unwrap().version;
    // Nobody sees a gap: all that comes later moves up.
    history.events.retain(|event| event.version != version);
    let up = |v: &mut u64| *v -= u64::from(*v > version);
    history.events.iter_mut().for_each(|event| up(&mut event.version));
    let answers = history.tries.iter_mut().filter_map(|one| one.answer.as_mut());
    answers.for_each(|answer| up(&mut answer.version));
    is_found_by_versions(&history, "is done now");
}

#[test]
fn a_double_sale() {
    // Two are told the same berth on the same legs.
    let (mut history, place) = with(is_grant);
    let Said::Hold(first) = said(&mut history, place).clone() else { unreachable!() };
    let other = history.tries.iter().enumerate().skip(place + 1).find(|(_, one)| {
        one.invoked > history.tries[place].returned
            && one.answer.as_ref().is_some_and(|answer| {
                matches!(&answer.said, Said::Hold(told) if told.seats[0] != first.seats[0])
                    && is_grant(one, &answer.said)
            })
            && sent_once(&history, one)
    });
    let other = other.expect("somebody else is granted later").0;
    let Said::Hold(second) = said(&mut history, other) else { unreachable!() };
    let old = second.seats.clone();
    (second.from, second.to) = (first.from, first.to);
    for (seat, twice) in second.seats.iter_mut().zip(&first.seats) {
        seat.berth = twice.berth;
    }
    let (hold, seats) = (second.hold, second.seats.clone());
    assert_ne!(old, seats);
    is_found_by_versions(&history, "was told");
    is_found_by_search(&history);
    // And the journal agrees with them.
    for event in &mut history.events {
        if let Event::Held { hold: of, berths, from, to, .. } = &mut event.event
            && *of == hold
        {
            *berths = seats.iter().map(|seat| seat.berth).collect();
            (*from, *to) = (first.from, first.to);
        }
    }
    is_found_by_versions(&history, "cannot have happened");
}

#[test]
fn a_sale_that_is_closed_for_one_only() {
    let (mut history, place) = with(is_grant);
    *said(&mut history, place) = Said::Refused(Refused::Closed);
    is_found_by_versions(&history, "Closed");
    // And one that is open for one only: whoever else came was sent away.
    let (mut history, place) =
        with(|one, said| sent_away(one, said) && matches!(said, Said::Refused(Refused::Closed)));
    *said(&mut history, place) = Said::Refused(Refused::SoldOut { asked: 1, free: 0 });
    is_found_by_versions(&history, "SoldOut");
}

fn sent_away(one: &Try, said: &Said) -> bool {
    matches!((&one.ask, said), (Ask::Reserve { .. }, Said::Refused(_)))
}

#[test]
fn a_block_of_what_somebody_has() {
    let refused = |one: &Try, said: &Said| {
        let taken = matches!(said, Said::Refused(Refused::BerthTaken { .. }));
        taken && matches!(one.ask, Ask::Block { .. })
    };
    let (mut history, place) = with(refused);
    *said(&mut history, place) = Said::Done;
    is_found_by_versions(&history, "BerthTaken");
    // The journal says that it was done: then somebody else has it still.
    let is_held = |event: &&Happened| matches!(event.event, Event::Held { .. });
    let mut made = history.events.iter().rfind(is_held).expect("somebody holds a berth").clone();
    let version = made.version;
    let Event::Held { from, to, berths, .. } = made.event else { unreachable!() };
    (made.version, made.event) = (version + 1, Event::Blocked { berths, from, to, block: true });
    history.events.retain(|event| event.version <= version);
    history.events.push(made);
    is_found_by_versions(&history, "somebody has it");
}

#[test]
fn a_blocked_berth_that_is_counted_as_free() {
    let (mut history, place) =
        with(|one, said| matches!((&one.ask, said), (Ask::Block { block: true, .. }, Said::Done)));
    let Ask::Block { from, to, .. } = history.tries[place].ask else { unreachable!() };
    let mut look = history.tries[place].clone();
    let answer = look.answer.as_mut().unwrap();
    let mut twin = crate::Twin::new(&history.runs[0], crate::Leeway::None);
    let asked = Ask::GetBooking { pnr: 0 };
    for event in history.events.iter().filter(|event| event.version <= answer.version) {
        twin.apply(&event.event, event.at, Some(&asked)).unwrap();
    }
    (answer.said, look.ask) =
        (Said::Free(twin.free(0, from, to) + 1), Ask::Query { pool: 0, from, to });
    look.request = Id::default();
    history.tries.insert(place + 1, look);
    is_found_by_versions(&history, "Free");
}

#[test]
fn a_stale_answer() {
    // What was free some versions ago, told as of those versions.
    let (mut history, place) =
        with(|one, said| matches!((&one.ask, said), (Ask::Query { .. }, Said::Free(_))));
    let Ask::Query { pool, from, to } = history.tries[place].ask else { unreachable!() };
    let plan = history.runs[0].clone();
    let mut twin = crate::Twin::new(&plan, crate::Leeway::None);
    let version = history.tries[place].answer.as_ref().unwrap().version;
    let Said::Free(told) = *said(&mut history, place) else { unreachable!() };
    let mut stale = None;
    let events = history.events.clone();
    for event in events.iter().take_while(|event| event.version + 12 < version) {
        let asked = asked_for(&history, &event.event);
        twin.apply(&event.event, event.at, asked.as_ref()).unwrap();
        let free = twin.free(pool, from, to);
        if free != told {
            stale = Some((event.version, free));
        }
    }
    let (old, free) = stale.expect("it was another number once");
    *said(&mut history, place) = Said::Free(free);
    history.tries[place].answer.as_mut().unwrap().version = old;
    is_found_by_versions(&history, "which stands before it");
}

fn asked_for(history: &History, event: &Event) -> Option<Ask> {
    let (Event::Held { request, .. }
    | Event::Confirmed { request, .. }
    | Event::Extended { request, .. }) = event
    else {
        return None;
    };
    history.tries.iter().find(|one| one.request == *request).map(|one| one.ask.clone())
}

#[test]
fn an_answer_of_another_state() {
    let (mut history, place) = with(
        |one, said| matches!((&one.ask, said), (Ask::Query { .. }, Said::Free(free)) if *free < 6),
    );
    let Said::Free(free) = said(&mut history, place) else { unreachable!() };
    *free += 6;
    is_found_by_versions(&history, "Free");
    is_found_by_search(&history);
    let (mut history, place) = with(|one, said| match (&one.ask, said) {
        (Ask::GetHold { .. }, Said::Hold(hold)) => hold.seats[0].state == State::Confirmed,
        _ => false,
    });
    let Said::Hold(hold) = said(&mut history, place) else { unreachable!() };
    hold.seats[0].state = State::Held;
    is_found_by_versions(&history, "GetHold");
    is_found_by_search(&history);
}

#[test]
fn a_wrong_refusal() {
    // Sold out, although as many are free as were asked for.
    let (mut history, place) = with(|one, said| {
        matches!((&one.ask, said), (Ask::Reserve { .. }, Said::Refused(Refused::SoldOut { .. })))
    });
    let Said::Refused(Refused::SoldOut { asked, free }) = said(&mut history, place) else {
        unreachable!()
    };
    *free = *asked + 4;
    is_found_by_versions(&history, "SoldOut");
    is_found_by_search(&history);
    // A booked hold is said to be given back.
    let (mut history, place) =
        with(|_, said| matches!(said, Said::Refused(Refused::AlreadyConfirmed { .. })));
    *said(&mut history, place) = Said::Refused(Refused::HoldReleased { at: 1 });
    is_found_by_versions(&history, "AlreadyConfirmed");
    is_found_by_search(&history);
}

#[test]
fn a_grant_that_was_to_be_refused() {
    // Expired, and confirmed all the same: the journal says so, too.
    let (mut history, place) = with(|one, said| {
        matches!(
            (&one.ask, said),
            (Ask::Confirm { .. }, Said::Refused(Refused::HoldExpired { .. }))
        )
    });
    let one = history.tries[place].clone();
    let Ask::Confirm { hold, .. } = one.ask else { unreachable!() };
    let version = one.answer.unwrap().version;
    (history.tries[place].answer, history.tries[place].returned) = (None, UNANSWERED);
    history.events.truncate(version as usize);
    history.tries.retain(|other| other.answer.as_ref().is_none_or(|a| a.version <= version));
    let event = Event::Confirmed { hold, request: one.request, pnr: 9, who: 1, keep: true };
    let at = history.events.last().unwrap().at;
    history.events.push(crate::Happened { run: 0, version: version + 1, at, event });
    is_found_by_versions(&history, "nobody asked for Confirmed");
}

#[test]
fn a_retry_that_is_told_something_else() {
    let mut found = None;
    for seed in 0..40 {
        let history = history(seed, 500);
        let twice = history.tries.iter().enumerate().find(|(place, one)| {
            let is_again = history.tries[..*place].iter().any(|before| {
                before.request == one.request && before.ask == one.ask && before.answer.is_some()
            });
            is_again && one.answer.as_ref().is_some_and(|a| is_grant(one, &a.said))
        });
        found = twice.map(|(place, _)| place).map(|place| (history.clone(), place));
        if found.is_some() {
            break;
        }
    }
    let (mut history, place) = found.expect("a retry of a grant");
    let Said::Hold(told) = said(&mut history, place) else { unreachable!() };
    told.hold = Id(77_777);
    is_found_by_versions(&history, "Reserve");
    is_found_by_search(&history);
    *said(&mut history, place) = Said::Refused(Refused::SoldOut { asked: 1, free: 0 });
    is_found_by_versions(&history, "SoldOut");
}

#[test]
fn an_id_with_two_effects() {
    let (mut history, place) = with(is_grant);
    let request = history.tries[place].request;
    let version = history.tries[place].answer.as_ref().unwrap().version;
    let other = history
        .events
        .iter_mut()
        .find(|event| event.version > version && matches!(event.event, Event::Held { .. }));
    let Event::Held { request: of, .. } = &mut other.expect("another hold").event else {
        unreachable!()
    };
    *of = request;
    is_found_by_versions(&history, "takes effect twice");
}

#[test]
fn an_expiry_before_its_time_and_one_that_nobody_wrote() {
    let mut history = history(5, 500);
    let expired = history.events.iter().position(|e| matches!(e.event, Event::Expired { .. }));
    let place = expired.expect("a deadline passed");
    history.events[place].at -= TTL;
    // The stamps before it are as old, then.
    for event in &mut history.events[..place] {
        event.at = event.at.saturating_sub(TTL);
    }
    let report = ordered::check(&history);
    assert!(report.violations_count > 0, "{}", report.line());
}

#[test]
fn half_of_what_had_no_answer() {
    // A party of two was asked for, nobody heard an answer, one berth is held.
    let mut found = None;
    for seed in 0..60 {
        let history = history(seed, 500);
        let half = history.tries.iter().position(|one| {
            matches!(one.ask, Ask::Reserve { heads: 2, .. }) && one.returned == UNANSWERED
        });
        let held = half.and_then(|place| {
            let request = history.tries[place].request;
            history.events.iter().position(
                |event| matches!(&event.event, Event::Held { request: of, .. } if *of == request),
            )
        });
        if let Some(event) = held {
            found = Some((history, event));
            break;
        }
    }
    let (mut history, event) = found.expect("a party whose answer was lost");
    let Event::Held { berths, .. } = &mut history.events[event].event else { unreachable!() };
    berths.truncate(1);
    is_found_by_versions(&history, "nobody asked for Held");
}

#[test]
fn an_answer_from_before_its_question() {
    // Read-your-writes: the hold was granted, and a later look does not know it.
    let (mut history, place) =
        with(|one, said| matches!((&one.ask, said), (Ask::GetHold { .. }, Said::Hold(_))));
    let first = history.tries[0].clone();
    let version = first.answer.as_ref().map_or(1, |answer| answer.version);
    let answer = history.tries[place].answer.as_mut().unwrap();
    answer.version = version;
    answer.said = Said::Refused(Refused::UnknownHold);
    is_found_by_versions(&history, "which stands before it");
    is_found_by_search(&history);
}
