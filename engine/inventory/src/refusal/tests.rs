//! What callers are told, word for word.

use super::*;

/// What happened with both operands, then what to do next.
#[test]
fn every_message_says_both_operands_and_what_to_do_next() {
    let train: TrainNumber = "12951".parse().unwrap();
    let date = |text: &str| text.parse::<Date>().unwrap();
    let (gn, tq): (QuotaCode, QuotaCode) = ("GN".parse().unwrap(), "TQ".parse().unwrap());
    let at = UnixMillis(1_795_321_800_000);
    let legs = LegRange::new(0, 6).unwrap();
    let stop = StopRef::Station { code: "ZZZ".parse().unwrap(), occurrence: 2 };
    let class = TravelClass::ThirdAc;
    let berth = BerthName { coach: "B3".into(), number: 99 };
    let hold = HoldId(0x11);
    for (refusal, expected) in [
        (
            Refusal::IdempotencyMismatch { id: RequestId(1) },
            "request id 00000000000000000000000000000001 took effect with another request; \
             use a new id for a new request",
        ),
        (Refusal::UnknownTrain { train }, "train 12951 is not in the catalogue; check the number"),
        (
            Refusal::RunNotScheduled {
                train,
                start_date: date("2026-11-22"),
                next: Some(date("2026-11-24")),
            },
            "train 12951 has no run open that starts on 2026-11-22; next: 2026-11-24",
        ),
        (
            Refusal::UnknownStop { train, stop },
            "ZZZ (visit 2) is not a stop of train 12951; name one of its route, by code or by \
             number",
        ),
        (
            Refusal::BadLegRange { from: 3, to: 1 },
            "stop 1 does not come after stop 3; name them in the order of the route, a station \
             that comes twice by number or visit",
        ),
        (
            Refusal::UnknownClass { train, class, has: vec![TravelClass::Sleeper] },
            "train 12951 has no 3A; it has SL",
        ),
        (
            Refusal::UnknownQuota { class, quota: tq, legs, has: vec![gn] },
            "3A has no quota TQ on stops 1..7; it has GN",
        ),
        (
            Refusal::TooManyPassengers { asked: 5, max: 4, quota: tq },
            "5 passengers asked, quota TQ allows 4; split the party",
        ),
        (
            Refusal::NotOpen { class, quota: tq, opens_at: at },
            "quota TQ of 3A opens at 2026-11-22T04:30:00.000Z; ask again then",
        ),
        (
            Refusal::Closed { class, quota: gn, closed_at: Some(at) },
            "sale of 3A GN is closed since 2026-11-22T04:30:00.000Z; the train has left the \
             boarding stop",
        ),
        (
            Refusal::Closed { class, quota: gn, closed_at: None },
            "sale of 3A GN is closed by the operator; only they open it again",
        ),
        // Most answers of a morning are this one: it stays short.
        (
            Refusal::SoldOut { asked: 2, free: 1, class, quota: gn, legs },
            "2 berths asked, 1 free in 3A GN on stops 1..7",
        ),
        (
            Refusal::BerthTaken { berth: berth.clone(), legs },
            "berth B3-99 is taken on stops 1..7; name another, or none to have one chosen",
        ),
        (
            Refusal::PreferenceUnmet { condition: "lower berths", asked: 2, free: 1 },
            "lower berths cannot be met: 2 asked, 1 possible; ask for less of it",
        ),
        (
            Refusal::UnknownHold { hold },
            "hold 00000000000000000000000000000011 is not known here: never made, or forgotten \
             some time after it ended; check the id, or reserve anew",
        ),
        (
            Refusal::HoldReleased { hold, at },
            "hold 00000000000000000000000000000011 was released at 2026-11-22T04:30:00.000Z; \
             reserve anew",
        ),
        (
            Refusal::HoldExpired { hold, expires_at: at, now: at },
            "hold 00000000000000000000000000000011 expired at 2026-11-22T04:30:00.000Z, it is \
             2026-11-22T04:30:00.000Z; reserve anew",
        ),
        (
            Refusal::UnknownBerth { train, berth, class: Some(class) },
            "train 12951 has no berth B3-99 in 3A; its berth map names those it has",
        ),
        (
            Refusal::UnknownPassenger { asked: 4, count: 3 },
            "passenger 4 asked, the party has 3; they count from 1",
        ),
        (
            Refusal::NotEligible {
                passenger: 1,
                age: crate::AgeBand::Adult,
                sex: crate::Sex::Male,
                class: TravelClass::Sleeper,
                quota: tq,
                whom: "F, M 60+".into(),
            },
            "passenger 2 (M 18-44) may not travel on quota TQ of SL, which is for F, M 60+; ask for \
             another quota",
        ),
        (
            Refusal::NotAdmitted { room: "tatkal".into(), why: "the token has expired" },
            "waiting room tatkal stands before this sale: the token has expired; join it, and \
             reserve with the token that it gives when it is your turn",
        ),
        (
            Refusal::UnknownRoom { asked: "tatkal".into() },
            "there is no waiting room tatkal here, or it is closed; reserve without one",
        ),
        (
            Refusal::UnknownTicket { why: "the ticket is forged" },
            "the ticket is forged; join the room anew",
        ),
        (
            Refusal::Unproven { room: "tatkal".into(), why: "there is none" },
            "waiting room tatkal wants a proof that this end user passed the challenge: there is \
             none; pass it, and join with the proof",
        ),
        (
            Refusal::TooManyExtends { hold, extends: 256, max: 256 },
            "hold 00000000000000000000000000000011 was extended 256 times, of 256 at most; confirm \
             it before its deadline, and extend another by more at a time",
        ),
        (
            Refusal::UnknownStop { train, stop: StopRef::Sequence(9) },
            "stop number 9 is not a stop of train 12951; name one of its route, by code or by \
             number",
        ),
    ] {
        assert_eq!(refusal.to_string(), expected);
        // What others or time may change is worth asking again.
        let changes = [
            Reason::RunNotScheduled,
            Reason::NotOpen,
            Reason::Closed,
            Reason::SoldOut,
            Reason::BerthTaken,
            Reason::PreferenceUnmet,
        ];
        assert_eq!(refusal.is_retryable(), changes.contains(&refusal.reason()), "{expected}");
    }
}
