//! What a request asks, in 64 bits, without its id: the same for every retry, in every build.
//!
//! A caller's command is digested by what it *means*, not by how it was written: a canonical text
//! of tagged fields (tag byte, then bytes of a length that the tag or its first byte says) in the
//! order of their tags. What is not asked for is not in it, so that a field that a later version
//! adds changes no digest until it is used; what a setting of the server fills in (the time of a
//! hold when the caller names none) is not in it either, so that a retry survives a new setting.
//! Commands of operators are digested by their protobuf encoding behind field 1, the id.
//!
//! The hash is rapidhash V3, whose output is promised for ever. Digests are journaled: neither a
//! tag nor the hash may ever change. A collision needs a caller who works against itself: it would
//! take its own retry for known.

use arrayvec::{ArrayString, ArrayVec};
use berth_engine::node::When;
use berth_inventory::{
    BerthName, Cancel, Confirm, Extend, Millis, PARTY_MAX, PassengerSet, REFERENCE_BYTES_MAX,
    Release, Reserve, Rest, StopRef,
};
use prost::Message;
use rapidhash::v3::rapidhash_v3;

use super::inventory::RunName;

/// Key of field 1 as a length-delimited value.
const REQUEST_ID_KEY: u8 = 0x0a;
/// Bytes of the longest canonical text: a reserve with six named berths and a full reference.
const TEXT_BYTES_MAX: usize =
    1 + 9 + 5 + 2 * 10 + 2 + 5 + PARTY_MAX * 5 + 4 + PARTY_MAX * 12 + 9 + 2 + REFERENCE_BYTES_MAX;

/// The digest of an operator's message whose field 1 is its request id.
pub(super) fn of(message: &impl Message) -> u64 {
    let bytes = message.encode_to_vec();
    rapidhash_v3(without_id(&bytes))
}

/// What follows field 1. An id of more than 127 bytes is not skipped: it is refused anyway.
fn without_id(bytes: &[u8]) -> &[u8] {
    match bytes {
        [REQUEST_ID_KEY, len @ 0..=127, rest @ ..] => rest.get(usize::from(*len)..).unwrap_or(rest),
        _ => bytes,
    }
}

/// The digest of a reserve; `ttl` is what the caller named.
pub(super) fn reserve(run: RunName, asked: &Reserve, ttl: Option<Millis>) -> u64 {
    let mut text = Text::of(1);
    text.put(1, *run.train.bytes());
    match run.when {
        When::Start(date) => text.put(2, date.days().to_le_bytes()),
        When::Board(date) => text.put(3, date.days().to_le_bytes()),
    }
    text.stop(4, asked.from);
    text.stop(6, asked.to);
    text.put(8, [asked.class as u8]);
    text.put(9, *asked.quota.bytes());
    for passenger in &asked.party {
        let wish = passenger.preference.map_or(0, |wish| wish as u8);
        let (age, sex) = (passenger.age as u8, passenger.sex as u8);
        text.put(10, [age, sex, u8::from(passenger.berth_required), wish]);
    }
    text.flag(11, asked.conditions.one_coach);
    if asked.conditions.min_lower > 0 {
        text.put(12, [asked.conditions.min_lower]);
    }
    text.flag(13, asked.conditions.preferences_are_hard);
    for BerthName { coach, number } in &asked.berths {
        text.long(14, coach);
        text.bytes(&number.to_le_bytes());
    }
    if let Some(ttl) = ttl {
        text.put(15, ttl.0.to_le_bytes());
    }
    text.long(16, &asked.reference);
    text.flag(17, asked.conditions.rac);
    text.flag(18, asked.conditions.waiting);
    text.digest()
}

/// The digest of a confirm.
pub(super) fn confirm(asked: &Confirm) -> u64 {
    let mut text = Text::of(2);
    text.put(1, asked.hold.0.to_le_bytes());
    text.people(2, asked.passengers);
    text.flag(3, asked.rest == Rest::Kept);
    text.long(4, &asked.payment);
    text.digest()
}

/// The digest of a release.
pub(super) fn release(asked: &Release) -> u64 {
    let mut text = Text::of(3);
    text.put(1, asked.hold.0.to_le_bytes());
    text.people(2, asked.passengers);
    text.digest()
}

/// The digest of an extend.
pub(super) fn extend(asked: &Extend) -> u64 {
    let mut text = Text::of(4);
    text.put(1, asked.hold.0.to_le_bytes());
    text.put(2, asked.ttl.0.to_le_bytes());
    text.digest()
}

/// The digest of a cancel, by the printed PNR.
pub(super) fn cancel(digits: ArrayString<10>, asked: &Cancel) -> u64 {
    let mut text = Text::of(5);
    text.long(1, &digits);
    text.people(2, asked.passengers);
    text.digest()
}

/// A canonical text. It has room for every command that the edge lets in.
struct Text(ArrayVec<u8, TEXT_BYTES_MAX>);

impl Text {
    fn of(command: u8) -> Self {
        let mut text = ArrayVec::new();
        text.push(command);
        Self(text)
    }

    fn digest(&self) -> u64 {
        rapidhash_v3(&self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.try_extend_from_slice(bytes).expect("every part of a command is bounded");
    }

    fn put<const N: usize>(&mut self, tag: u8, value: [u8; N]) {
        self.0.push(tag);
        self.bytes(&value);
    }

    fn flag(&mut self, tag: u8, set: bool) {
        if set {
            self.0.push(tag);
        }
    }

    /// A text of at most 255 bytes; an empty one is not there.
    fn long(&mut self, tag: u8, text: &str) {
        if !text.is_empty() {
            self.put(tag, [text.len() as u8]);
            self.bytes(text.as_bytes());
        }
    }

    fn people(&mut self, tag: u8, who: Option<PassengerSet>) {
        if let Some(who) = who {
            self.put(tag, [who.0]);
        }
    }

    /// A stop by number under `tag`, by station under the next tag.
    fn stop(&mut self, tag: u8, stop: StopRef) {
        match stop {
            StopRef::Sequence(place) => self.put(tag, place.to_le_bytes()),
            StopRef::Station { code, occurrence } => {
                self.put(tag + 1, *code.bytes());
                self.bytes(&[occurrence]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_inventory::{
        AgeBand, BerthType, Conditions, HoldId, Passenger, Pnr, RequestId, RequestMark, Sex,
        TravelClass,
    };
    use berth_proto::v1;

    const MARK: RequestMark = RequestMark { id: RequestId(7), digest: 0 };

    fn run(when: fn(berth_inventory::Date) -> When) -> RunName {
        let date = "2026-12-01".parse().expect("a date");
        RunName { train: "12951".parse().expect("a number"), when: when(date) }
    }

    fn smallest() -> Reserve {
        let adult = Passenger {
            age: AgeBand::Adult,
            sex: Sex::Male,
            berth_required: true,
            preference: None,
        };
        Reserve {
            request: MARK,
            hold: HoldId(0),
            class: TravelClass::ThirdAc,
            quota: "GN".parse().expect("a quota"),
            from: StopRef::Sequence(1),
            to: StopRef::Station { code: "NDLS".parse().expect("a code"), occurrence: 1 },
            party: [adult].into_iter().collect(),
            conditions: Conditions::default(),
            berths: Vec::new(),
            ttl: Millis(300_000),
            reference: "".into(),
        }
    }

    fn largest() -> Reserve {
        let station =
            || StopRef::Station { code: "ABCDEFGH".parse().expect("a code"), occurrence: 128 };
        let senior = Passenger {
            age: AgeBand::Senior,
            sex: Sex::Female,
            berth_required: true,
            preference: Some(BerthType::Lower),
        };
        Reserve {
            from: station(),
            to: station(),
            party: [senior; PARTY_MAX].into_iter().collect(),
            conditions: Conditions {
                one_coach: true,
                min_lower: 6,
                preferences_are_hard: true,
                ..Conditions::default()
            },
            berths: vec![BerthName { coach: "ABCDEFGH".into(), number: u16::MAX }; PARTY_MAX],
            reference: "x".repeat(REFERENCE_BYTES_MAX).into(),
            ..smallest()
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // Worked out apart from the crate, from the published description (seed 0, its secrets):
        // one for each way through the hash.
        let bytes: Vec<u8> = (0..250).collect();
        assert_eq!(rapidhash_v3(b""), 232_177_599_295_442_350);
        assert_eq!(rapidhash_v3(b"hello world"), 3_397_907_815_814_400_320);
        assert_eq!(rapidhash_v3(&bytes[..100]), 11_477_236_261_791_015_803);
        assert_eq!(rapidhash_v3(&bytes), 13_411_640_978_139_860_519);
    }

    #[test]
    fn digests_that_may_be_in_a_journal_stay() {
        let hold = HoldId(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let two = Some(PassengerSet(0b11));
        let confirm_all = Confirm {
            request: MARK,
            hold,
            passengers: two,
            rest: Rest::Kept,
            payment: "paid".into(),
            pnr_block: None,
        };
        let digits = ArrayString::from("1234567890").expect("ten digits");
        let digests = [
            reserve(run(When::Board), &smallest(), None),
            reserve(run(When::Start), &largest(), Some(Millis(900_000))),
            confirm(&confirm_all),
            release(&Release { request: MARK, hold, passengers: None }),
            extend(&Extend { request: MARK, hold, ttl: Millis(1), life: Millis(2) }),
            cancel(digits, &Cancel { request: MARK, pnr: Pnr(0), passengers: None }),
            of(&v1::OpenSaleRequest { train: "12951".into(), ..Default::default() }),
        ];
        assert_eq!(digests, KNOWN);
    }

    /// Journaled: a change of these breaks the retries of every data directory there is.
    const KNOWN: [u64; 7] = [
        14_448_566_377_278_192_299,
        8_538_074_019_322_503_007,
        9_177_296_957_363_729_739,
        18_010_561_882_849_797_323,
        17_302_310_760_551_693_449,
        3_979_368_372_693_952_332,
        13_591_027_493_574_027_595,
    ];

    #[test]
    fn every_part_counts_and_the_id_does_not() {
        type Change = fn(&mut Reserve);
        let changes: &[Change] = &[
            |r| r.class = TravelClass::Sleeper,
            |r| r.quota = "TQ".parse().expect("a quota"),
            |r| r.from = StopRef::Sequence(2),
            |r| r.to = StopRef::Sequence(2),
            |r| r.party[0].age = AgeBand::Senior,
            |r| r.party[0].sex = Sex::Female,
            |r| r.party[0].preference = Some(BerthType::Upper),
            |r| r.party.push(r.party[0]),
            |r| r.conditions.one_coach = true,
            |r| r.conditions.min_lower = 1,
            |r| r.conditions.preferences_are_hard = true,
            |r| r.conditions.rac = true,
            |r| r.conditions.waiting = true,
            |r| r.berths = vec![BerthName { coach: "B1".into(), number: 1 }],
            |r| r.reference = "mine".into(),
        ];
        let whole = |change: Change| {
            let mut asked = smallest();
            change(&mut asked);
            reserve(run(When::Board), &asked, None)
        };
        let mut seen: std::collections::BTreeSet<u64> =
            changes.iter().map(|change| whole(*change)).collect();
        seen.insert(reserve(run(When::Start), &smallest(), None));
        seen.insert(reserve(run(When::Board), &smallest(), None));
        seen.insert(reserve(run(When::Board), &smallest(), Some(Millis(300_000))));
        assert_eq!(seen.len(), changes.len() + 3);
        let retry = whole(|r| r.request.id = RequestId(8));
        assert!(seen.contains(&retry), "the id does not count");
        let setting = whole(|r| r.ttl = Millis(60_000));
        assert_eq!(setting, retry, "what a setting filled in does not count");
    }

    #[test]
    fn an_operators_id_does_not_count_and_everything_else_does() {
        let one = v1::OpenSaleRequest {
            request_id: "7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11".into(),
            train: "12951".into(),
            ..Default::default()
        };
        let retry = v1::OpenSaleRequest { request_id: "x".into(), ..one.clone() };
        assert_eq!(of(&one), of(&retry));
        let none = v1::OpenSaleRequest { request_id: String::new(), ..one.clone() };
        assert_eq!(of(&one), of(&none));
        assert_ne!(of(&one), of(&v1::OpenSaleRequest { train: "12952".into(), ..one }));
    }
}
