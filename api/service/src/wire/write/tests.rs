//! What is written against what prost makes of the messages, byte for byte.

use std::sync::Arc;

use berth_inventory::{
    AgeBand, BerthIndex, BerthName, CoachEntry, Current, Date, Entry, HoldId, LegRange, ListIndex,
    ListedView, Opens, Passenger, PlanHash, Pnr, PoolEntry, PoolIndex, PoolSize, Promoted,
    Promotion, Reason, RunningDays, SeatState, Sex, Standing, StopEntry, StopRef, TravelClass,
    UnixMillis, Version, WaitingEntry,
};
use berth_proto::v1;
use berth_proto::v1::session_answer::Answer as Told;
use proptest::prelude::*;
use prost::Message as _;

use super::*;

pub(in crate::wire) fn plan() -> Arc<Plan> {
    let stop = |place: u32, code: &str| StopEntry {
        code: code.into(),
        km: place * 100,
        arrival: (place > 0).then_some(600 + place * 700),
        departure: (place < 4).then_some(605 + place * 700),
    };
    let codes = ["A", "NDLS", "ABCDEFGH", "X-1", "Z_9"];
    let coach = |(id, layout): (&str, &str)| CoachEntry {
        id: id.into(),
        layout: layout.into(),
        stops: None,
    };
    let entry = Entry {
        rules: None,
        number: "12951".into(),
        name: "TEST".into(),
        days: RunningDays::DAILY,
        stops: (0..).zip(codes).map(|(place, code)| stop(place, code)).collect(),
        coaches: [("B1", "3A"), ("S10", "SL")].map(coach).into(),
        pools: vec![
            PoolEntry {
                rac: 2,
                waiting: Some(WaitingEntry { label: "GNWL".into(), limit: 9 }),
                ..pool("GN", TravelClass::ThirdAc, PoolSize::Rest)
            },
            pool("TQ", TravelClass::ThirdAc, PoolSize::Berths(10)),
            pool("GN", TravelClass::Sleeper, PoolSize::Rest),
        ],
    };
    Arc::new(Plan::new(&entry, PlanHash([7; 32])).expect("a plan"))
}

fn pool(quota: &str, class: TravelClass, size: PoolSize) -> PoolEntry {
    PoolEntry {
        quota: quota.into(),
        class,
        size,
        board: None,
        alight: None,
        opens: Opens::WithRun,
        party_max: 6,
        eligible: Vec::new(),
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
        kept: Vec::new(),
    }
}

fn teller(now: UnixMillis) -> Teller {
    Teller { names: Arc::new(Names::new(&[7; 32], 1)), now }
}

fn pick<T: Copy>(list: &[T], at: u64) -> T {
    list[at as usize % list.len()]
}

fn seat(plan: &Plan, dice: u64) -> SeatView {
    let passenger = Passenger {
        age: pick(AgeBand::ALL, dice),
        sex: pick(Sex::ALL, dice >> 8),
        berth_required: true,
        preference: None,
    };
    let berth = BerthIndex((dice >> 16) as u16 % plan.places().len() as u16);
    let states = [
        SeatState::Held,
        SeatState::Confirmed,
        SeatState::Released,
        SeatState::Expired,
        SeatState::Cancelled,
    ];
    SeatView {
        passenger,
        berth: (dice >> 40 & 3 > 0).then_some(berth),
        state: pick(&states, dice >> 48),
    }
}

/// What a view is made of; everything else follows from the plan.
#[derive(Clone, Debug)]
struct Dice {
    number: u128,
    small: u64,
    at: UnixMillis,
    seats: Vec<u64>,
    texts: (String, String),
    bookings: Vec<u64>,
}

fn dice() -> impl Strategy<Value = Dice> {
    let at = prop_oneof![8 => 1_700_000_000_000..2_000_000_000_000u64, 1 => any::<u64>()];
    let texts = (".{0,40}", prop_oneof![Just(String::new()), "[a-z]{0,128}".boxed()]);
    let seats = proptest::collection::vec(any::<u64>(), 1..7);
    let bookings = proptest::collection::vec(0..9_000_000_000u64, 0..4);
    (any::<u128>(), any::<u64>(), at, seats, texts, bookings).prop_map(
        |(number, small, at, seats, texts, bookings)| Dice {
            number,
            small,
            at: UnixMillis(at),
            seats,
            texts,
            bookings,
        },
    )
}

impl Dice {
    fn run(&self) -> RunId {
        let start_date = Date::from_days((self.small % 40_000) as i32);
        RunId { train: "12951".parse().expect("a number"), start_date }
    }

    fn legs(&self) -> LegRange {
        let from = (self.small >> 8) as u8 % 4;
        LegRange { from, to: from + 1 + (self.small >> 16) as u8 % (4 - from) }
    }

    fn pool(&self, plan: &Plan) -> PoolIndex {
        PoolIndex((self.small >> 24) as u8 % plan.pools().len() as u8)
    }

    fn hold(&self, plan: &Arc<Plan>) -> HoldView {
        HoldView {
            run: self.run(),
            hold: HoldId(self.number),
            pool: self.pool(plan),
            legs: self.legs(),
            created_at: self.at,
            expires_at: self.at.saturating_add(berth_inventory::Millis(self.small % 900_000)),
            party: self.seats.iter().map(|dice| seat(plan, *dice)).collect(),
            bookings: self.bookings.iter().map(|number| Pnr(*number)).collect(),
            reference: self.texts.0.as_str().into(),
            listed: self.listed(),
        }
    }

    /// Of a few: the party's first and last on a list, in one of the ways in which that is shown.
    fn listed(&self) -> Option<Box<[ListedView]>> {
        let list = |bit: u64| ListIndex((self.small >> bit & 1) as u8);
        let standing =
            |bit| Standing { list: list(bit), number: 1 + (self.small >> bit) as u32 % 900 };
        let one = |passenger: u8| ListedView {
            passenger,
            booked: standing(u64::from(passenger)),
            current: (self.small >> 9 & 1 == 1)
                .then(|| Current { list: list(10), position: (self.small >> 11) as u16 % 99 }),
        };
        let last = self.seats.len().saturating_sub(1) as u8;
        (self.small >> 60 & 3 == 3).then(|| [one(0), one(last.max(1))].into())
    }

    fn promoted(&self) -> Vec<Promoted> {
        let standing =
            |bit: u64| Standing { list: ListIndex((self.small >> bit & 1) as u8), number: 7 };
        let one = |place: u8| Promoted {
            hold: HoldId(self.number),
            pnr: (self.small >> 13 & 1 == 1).then_some(Pnr(self.small % 9_000_000_000)),
            passenger: place,
            from: standing(u64::from(place)),
            berth: BerthIndex(self.small as u16 % 150),
            to: (self.small >> 14 & 1 == 1).then(|| standing(15)),
        };
        (0..self.small as u8 % 3).map(one).collect()
    }

    fn booking(&self, plan: &Arc<Plan>) -> BookingView {
        let party = self.seats.iter().enumerate();
        BookingView {
            run: self.run(),
            pnr: Pnr(self.small % 9_000_000_000),
            hold: HoldId(self.number),
            pool: self.pool(plan),
            legs: self.legs(),
            confirmed_at: self.at,
            payment: self.texts.1.as_str().into(),
            reference: self.texts.0.as_str().into(),
            party: party.map(|(place, dice)| (place as u8, seat(plan, *dice))).collect(),
            rest_until: (self.small >> 50 & 1 == 1).then_some(self.at),
            listed: self.listed(),
        }
    }

    fn refusals(&self, plan: &Arc<Plan>) -> Vec<Refusal> {
        let pool = plan.pool(self.pool(plan));
        let (class, quota, legs) = (pool.class, pool.quota, self.legs());
        let RunId { train, start_date } = self.run();
        let (asked, free) = ((self.small >> 32) as u8, (self.small >> 40) as u16);
        let (hold, at) = (HoldId(self.number), self.at);
        let berth = BerthName { coach: "B1".into(), number: free };
        let stop = StopRef::Sequence(7);
        let next = (asked > 9).then_some(start_date);
        let booking = Box::new(self.booking(plan));
        let pnr = Pnr(self.small % 9_000_000_000);
        vec![
            Refusal::IdempotencyMismatch { id: berth_inventory::RequestId(self.number) },
            Refusal::UnknownTrain { train },
            Refusal::RunNotScheduled { train, start_date, next },
            Refusal::UnknownStop { train, stop },
            Refusal::BadLegRange { from: 2, to: 1 },
            Refusal::UnknownClass { train, class, has: vec![TravelClass::Sleeper, class] },
            Refusal::UnknownQuota { class, quota, legs, has: vec![quota] },
            Refusal::TooManyPassengers { asked, max: 4, quota },
            Refusal::NotOpen { class, quota, opens_at: at },
            Refusal::Closed { class, quota, closed_at: (asked > 9).then_some(at) },
            Refusal::SoldOut { asked, free, class, quota, legs },
            Refusal::SoldOut { asked, free: 0, class, quota, legs },
            Refusal::WaitingFull { asked, free, limit: 400, label: quota, class, quota },
            Refusal::BerthTaken { berth: berth.clone(), legs },
            Refusal::PreferenceUnmet { condition: "a lower berth", asked, free },
            Refusal::UnknownHold { hold },
            Refusal::HoldReleased { hold, at },
            Refusal::HoldExpired { hold, expires_at: at, now: at },
            Refusal::AlreadyConfirmed { hold, booking, plan: Arc::clone(plan) },
            Refusal::UnknownBooking { pnr },
            Refusal::UnknownBerth { train, berth, class: None },
            Refusal::BookingCancelled { pnr, at },
            Refusal::UnknownPassenger { asked, count: 2 },
            Refusal::TooManyExtends { hold, extends: 256, max: 256 },
            Refusal::NotAdmitted { room: "tatkal".into(), why: "there is none" },
            Refusal::UnknownRoom { asked: "tatkal".into() },
            Refusal::UnknownTicket { why: "it is forged" },
            Refusal::Unproven { room: "tatkal".into(), why: "there is none" },
            Refusal::NotEligible {
                passenger: asked % 6,
                age: berth_inventory::AgeBand::Adult,
                sex: berth_inventory::Sex::Male,
                class,
                quota,
                whom: "F, M 60+".into(),
            },
        ]
    }

    fn answer(&self, said: Said) -> Answer {
        Answer { version: Version(self.small >> 20), at: self.at, said }
    }
}

/// The response as prost writes it, and the answer of a session that carries it.
fn by_prost(
    kind: Kind,
    answer: &Answer,
    plan: &Plan,
    teller: &Teller,
) -> Result<(Vec<u8>, Told), Trouble> {
    use super::super::names::timestamp;
    Ok(match kind {
        Kind::Reserve => {
            teller.reserve(answer, plan).map(|m| (m.encode_to_vec(), Told::Reserve(m)))?
        }
        Kind::Confirm => {
            let mut message = teller.booked(answer, plan)?;
            if let Said::Booking(view) = &answer.said {
                message.expires_at = view.rest_until.map(timestamp);
            }
            (message.encode_to_vec(), Told::Confirm(message))
        }
        Kind::Release => {
            teller.release(answer, plan).map(|m| (m.encode_to_vec(), Told::Release(m)))?
        }
        Kind::Extend => {
            teller.extend(answer, plan).map(|m| (m.encode_to_vec(), Told::Extend(m)))?
        }
        Kind::Cancel => {
            teller.cancel(answer, plan).map(|m| (m.encode_to_vec(), Told::Cancel(m)))?
        }
        Kind::GetHold => {
            teller.get_hold(answer, plan).map(|m| (m.encode_to_vec(), Told::GetHold(m)))?
        }
        Kind::GetBooking => {
            teller.get_booking(answer, plan).map(|m| (m.encode_to_vec(), Told::GetBooking(m)))?
        }
        other => panic!("{other:?} is none of a caller"),
    })
}

const CALLS: [Kind; 7] = [
    Kind::Reserve,
    Kind::Confirm,
    Kind::Release,
    Kind::Extend,
    Kind::Cancel,
    Kind::GetHold,
    Kind::GetBooking,
];

/// Writes an answer both ways, as the response of every call and as the answer of a session.
fn same(answer: &Answer, (run, plan): (RunId, &Plan), teller: &Teller, correlation: u64) {
    let asked = !matches!(answer.said, Said::Refused(_));
    let of = asked.then_some(Of { run, plan });
    for kind in CALLS {
        let (mut pen, mut session) = (Pen::default(), Pen::default());
        let written = response(&mut pen, kind, answer, of, teller);
        session_answer(&mut session, correlation, kind, answer, of, teller);
        let told = match by_prost(kind, answer, plan, teller) {
            Ok((message, told)) => {
                assert_eq!(pen.written(), message, "{kind:?} {answer:?}");
                told
            }
            Err(trouble) => {
                assert_eq!(written.map_err(|trouble| trouble.code()), Err(trouble.code()));
                let message = v1::SessionResponse::decode(session.written()).expect("a message");
                assert_eq!(message.answers.len(), 1);
                assert!(matches!(message.answers[0].answer, Some(Told::Fault(_))));
                continue;
            }
        };
        let answer = v1::SessionAnswer { correlation_id: correlation, answer: Some(told) };
        let message = v1::SessionResponse { answers: vec![answer] };
        assert_eq!(session.written(), message.encode_to_vec(), "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 96,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_answer_is_what_prost_writes(
        dice in dice(),
        correlation in any::<u64>(),
    ) {
        let (plan, teller) = (plan(), teller(dice.at));
        let freed = Freed {
            passengers: PassengerSet(dice.small as u8 & 0x3f),
            promoted: dice.promoted(),
        };
        let mut said = vec![
            Said::Hold(dice.hold(&plan)),
            Said::Booking(dice.booking(&plan)),
            Said::Released(dice.hold(&plan), freed.clone()),
            Said::Cancelled(dice.booking(&plan), freed),
            Said::Done,
        ];
        let refusals = dice.refusals(&plan).into_iter();
        said.extend(refusals.map(Said::Refused));
        for said in said {
            same(&dice.answer(said), (dice.run(), &plan), &teller, correlation);
        }
    }

    #[test]
    fn a_fault_is_what_prost_writes(correlation in any::<u64>(), message in ".{0,300}") {
        let trouble = Trouble::new(tonic::Code::Internal, message);
        let fault = Told::Fault(trouble.clone().into_fault());
        let answer = v1::SessionAnswer { correlation_id: correlation, answer: Some(fault) };
        let mut pen = Pen::default();
        session_fault(&mut pen, correlation, trouble);
        prop_assert_eq!(
            pen.written(),
            v1::SessionResponse { answers: vec![answer] }.encode_to_vec()
        );
    }
}

#[test]
fn every_reason_is_tried() {
    let dice = Dice {
        number: 1,
        small: 1,
        at: UnixMillis(1),
        seats: vec![1],
        texts: (String::new(), String::new()),
        bookings: Vec::new(),
    };
    let tried: std::collections::BTreeSet<Reason> =
        dice.refusals(&plan()).iter().map(Refusal::reason).collect();
    assert_eq!(tried.len(), Reason::ALL.len());
    let unasked = dice.answer(Said::Refused(Refusal::UnknownHold { hold: HoldId(1) }));
    let mut pen = Pen::default();
    session_answer(&mut pen, 1, Kind::Block, &unasked, None, &teller(UnixMillis(1)));
    let message = v1::SessionResponse::decode(pen.written()).expect("a message");
    assert!(matches!(&message.answers[0].answer, Some(Told::Fault(fault)) if fault.code == 13));
}
