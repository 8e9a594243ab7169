use super::*;
use crate::soak::check::history::{hold, stage, step};

/// Hold 1 (two passengers, B1-1 and B1-2 on legs 0..2): booked for one, the other released by it,
/// then cancelled. Hold 2 (A1-1, whole route): extended, then released. Hold 3: left to expire.
fn ledger() -> Ledger {
    let confirm = Deed::Confirmed { pnr: 4_711, rest_released: true };
    let mut ledger = Ledger {
        holds: vec![
            hold(1, 0, 2, &[4, 5], 1_000, 2, 11_000),
            hold(2, 0, 3, &[0], 1_100, 3, 11_100),
            hold(3, 2, 3, &[4], 1_200, 4, 11_200),
        ],
        moves: vec![
            step(0, confirm, 0b01, (2_000, 6), Sure::Exact),
            step(0, Deed::Cancelled { pnr: 4_711 }, 0b01, (3_000, 7), Sure::Exact),
            step(1, Deed::Extended { expires_at: 60_000 }, 0b01, (3_100, 8), Sure::Exact),
            step(1, Deed::Released, 0b01, (3_200, 9), Sure::Exact),
        ],
        ..Ledger::default()
    };
    // Every request has an id of its own.
    ledger.moves[1].request = 2_000;
    ledger.moves[3].request = 2_001;
    ledger
}

fn held(hold: u128, from: u8, to: u8, seats: &[u16], expires_at: u64) -> Fact {
    let seats = seats.to_vec();
    Fact::Held { hold, request: hold, from, to, seats, expires_at, ours: true }
}

fn events() -> Vec<Entry> {
    let facts = [
        (900, Fact::Other),
        (1_000, held(1, 0, 2, &[4, 5], 11_000)),
        (1_100, held(2, 0, 3, &[0], 11_100)),
        (1_200, held(3, 2, 3, &[4], 11_200)),
        (2_000, Fact::Other),
        (
            2_000,
            Fact::Confirmed {
                hold: 1,
                request: 1_000,
                pnr: 4_711,
                passengers: 0b01,
                rest_released: true,
            },
        ),
        (3_000, Fact::Cancelled { pnr: 4_711, passengers: 0b01 }),
        (3_100, Fact::Extended { hold: 2, request: 1_001, expires_at: 60_000 }),
        (3_200, Fact::Released { hold: 2, passengers: 0b01 }),
        (11_207, Fact::Expired { hold: 3 }),
    ];
    let entry = |(i, (at, fact)): (usize, (u64, Fact))| Entry {
        lsn: i as u64 + 1,
        run: 0,
        version: i as u64 + 1,
        at,
        fact,
    };
    facts.into_iter().enumerate().map(entry).collect()
}

/// The checks that fail, each once.
fn broken(ledger: Ledger, events: &[Entry]) -> Vec<&'static str> {
    let (stage, ledger) = (stage(), Ledger::join(vec![ledger]));
    let mut check = JournalCheck::new(&stage, &ledger);
    for entry in events {
        check.take(entry);
    }
    check.finish();
    check.findings.by_check.keys().copied().collect()
}

/// Versions without gaps again, after events were put in or left out.
fn renumber(events: &mut [Entry]) {
    for (i, entry) in events.iter_mut().enumerate() {
        entry.version = i as u64 + 1;
    }
}

#[test]
fn a_history_that_was_answered_as_it_is_journaled_passes() {
    let (stage, ledger) = (stage(), Ledger::join(vec![ledger()]));
    let mut check = JournalCheck::new(&stage, &ledger);
    for entry in &events() {
        check.take(entry);
    }
    check.finish();
    assert_eq!(check.findings.listed, []);
    assert!(check.runs[0].berths.iter().all(|legs| *legs == Legs::default()), "all is free again");
    assert_eq!((check.lateness.len(), check.lateness.max()), (1, 7));
    assert!(!check.runs[0].strangers);
}

#[test]
fn an_answered_change_that_is_not_in_the_journal_is_found() {
    // Each event that was answered, left out; the expiry was not, and nothing misses it.
    for left_out in [2, 3, 6, 7, 8] {
        let mut events = events();
        events.remove(left_out);
        renumber(&mut events);
        let found = broken(ledger(), &events);
        assert!(found.contains(&MISSING), "without {left_out}: {found:?}");
    }
    let mut events = events();
    events.pop();
    assert_eq!(broken(ledger(), &events), [""; 0]);
}

#[test]
fn an_event_that_nobody_was_told_of_is_found() {
    for extra in [
        held(9, 0, 1, &[7], 20_000),
        Fact::Confirmed { hold: 3, request: 9, pnr: 1, passengers: 1, rest_released: true },
        Fact::Released { hold: 3, passengers: 1 },
        Fact::Extended { hold: 3, request: 9, expires_at: 30_000 },
    ] {
        let mut events = events();
        let at = events[8].at;
        events.insert(9, Entry { lsn: 10, run: 0, version: 0, at, fact: extra.clone() });
        renumber(&mut events);
        assert!(broken(ledger(), &events).contains(&UNEXPLAINED), "{extra:?}");
    }
    let mut without = ledger();
    without.moves.truncate(1);
    assert!(broken(without, &events()).contains(&UNEXPLAINED), "a cancel nobody sent");
}

#[test]
fn a_request_that_took_effect_twice_is_found() {
    let Fact::Held { seats, expires_at, .. } = held(1, 0, 1, &[7], 20_000) else { return };
    let (from, to) = (0, 1);
    let again = [
        Fact::Held { hold: 77, request: 1, from, to, seats, expires_at, ours: true },
        Fact::Confirmed { hold: 3, request: 1_000, pnr: 2, passengers: 1, rest_released: true },
        Fact::Released { hold: 2, passengers: 1 },
        Fact::Cancelled { pnr: 4_711, passengers: 1 },
    ];
    for fact in again {
        let mut events = events();
        let at = events[8].at;
        events.insert(9, Entry { lsn: 10, run: 0, version: 0, at, fact: fact.clone() });
        renumber(&mut events);
        assert!(broken(ledger(), &events).contains(&TWICE), "{fact:?}");
    }
}

#[test]
fn an_event_that_differs_from_its_answer_is_found() {
    let mut other_berth = events();
    other_berth[2].fact = held(2, 0, 3, &[1], 11_100);
    assert_eq!(broken(ledger(), &other_berth), [DIFFERS]);
    let mut other_pnr = ledger();
    other_pnr.moves[0].deed = Deed::Confirmed { pnr: 5, rest_released: true };
    assert!(broken(other_pnr, &events()).contains(&DIFFERS));
    let mut other_deadline = events();
    other_deadline[7].fact = Fact::Extended { hold: 2, request: 1_001, expires_at: 60_001 };
    assert_eq!(broken(ledger(), &other_deadline), [DIFFERS]);
}

#[test]
fn a_berth_leg_given_to_two_is_found_in_the_journal_alone() {
    let mut told = ledger();
    told.holds[1].seats[0] = 5;
    let mut events = events();
    events[2].fact = held(2, 0, 3, &[5], 11_100);
    assert_eq!(broken(told, &events), [BERTH_TWICE]);
}

#[test]
fn gaps_early_ends_and_late_confirms_are_found() {
    let mut gap = events();
    gap[9].version += 1;
    assert_eq!(broken(ledger(), &gap), [ORDER]);
    let mut early = events();
    early[9].at = 11_199;
    assert_eq!(broken(ledger(), &early), [EARLY]);
    let mut late = events();
    late[5].at = 11_000;
    assert_eq!(broken(ledger(), &late), [ORDER]);
}

#[test]
fn an_unknown_request_may_have_happened_once_but_not_twice() {
    let mut told = ledger();
    told.unknown.push(crate::soak::ledger::UnknownReserve { request: 9, run: 0 });
    assert_eq!(broken(told.clone(), &events()), [""; 0]);
    let mut events = events();
    let entry = |fact| Entry { lsn: 11, run: 0, version: 0, at: 11_300, fact };
    events.push(entry(held(9, 0, 1, &[7], 21_300)));
    renumber(&mut events);
    assert_eq!(broken(told.clone(), &events), [""; 0]);
    let Fact::Held { seats, expires_at, .. } = held(9, 0, 1, &[6], 21_300) else { return };
    let (from, to) = (0, 1);
    events.push(entry(Fact::Held {
        hold: 10,
        request: 9,
        from,
        to,
        seats,
        expires_at,
        ours: true,
    }));
    renumber(&mut events);
    assert_eq!(broken(told, &events), [TWICE]);
}

#[test]
fn strangers_are_seen_and_left_alone() {
    let mut events = events();
    let seats = vec![7];
    let theirs = Fact::Held {
        hold: 50,
        request: 51,
        from: 0,
        to: 1,
        seats,
        expires_at: 90_000,
        ours: false,
    };
    events.push(Entry { lsn: 11, run: 0, version: 11, at: 11_300, fact: theirs });
    let (stage, ledger) = (stage(), Ledger::join(vec![ledger()]));
    let mut check = JournalCheck::new(&stage, &ledger);
    for entry in &events[..] {
        check.take(entry);
    }
    check.finish();
    assert_eq!(check.findings.count(), 0);
    assert!(check.runs[0].strangers);
    assert_eq!(check.runs[0].berths[7].held, 0b1);
}
