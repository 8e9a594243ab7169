//! What is written and read by hand against bincode, which is the judge.

use berth_inventory::{HeldPassenger, RequestMark, RunCreated};
use proptest::prelude::*;

use super::*;
use crate::codec::RECORD_BYTES_MAX;

/// Numbers of every width, and those at which the width changes.
fn number() -> impl Strategy<Value = u128> {
    const EDGES: [u128; 8] =
        [250, 251, 0xffff, 0x1_0000, 0xffff_ffff, 1 << 32, u64::MAX as u128, 1 << 64];
    prop_oneof![
        4 => any::<u128>(),
        2 => (any::<u128>(), 0..128_u32).prop_map(|(number, bits)| number >> bits),
        2 => prop::sample::select(&EDGES[..]),
    ]
}

/// The same, cut to 64 bits.
fn long() -> impl Strategy<Value = u64> {
    number().prop_map(|number| number as u64)
}

fn short() -> impl Strategy<Value = u16> {
    number().prop_map(|number| number as u16)
}

/// Texts, among them those at which their length is no longer one byte.
fn text() -> impl Strategy<Value = Box<str>> {
    let len = prop_oneof![6 => 0..40_usize, 2 => 248..254_usize, 1 => Just(70_000_usize)];
    (".{0,12}", len).prop_map(|(start, len)| format!("{start}{}", "x".repeat(len)).into())
}

fn mark() -> impl Strategy<Value = RequestMark> {
    (number(), long()).prop_map(|(id, digest)| RequestMark { id: RequestId(id), digest })
}

fn legs() -> impl Strategy<Value = LegRange> {
    (0..u8::MAX, 1..=u8::MAX)
        .prop_map(|(from, len)| LegRange { from, to: from.saturating_add(len) })
}

fn passenger() -> impl Strategy<Value = domain::Passenger> {
    let age = prop::sample::select(AgeBand::ALL);
    let sex = prop::sample::select(Sex::ALL);
    let preference = prop::option::of(prop::sample::select(BerthType::ALL));
    (age, sex, any::<bool>(), preference).prop_map(|(age, sex, berth_required, preference)| {
        domain::Passenger { age, sex, berth_required, preference }
    })
}

fn party() -> impl Strategy<Value = ArrayVec<HeldPassenger, PARTY_MAX>> {
    let held = (passenger(), prop::option::of(short()))
        .prop_map(|(passenger, berth)| HeldPassenger { passenger, berth: berth.map(BerthIndex) });
    prop::collection::vec(held, 0..=PARTY_MAX).prop_map(|party| party.into_iter().collect())
}

fn created() -> impl Strategy<Value = RunCreated> {
    let run = ("[A-Za-z0-9_-]{1,8}", any::<i32>()).prop_map(|(train, day)| RunId {
        train: train.parse().expect("a name"),
        start_date: Date::from_days(day),
    });
    let opens = prop::collection::vec(long().prop_map(UnixMillis), 0..300);
    (run, any::<[u8; 32]>(), long(), opens, any::<bool>()).prop_map(
        |(run, plan, midnight, opens, extra)| RunCreated {
            run,
            plan: PlanHash(plan),
            midnight: UnixMillis(midnight),
            opens,
            extra,
        },
    )
}

fn frequent_kinds() -> impl Strategy<Value = domain::Event> {
    use domain::Event as E;
    let hold = || number().prop_map(HoldId);
    let set = || any::<u8>().prop_map(PassengerSet);
    let at = || long().prop_map(UnixMillis);
    let pool = any::<u8>().prop_map(PoolIndex);
    let rest = prop_oneof![Just(Rest::Kept), Just(Rest::Released)];
    prop_oneof![
        (hold(), mark(), pool, legs(), party(), at(), text()).prop_map(
            |(hold, request, pool, legs, party, expires_at, reference)| E::Held {
                hold,
                request,
                pool,
                legs,
                party,
                expires_at,
                reference
            }
        ),
        (hold(), mark(), long(), set(), rest, text()).prop_map(
            |(hold, request, pnr, passengers, rest, payment)| E::Confirmed {
                hold,
                request,
                pnr: Pnr(pnr),
                passengers,
                rest,
                payment
            }
        ),
        (hold(), mark(), at()).prop_map(|(hold, request, expires_at)| E::Extended {
            hold,
            request,
            expires_at
        }),
        (hold(), set()).prop_map(|(hold, passengers)| E::Released { hold, passengers }),
        hold().prop_map(|hold| E::Expired { hold }),
        (long(), set()).prop_map(|(pnr, passengers)| E::Cancelled { pnr: Pnr(pnr), passengers }),
    ]
}

fn other_kinds() -> impl Strategy<Value = domain::Event> {
    use domain::Event as E;
    let berths = || prop::collection::vec(short().prop_map(BerthIndex), 0..300);
    prop_oneof![
        created().prop_map(|created| E::RunCreated(Box::new(created))),
        (long(), long(), long()).prop_map(|(until, as_of, span)| E::HoldsExtended {
            until: UnixMillis(until),
            as_of: UnixMillis(as_of),
            span: Millis(span)
        }),
        number().prop_map(|block| E::PnrBlockLeased { block: block as u32 }),
        (long(), any::<bool>()).prop_map(|(pools, open)| E::SaleSet { pools, open }),
        (berths(), legs()).prop_map(|(berths, legs)| E::BerthsBlocked { berths, legs }),
        (berths(), legs()).prop_map(|(berths, legs)| E::BerthsUnblocked { berths, legs }),
        Just(E::RunRetired),
    ]
}

fn event() -> impl Strategy<Value = domain::Event> {
    prop_oneof![4 => frequent_kinds(), 1 => other_kinds()]
}

fn encoded(event: &domain::Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_event(event, &mut bytes);
    bytes
}

/// Reads `bytes` both ways and holds one against the other.
fn judge(bytes: &[u8]) -> Result<domain::Event, CodecFault> {
    let (mut rest, mut left, mut walked) = (bytes, bytes, bytes);
    let (ours, judged) = (decode_event(&mut rest), decode_any(&mut left));
    assert_eq!(ours, judged, "{bytes:02x?}");
    if let Ok(event) = &judged {
        assert_eq!(rest, left, "{event:?} ends at another byte");
        assert_eq!(walk_event(&mut walked), Ok(created_by(event)), "{event:?}");
        assert_eq!(walked, left, "{event:?} is walked over to another byte");
    } else {
        // Walking may be blind, but never further than to the end.
        drop(walk_event(&mut walked));
    }
    judged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The same bytes, the same value, to the same byte, whatever follows.
    #[test]
    fn every_event_is_written_and_read_as_bincode_does(
        event in event(),
        behind in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (mut bytes, mut judged) = (encoded(&event), Vec::new());
        encode_any(&event, &mut judged);
        prop_assert_eq!(&bytes, &judged);
        let len = bytes.len();
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(&judge(&bytes), &Ok(event));
        let mut rest = &bytes[..];
        decode_event(&mut rest).expect("it was judged");
        prop_assert_eq!(rest.len() + len, bytes.len());
    }

    /// The usual forms never need bincode.
    #[test]
    fn frequent_events_are_read_by_hand(event in frequent_kinds()) {
        let bytes = encoded(&event);
        let text = match &event {
            domain::Event::Held { reference: text, .. }
            | domain::Event::Confirmed { payment: text, .. } => text,
            _ => "",
        };
        let usual = text.len() <= 250;
        let (mut decoded, mut walked) = (&bytes[..], &bytes[..]);
        prop_assert_eq!(frequent::decode(&mut decoded), usual.then_some(event));
        prop_assert_eq!(frequent::skip(&mut walked), usual.then_some(()));
        prop_assert_eq!(decoded.len(), if usual { 0 } else { bytes.len() });
        prop_assert_eq!(walked, decoded);
    }

    /// Cut at every byte, nothing is read.
    #[test]
    fn what_is_cut_short_is_refused_as_by_bincode(event in event()) {
        let bytes = encoded(&event);
        for cut in (0..bytes.len()).rev().take(400) {
            prop_assert!(judge(&bytes[..cut]).is_err(), "{} of {}", cut, bytes.len());
        }
    }

    /// Bytes changed, put in and taken out: lengths that lie, forms that are too wide, numbers and
    /// variants that do not exist.
    #[test]
    fn damaged_events_are_judged_alike(
        event in event(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
        wide in prop::sample::select(&[251, 252, 253, 254, 255_u8][..]),
    ) {
        let mut bytes = encoded(&event);
        for (place, byte, how) in places {
            let at = place.index(bytes.len().min(130));
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, wide),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
            let _ = judge(&bytes);
        }
    }

    /// Any bytes at all.
    #[test]
    fn noise_is_judged_alike(mut bytes in prop::collection::vec(any::<u8>(), 1..200), kind in 0..16_u8) {
        let _ = judge(&bytes);
        bytes[0] = kind;
        let _ = judge(&bytes);
    }
}

#[test]
fn unknown_variants_are_refused() {
    for variant in 13..=u8::MAX {
        // 251 to 254 begin a longer number, here one of no variant either.
        let bytes = [&[variant][..], &[0xee; 60]].concat();
        assert!(judge(&bytes).is_err(), "{variant}");
    }
    // A known one in a longer form is what it is.
    assert_eq!(judge(&[251, 12, 0]), Ok(domain::Event::RunRetired));
    assert_eq!(
        judge(&[252, 5, 0, 0, 0, 251, 7, 0]),
        Ok(domain::Event::Expired { hold: HoldId(7) })
    );
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let refused = |len: usize| {
        let reference = "x".repeat(len).into();
        let hold = HoldId(1 << 100);
        let request = RequestMark { id: RequestId(1), digest: 2 };
        let (pool, legs, party) = (PoolIndex(0), LegRange { from: 0, to: 1 }, ArrayVec::new());
        let expires_at = UnixMillis(3);
        judge(&encoded(&domain::Event::Held {
            hold,
            request,
            pool,
            legs,
            party,
            expires_at,
            reference,
        }))
        .is_err()
    };
    assert!(!refused(RECORD_BYTES_MAX - 100));
    assert!(refused(RECORD_BYTES_MAX));
}
