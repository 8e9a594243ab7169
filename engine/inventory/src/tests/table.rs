//! A small language: one line for a command and what it must come to.
//!
//! `@SECONDS COMMAND => EXPECTED`, time since `world::DAY` (left out: as on the line before).
//! Names: requests are any word, holds `H1`, bookings `P256`, passengers counted from 1.
//!
//! | line | means |
//! |---|---|
//! | `reserve R H 3A GN S1..S3 M30 F62- ...` | passengers: sex, age, `/LB` preference, `-` no berth; then `ttl=60 berths=B1-1,B1-2 one-coach lower=1 hard ref=x rac wl` |
//! | `confirm R H [1,2] [keep]` | `keep`: the rest stays held |
//! | `release R H [1,2]`, `extend R H SECONDS [life=900]`, `cancel R P [1,2]` | |
//! | `expire H`, `grace UNTIL AS_OF SPAN`, `retire R` | |
//! | `open-sale R [3A] [GN]`, `close-sale R [3A] [GN]` | |
//! | `block R B1-1,B1-2 [S1..S2]`, `unblock R ...` | |
//! | `get H`, `booking P` | |
//!
//! Expected is a reason (`SOLD_OUT`), a reason and its message up to a ";", or the answer; `known` before an
//! answer says that nothing changed. Invariants are checked after every line, and replay and reload
//! at the end.

use arrayvec::ArrayVec;

use super::world::{DAY, Outcome, World};
use crate::{
    AgeBand, BerthName, Block, Cancel, Command, Conditions, Confirm, Extend, HOLD_LIFE_MAX_MS,
    HoldId, HoldView, ListedView, Millis, Passenger, PassengerSet, Plan, Pnr, Release, RequestId,
    RequestMark, Reserve, Rest, Said, SaleChange, SeatView, Standing, StopRef, UnixMillis,
};

/// Runs a table on a new world.
pub(crate) fn check(table: &str) {
    check_on(&mut World::new(), table);
}

/// Runs a table.
pub(crate) fn check_on(world: &mut World, table: &str) {
    let mut at = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (ask, expected) = line.split_once(" => ").expect("a line has an outcome");
        let mut words: Vec<&str> = ask.split_whitespace().collect();
        if let Some(seconds) = words[0].strip_prefix('@') {
            at = (seconds.parse::<f64>().expect("seconds") * 1_000.0) as u64;
            words.remove(0);
        }
        let outcome = world.ask(&parse(&words), at);
        let found = show(world.run.plan(), &outcome);
        let reason_only = matches!(outcome, Outcome::Refused(_)) && !expected.contains(' ');
        let compared = match outcome {
            Outcome::Refused(_) if reason_only => found.split(' ').next().unwrap(),
            // What a message advises behind what happened is for the table in `refusal.rs`.
            Outcome::Refused(_) => found.split("; ").next().unwrap(),
            _ => &found,
        };
        let expected = if reason_only { expected } else { expected.split("; ").next().unwrap() };
        assert_eq!(compared, expected, "\n  {line}\n  came to: {found}");
        world.check();
    }
    world.check_replay();
}

/// A request's id from its name, its digest from the rest of the line.
pub(crate) fn mark(name: &str, rest: &[&str]) -> RequestMark {
    let fnv = |text: &str| {
        text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    RequestMark { id: RequestId(fnv(name).into()), digest: fnv(&rest.join(" ")) }
}

pub(crate) fn parse(words: &[&str]) -> Command {
    let hold = |word: &str| HoldId(word.strip_prefix('H').unwrap().parse().unwrap());
    let pnr = |word: &str| Pnr(word.strip_prefix('P').unwrap().parse().unwrap());
    let ms = |word: &str| UnixMillis(DAY + word.parse::<u64>().unwrap() * 1_000);
    let seconds = |word: &str| Millis(word.parse::<u64>().unwrap() * 1_000);
    match words {
        ["reserve", request, id, rest @ ..] => reserve(mark(request, rest), hold(id), rest),
        ["confirm", request, id, rest @ ..] => Command::Confirm(Confirm {
            request: mark(request, &words[2..]),
            hold: hold(id),
            passengers: rest.iter().find_map(|word| set(word)),
            rest: if rest.contains(&"keep") { Rest::Kept } else { Rest::Released },
            payment: "paid".into(),
            pnr_block: None,
        }),
        ["release", request, id, rest @ ..] => Command::Release(Release {
            request: mark(request, &words[2..]),
            hold: hold(id),
            passengers: rest.first().and_then(|word| set(word)),
        }),
        ["extend", request, id, ttl, rest @ ..] => Command::Extend(Extend {
            request: mark(request, &words[2..]),
            hold: hold(id),
            ttl: seconds(ttl),
            life: rest
                .iter()
                .find_map(|word| word.strip_prefix("life="))
                .map_or(Millis(HOLD_LIFE_MAX_MS), seconds),
        }),
        ["cancel", request, id, rest @ ..] => Command::Cancel(Cancel {
            request: mark(request, &words[2..]),
            pnr: pnr(id),
            passengers: rest.first().and_then(|word| set(word)),
        }),
        ["expire", id] => Command::Expire(hold(id)),
        ["grace", until, as_of, span] => {
            Command::Grace { until: ms(until), as_of: ms(as_of), span: seconds(span) }
        }
        [sale @ ("open-sale" | "close-sale"), request, rest @ ..] => Command::SetSale(SaleChange {
            request: mark(request, rest),
            class: rest.iter().find_map(|word| word.parse().ok()),
            quota: rest
                .iter()
                .find(|word| word.parse::<crate::TravelClass>().is_err())
                .map(|word| word.parse().unwrap()),
            open: *sale == "open-sale",
        }),
        ["block", request, rest @ ..] => Command::Block(block(mark(request, rest), rest)),
        ["unblock", request, rest @ ..] => Command::Unblock(block(mark(request, rest), rest)),
        ["retire", request] => Command::Retire(mark(request, &[])),
        ["get", id] => Command::GetHold(hold(id)),
        ["booking", id] => Command::GetBooking(pnr(id)),
        ["get-run"] => Command::GetRun,
        other => panic!("not a command: {other:?}"),
    }
}

/// `[1,3]`.
fn set(word: &str) -> Option<PassengerSet> {
    let list = word.strip_prefix('[')?.strip_suffix(']')?;
    let places = list.split(',').filter(|place| !place.is_empty());
    Some(places.fold(PassengerSet::NONE, |set, place| {
        set.with(place.parse::<usize>().expect("a place") - 1)
    }))
}

fn stop(word: &str) -> StopRef {
    StopRef::Station { code: word.parse().expect("a station"), occurrence: 1 }
}

fn trip(word: &str) -> (StopRef, StopRef) {
    let (from, to) = word.split_once("..").expect("a trip");
    (stop(from), stop(to))
}

fn berth_names(list: &str) -> Vec<BerthName> {
    let name = |word: &str| {
        let (coach, number) = word.split_once('-').expect("a berth");
        BerthName { coach: coach.into(), number: number.parse().expect("a number") }
    };
    list.split(',').map(name).collect()
}

fn block(request: RequestMark, rest: &[&str]) -> Block {
    Block { request, berths: berth_names(rest[0]), legs: rest.get(1).map(|word| trip(word)) }
}

/// `F62/LB-`: sex, age, preference, no berth.
fn passenger(word: &str) -> Option<Passenger> {
    let (word, berth_required) = match word.strip_suffix('-') {
        Some(word) => (word, false),
        None => (word, true),
    };
    let (who, preference) = match word.split_once('/') {
        Some((who, kind)) => (who, Some(kind.parse().ok()?)),
        None => (word, None),
    };
    let (sex, age) = who.split_at_checked(1)?;
    let age = AgeBand::of_age(age.parse().ok()?);
    Some(Passenger { age, sex: sex.parse().ok()?, berth_required, preference })
}

fn reserve(request: RequestMark, hold: HoldId, words: &[&str]) -> Command {
    let [class, quota, journey, rest @ ..] = words else { panic!("a reserve is {words:?}") };
    let (from, to) = trip(journey);
    let mut ask = Reserve {
        request,
        hold,
        class: class.parse().expect("a class"),
        quota: quota.parse().expect("a quota"),
        from,
        to,
        party: ArrayVec::new(),
        conditions: Conditions::default(),
        berths: Vec::new(),
        ttl: Millis(300_000),
        reference: "".into(),
    };
    for word in rest {
        match word.split_once('=') {
            Some(("ttl", seconds)) => ask.ttl = Millis(seconds.parse::<u64>().unwrap() * 1_000),
            Some(("berths", list)) => ask.berths = berth_names(list),
            Some(("lower", count)) => ask.conditions.min_lower = count.parse().unwrap(),
            Some(("ref", text)) => ask.reference = text.into(),
            _ if *word == "one-coach" => ask.conditions.one_coach = true,
            _ if *word == "rac" => ask.conditions.rac = true,
            _ if *word == "wl" => ask.conditions.waiting = true,
            _ if *word == "hard" => ask.conditions.preferences_are_hard = true,
            _ => ask.party.push(passenger(word).unwrap_or_else(|| panic!("what is {word:?}?"))),
        }
    }
    Command::Reserve(ask)
}

fn show(plan: &Plan, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Took(said) => said_text(plan, said),
        Outcome::Known(said) => format!("known {}", said_text(plan, said)),
        Outcome::Refused(refusal) => format!("{} {refusal}", refusal.reason()),
    }
}

/// `B1-1:held`, and of those on a list `none:held(GNWL2/1)`: booking number and position, with the
/// list where it is another one, `-` once they have a berth of their own or left.
fn seat(plan: &Plan, seat: &SeatView, listed: Option<&ListedView>) -> String {
    let berth = seat.berth.map_or("none".into(), |berth| {
        let name = plan.berth_name(berth);
        format!("{}-{}", name.coach, name.number)
    });
    let listed = listed.map_or(String::new(), |listed| {
        let Standing { list, number } = listed.booked;
        let now = listed.current.map_or("-".into(), |current| {
            let other = Some(current.list).filter(|now| *now != list);
            let label = other.map_or(String::new(), |list| plan.list(list).label.to_string());
            format!("{label}{}", current.position)
        });
        format!("({}{number}/{now})", plan.list(list).label)
    });
    format!("{berth}:{}{listed}", seat.state.code().to_lowercase())
}

fn on_list(of: Option<&[ListedView]>, place: usize) -> Option<&ListedView> {
    of?.iter().find(|listed| usize::from(listed.passenger) == place)
}

fn hold_text(plan: &Plan, view: &HoldView) -> String {
    let seats: Vec<String> = (view.party.iter().enumerate())
        .map(|(place, s)| seat(plan, s, on_list(view.listed.as_deref(), place)))
        .collect();
    format!("H{} {} until {}", view.hold.0, seats.join(" "), seconds(view.expires_at))
}

/// ` promoted H2[5]:GNWL1->B1-7(RAC3)`.
fn promoted_text(plan: &Plan, freed: &crate::Freed) -> String {
    let standing = |s: &Standing| format!("{}{}", plan.list(s.list).label, s.number);
    let one = |p: &crate::Promoted| {
        let name = plan.berth_name(p.berth);
        let (hold, who, from) = (p.hold.0, p.passenger + 1, standing(&p.from));
        let to = p.to.as_ref().map_or(String::new(), |to| format!("({})", standing(to)));
        format!(" H{hold}[{who}]:{from}->{}-{}{to}", name.coach, name.number)
    };
    let all: String = freed.promoted.iter().map(one).collect();
    if all.is_empty() { all } else { format!(" promoted{all}") }
}

fn seconds(at: UnixMillis) -> f64 {
    (at.0 - DAY) as f64 / 1_000.0
}

fn places(set: PassengerSet) -> String {
    set.iter().map(|place| (place + 1).to_string()).collect::<Vec<_>>().join(",")
}

fn said_text(plan: &Plan, said: &Said) -> String {
    let booked = |view: &crate::BookingView| {
        let one = |(place, s): &(u8, SeatView)| {
            let listed = on_list(view.listed.as_deref(), usize::from(*place));
            format!("{}:{}", place + 1, seat(plan, s, listed))
        };
        let seats: Vec<String> = view.party.iter().map(one).collect();
        let rest = view.rest_until.map(|at| format!(" rest until {}", seconds(at)));
        format!("P{} {}{}", view.pnr.0, seats.join(" "), rest.unwrap_or_default())
    };
    match said {
        Said::Hold(view) => hold_text(plan, view),
        Said::Booking(view) => booked(view),
        Said::Released(_, freed) => {
            format!("released {}{}", places(freed.passengers), promoted_text(plan, freed))
        }
        Said::Cancelled(_, freed) => {
            format!("cancelled {}{}", places(freed.passengers), promoted_text(plan, freed))
        }
        Said::Sale(pools) => format!("pools {pools:#b}"),
        Said::Berths(berths) => {
            let name = |berth| {
                let name = plan.berth_name(berth);
                format!("{}-{}", name.coach, name.number)
            };
            let names: Vec<String> = berths.iter().map(|berth| name(*berth)).collect();
            format!("berths {}", names.join(" "))
        }
        Said::Run(summary) => format!("run retired={}", summary.retired),
        Said::Done => "done".into(),
        Said::Refused(refusal) => refusal.to_string(),
    }
}
