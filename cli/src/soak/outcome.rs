//! What a request came to, after all its tries; and whether a hold was shown as it must be.

use super::check::tries::Heard;
use super::effect::{Effect, Said};
use super::ledger::Sure;

/// How long an answer may take on its way, milliseconds.
const SHOWN_LATE_MS: u64 = 1_000;

/// What a request came to.
#[derive(Clone, Debug)]
pub enum Word {
    Done(Box<Effect>, Sure),
    Refused(i32),
    Unknown,
}

/// Whether a hold is shown as it must be at that time. The server's time in an answer is that of the
/// answer, a little after the look: so "expired" is exact, "held" has some time to spare.
pub fn shown_wrong(effect: &Effect) -> Option<String> {
    let Effect { hold, server_time, expires_at, .. } = *effect;
    let late = server_time >= expires_at + SHOWN_LATE_MS;
    let wrong =
        if server_time < expires_at { effect.expired } else { effect.held * u8::from(late) };
    (wrong != 0).then(|| {
        let shown = if server_time < expires_at { "expired" } else { "held" };
        format!(
            "hold {hold:032x} shown as {shown} at {server_time} ms, its deadline is {expires_at}"
        )
    })
}

/// What several tries come to. An effect counts whichever content it was of; without one, a try
/// that was not answered leaves it open.
pub fn word(heard: &[Heard], resends: bool) -> Word {
    let effects = heard.iter().filter_map(|h| match &h.said {
        Some(Said::Done(effect)) => Some(effect),
        _ => None,
    });
    let silent = heard.iter().any(|h| h.said.is_none());
    if let Some(effect) = effects.min_by_key(|effect| effect.version) {
        let sure = if silent || resends { Sure::Late } else { Sure::Exact };
        return Word::Done(effect.clone(), sure);
    }
    let refused = heard.iter().find_map(|h| match &h.said {
        Some(Said::Refused(reason, _)) => Some(*reason),
        _ => None,
    });
    match refused {
        Some(reason) if !silent => Word::Refused(reason),
        _ => Word::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::ledger::NO_BERTH;

    fn effect(server_time: u64, held: u8, expired: u8) -> Effect {
        Effect {
            version: 7,
            server_time,
            hold: 9,
            pnr: 0,
            from: 0,
            to: 2,
            party: 1,
            seats: [NO_BERTH; 6],
            passengers: 1,
            created_at: 1_000,
            expires_at: 11_000,
            held,
            expired,
        }
    }

    #[test]
    fn a_hold_shown_wrong_for_its_time_is_found() {
        assert_eq!(shown_wrong(&effect(10_999, 1, 0)), None);
        assert_eq!(shown_wrong(&effect(11_000, 0, 1)), None);
        assert!(shown_wrong(&effect(10_999, 0, 1)).is_some_and(|what| what.contains("as expired")));
        assert_eq!(
            shown_wrong(&effect(11_100, 1, 0)),
            None,
            "on its way since before the deadline"
        );
        assert!(shown_wrong(&effect(12_000, 1, 0)).is_some_and(|what| what.contains("as held")));
    }

    #[test]
    fn without_an_effect_a_silent_try_leaves_it_open() {
        let heard = |said| Heard { body: 0, begun: 1, ended: 2, said };
        let done = |version| Said::Done(Box::new(Effect { version, ..effect(1, 1, 0) }));
        let refused = || Said::Refused(11, "no".into());
        assert!(matches!(word(&[heard(Some(refused()))], false), Word::Refused(11)));
        assert!(matches!(word(&[heard(None), heard(Some(refused()))], false), Word::Unknown));
        let first = word(&[heard(Some(done(9))), heard(Some(done(8)))], false);
        assert!(matches!(first, Word::Done(effect, Sure::Exact) if effect.version == 8));
        let late = word(&[heard(None), heard(Some(done(8)))], false);
        assert!(matches!(late, Word::Done(_, Sure::Late)));
        let resent = word(&[heard(Some(done(8)))], true);
        assert!(matches!(resent, Word::Done(_, Sure::Late)), "a broken session asks again");
    }
}
