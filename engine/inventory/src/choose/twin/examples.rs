//! Cases of the definition worth a name.

use super::*;

#[test]
fn single_passengers_are_refused_with_what_is_missing() {
    let plan = sample::of_bays(3, &[vec![vec![BerthType::Upper; 4]; 2]]);
    let rows = Rows::of(&plan);
    let man = |preference| Passenger {
        age: AgeBand::Adult,
        sex: Sex::Male,
        berth_required: true,
        preference,
    };
    let ask = |party: &[Passenger], conditions, legs| {
        let wish = Wish { legs, party: party.iter().copied().collect(), conditions };
        choose(&plan, POOL, &rows, None, &wish)
    };
    let route = LegRange { from: 0, to: 3 };
    let lower = Conditions { min_lower: 1, ..Conditions::default() };
    let unmet = NoBerth::Unmet { condition: "lower berths", asked: 1, free: 0 };
    assert_eq!(ask(&[man(None)], lower, route), Err(unmet));
    let hard = Conditions { preferences_are_hard: true, ..Conditions::default() };
    let unmet = NoBerth::Unmet { condition: "berth preferences", asked: 1, free: 0 };
    assert_eq!(ask(&[man(Some(BerthType::Lower))], hard, route), Err(unmet));
    assert_eq!(ask(&[man(None)], hard, route).unwrap().as_slice(), [BerthIndex(0)]);
    // A journey that leaves the route finds nothing and does not panic.
    let beyond = LegRange { from: 2, to: 9 };
    let sold_out = Err(NoBerth::SoldOut { free: 0 });
    assert_eq!(ask(&[man(None)], Conditions::default(), beyond), sold_out);
    assert_eq!(ask(&[man(None), man(None)], Conditions::default(), beyond), sold_out);
}

/// A coach that fails an earlier condition does not count for a later one.
#[test]
fn conditions_are_met_on_top_of_each_other() {
    let coach = |berth_type| vec![vec![berth_type; 2]];
    let coaches = [coach(BerthType::Lower), coach(BerthType::Upper)];
    let plan = sample::of_bays(1, &coaches);
    let man = |preference| Passenger {
        age: AgeBand::Adult,
        sex: Sex::Male,
        berth_required: true,
        preference,
    };
    let conditions = Conditions {
        one_coach: true,
        min_lower: 1,
        preferences_are_hard: true,
        ..Conditions::default()
    };
    let party = [man(Some(BerthType::Upper)), man(None)].into_iter().collect();
    let wish = Wish { legs: LegRange { from: 0, to: 1 }, party, conditions };
    let unmet = NoBerth::Unmet { condition: "berth preferences", asked: 1, free: 0 };
    assert_eq!(choose(&plan, POOL, &Rows::of(&plan), None, &wish), Err(unmet));
}

/// Two bays of four; the journey is [2, 4) of 16 legs. A tight gap in each bay, or a whole bay free:
/// how dear may it be to sit together?
#[test]
fn sitting_together_may_cost_eight_legs_a_head() {
    let bays = vec![vec![BerthType::Lower; 4]; 2];
    let party: ArrayVec<Passenger, 6> = (0..2)
        .map(|_| Passenger {
            age: AgeBand::Adult,
            sex: Sex::Male,
            berth_required: true,
            preference: None,
        })
        .collect();
    // (free legs beyond the journey in bay 2, is it taken together)
    for (extra, together) in [(0, true), (8, true), (9, false)] {
        let plan = sample::of_bays(16, &[bays.clone(), bays.clone()]);
        let mut rows = Rows::of(&plan);
        let legs = LegRange { from: 2, to: 4 };
        for berth in 0..16 {
            let gap_end = match berth {
                // One berth of each coach fits exactly; the third bay has room at a price.
                0 | 12 => 4,
                8..12 => 4 + extra,
                _ => 0,
            };
            let mut taken = LegMask::first(16);
            if gap_end > 0 {
                taken.0 &= !LegRange { from: 2, to: gap_end }.mask().0;
            }
            rows.hold(BerthIndex(berth), taken);
        }
        let wish = Wish { legs, party: party.clone(), conditions: Conditions::default() };
        let got = choose(&plan, POOL, &rows, None, &wish).unwrap();
        let bay: &[BerthIndex] = &[BerthIndex(8), BerthIndex(9)];
        assert_eq!(got.as_slice() == bay, together, "{extra} legs a head: {got:?}");
    }
}

/// A bay that costs as much as one before it and grants a wish more is taken, though the cheapest
/// set of all grants no more than the first.
#[test]
fn wishes_decide_between_bays_of_one_price() {
    use BerthType::{Lower, Upper};
    let plan = sample::of_bays(8, &[vec![vec![Lower, Lower, Upper]; 4]]);
    let mut rows = Rows::of(&plan);
    let legs = LegRange { from: 2, to: 4 };
    // Bay 1: a lower and an upper berth, bay 2: two lower; in bays 3 and 4 one tighter berth each.
    let ends = [(0, 5), (2, 5), (3, 5), (4, 5), (6, 4), (11, 4)];
    for berth in 0..12 {
        let end = ends.iter().find(|(free, _)| *free == berth).map_or(2, |(_, end)| *end);
        let free = LegMask::first(end).0 & !LegMask::first(2).0;
        rows.hold(BerthIndex(berth), LegMask(LegMask::first(8).0 & !free));
    }
    let senior =
        Passenger { age: AgeBand::Senior, sex: Sex::Male, berth_required: true, preference: None };
    let conditions = Conditions { min_lower: 1, ..Conditions::default() };
    let wish = Wish { legs, party: [senior; 2].into_iter().collect(), conditions };
    agree(&plan, &rows, &wish).unwrap();
    let chosen = choose(&plan, POOL, &rows, None, &wish).unwrap();
    assert_eq!(chosen.as_slice(), [BerthIndex(3), BerthIndex(4)]);
}
