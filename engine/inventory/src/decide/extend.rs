//! Extend: a live hold gets a new deadline, `ttl` from now, within its life.

use super::standing::still_held;
use super::{Decision, Events, Then, take};
use crate::register::RequestKind;
use crate::{EXTENDS_MAX, Event, Extend, Refusal, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: Extend, now: UnixMillis, events: &mut Events) -> Decision {
    if let Some(at) = run.first_effect(ask.request, RequestKind::Extend)? {
        return Err(run.known_hold(at, now));
    }
    let at = run.find_hold(ask.hold)?;
    let life = run.register.look(at, |record| {
        still_held(run, record, None, now)?;
        let extends = record.extends().len();
        if extends >= EXTENDS_MAX {
            return Err(Refusal::TooManyExtends { hold: ask.hold, extends, max: EXTENDS_MAX });
        }
        // The end of its life does not take away what a restart's grace has given beyond it.
        Ok::<_, Refusal>(record.created_at.saturating_add(ask.life).max(record.expires_at))
    })?;
    // From here on the extend must succeed.
    let expires_at = now.saturating_add(ask.ttl).min(life);
    let extended = Event::Extended { hold: ask.hold, request: ask.request, expires_at };
    Ok(take(events, extended, Then::Hold(ask.hold)))
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn refusals_in_order_of_precedence() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             reserve b H2 3A GN S1..S3 M30 => H2 B1-2:held until 300
             release c H1 => released 1
             extend a H9 60 => IDEMPOTENCY_MISMATCH
             extend d H9 60 => UNKNOWN_HOLD
             extend d H1 60 => HOLD_RELEASED
             @300 extend d H2 60 => HOLD_EXPIRED
             expire H2 => done
             extend d H2 60 => HOLD_EXPIRED
             reserve e H3 3A GN S1..S3 M30 => H3 B1-1:held until 600
             confirm f H3 => P256 1:B1-1:confirmed
             extend d H3 60 => ALREADY_CONFIRMED",
        );
    }

    #[test]
    fn a_deadline_moves_to_what_was_asked_within_a_life_of_15_minutes() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             @100 extend b H1 600 => H1 B1-1:held until 700
             @101 extend b H1 600 => known H1 B1-1:held until 700
             extend b H1 601 => IDEMPOTENCY_MISMATCH
             @200 extend c H1 60 => H1 B1-1:held until 260
             @250 extend d H1 900 => H1 B1-1:held until 900
             extend d H1 900 => known H1 B1-1:held until 900
             @899.999 extend e H1 900 => H1 B1-1:held until 900
             @900 extend f H1 900 => HOLD_EXPIRED",
        );
    }

    #[test]
    fn a_hold_is_extended_so_often_and_every_id_of_it_is_known() {
        use crate::EXTENDS_MAX;
        use crate::tests::table::{check_on, parse};
        use crate::tests::world::World;

        let mut world = World::new();
        let extend = |n: usize| {
            let line = format!("extend e{n} H1 {}", 60 + n);
            parse(&line.split(' ').collect::<Vec<_>>())
        };
        check_on(&mut world, "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300");
        for n in 0..EXTENDS_MAX {
            world.ask(&extend(n), 0).took();
        }
        world.check();
        check_on(
            &mut world,
            "@1 extend z H1 60 => TOO_MANY_EXTENDS hold 00000000000000000000000000000001 was \
                                  extended 256 times, of 256 at most",
        );
        world.run = world.reloaded();
        for n in 0..EXTENDS_MAX {
            world.ask(&extend(n), 1_000).known();
        }
        // It is told of last, and the end of the hold takes no id away.
        check_on(
            &mut world,
            "@1 extend e255 H1 314 => IDEMPOTENCY_MISMATCH
             extend e0 H1 60 => known H1 B1-1:held until 315
             release x H1 => released 1
             extend z H1 60 => HOLD_RELEASED
             extend e0 H1 60 => known H1 B1-1:released until 315
             @700 reserve b H2 3A GN S1..S3 M30 => H2 B1-1:held until 1000
             extend e0 H1 60 => UNKNOWN_HOLD",
        );
    }

    #[test]
    fn the_length_of_a_life_is_an_argument() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 ttl=1800 => H1 B1-1:held until 1800
             @100 extend b H1 600 life=400 => H1 B1-1:held until 700
             extend c H1 3600 life=3600 => H1 B1-1:held until 3600
             extend d H1 60 life=60 => H1 B1-1:held until 160",
        );
    }

    #[test]
    fn the_end_of_its_life_does_not_take_grace_away() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 ttl=900 => H1 B1-1:held until 900
             @900 grace 930 899 30 => done
             @910 extend b H1 900 => H1 B1-1:held until 930
             @911 extend c H1 10 => H1 B1-1:held until 921",
        );
    }
}
