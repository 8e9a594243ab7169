//! Several tries under one request id: at most one effect, and every answer after it is the first.
//!
//! Tries may overlap. `begun` and `ended` are places in the caller's own order of events, so "after
//! an effect" means: begun when the caller already had the answer that told of it. Only Reserve,
//! Confirm and Extend remember their id; Release and Cancel are answered from the state.

use berth_client::v1::Reason;

use crate::soak::effect::{Effect, Said};
use crate::soak::tally::Kind;

/// One try.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which content: 0 is what was meant, others are other requests under the same id.
    pub body: u8,
    pub begun: u64,
    pub ended: u64,
    /// The answer; `None`: there was none.
    pub said: Option<Said>,
}

impl Heard {
    fn effect(&self) -> Option<&Effect> {
        match &self.said {
            Some(Said::Done(effect)) => Some(effect),
            _ => None,
        }
    }

    fn is_mismatch(&self) -> bool {
        matches!(&self.said, Some(Said::Refused(reason, _))
            if *reason == Reason::IdempotencyMismatch as i32)
    }
}

/// What is wrong with the tries of one request, in words.
pub fn check(kind: Kind, heard: &[Heard]) -> Vec<String> {
    let mut wrong = Vec::new();
    for one in heard {
        if let Some(Said::Nonsense(why)) = &one.said {
            wrong.push(why.clone());
        }
    }
    let remembers = matches!(kind, Kind::Reserve | Kind::Confirm | Kind::Extend);
    let Some(first) = heard.iter().filter(|h| h.effect().is_some()).min_by_key(|h| h.ended) else {
        let silent = heard.iter().any(|h| h.said.is_none());
        if remembers && !silent && heard.iter().any(Heard::is_mismatch) {
            wrong.push("refused as a mismatch although no try under this id took effect".into());
        }
        return wrong;
    };
    let Some(effect) = first.effect() else { return wrong };
    for one in heard {
        match (&one.said, one.body == first.body) {
            (Some(Said::Done(again)), true) if again.essence(kind) != effect.essence(kind) => {
                wrong.push(format!(
                    "two answers to one request: first {:?}, then {:?}",
                    effect.essence(kind),
                    again.essence(kind)
                ));
            }
            (Some(Said::Done(other)), false) if remembers => wrong.push(format!(
                "took effect twice: as {:?}, and with another content as {:?}",
                effect.essence(kind),
                other.essence(kind)
            )),
            (Some(Said::Refused(reason, message)), true) if one.begun > first.ended => {
                wrong.push(format!(
                    "a retry after the effect {:?} was refused with {}: {message}",
                    effect.essence(kind),
                    name(*reason)
                ));
            }
            (Some(Said::Refused(reason, message)), false)
                if remembers && one.begun > first.ended && !one.is_mismatch() =>
            {
                wrong.push(format!(
                    "another content under an id that took effect met {} instead of \
                     IDEMPOTENCY_MISMATCH: {message}",
                    name(*reason)
                ));
            }
            (Some(Said::Refused(..)), true) if remembers && one.is_mismatch() => {
                wrong.push("refused as a mismatch although this very content took effect".into());
            }
            _ => {}
        }
    }
    wrong
}

fn name(reason: i32) -> String {
    crate::words::name(reason, "REASON_", Reason::as_str_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::ledger::NO_BERTH;

    fn done(hold: u128) -> Said {
        let mut seats = [NO_BERTH; 6];
        seats[0] = 3;
        Said::Done(Box::new(Effect {
            version: 7,
            server_time: 1_000,
            hold,
            pnr: 0,
            from: 0,
            to: 2,
            party: 1,
            seats,
            passengers: 1,
            created_at: 1_000,
            expires_at: 11_000,
            held: 1,
            expired: 0,
        }))
    }

    fn refused(reason: Reason) -> Said {
        Said::Refused(reason as i32, "no".into())
    }

    fn tries(list: &[(u8, u64, u64, Option<Said>)]) -> Vec<String> {
        let heard: Vec<Heard> = list
            .iter()
            .map(|(body, begun, ended, said)| Heard {
                body: *body,
                begun: *begun,
                ended: *ended,
                said: said.clone(),
            })
            .collect();
        check(Kind::Reserve, &heard)
    }

    #[test]
    fn a_history_in_order_passes() {
        let mismatch = refused(Reason::IdempotencyMismatch);
        let fine: [&[_]; 5] = [
            &[(0, 1, 2, Some(done(9)))],
            &[(0, 1, 2, None), (0, 3, 4, Some(done(9))), (0, 5, 6, Some(done(9)))],
            // A refusal that was on its way before the effect was told is no retry after it.
            &[(0, 1, 5, Some(refused(Reason::SoldOut))), (0, 2, 4, Some(done(9)))],
            &[(0, 1, 2, Some(done(9))), (1, 3, 4, Some(mismatch.clone()))],
            // The other content got there first.
            &[(0, 1, 4, Some(mismatch)), (1, 2, 3, Some(done(9)))],
        ];
        for history in fine {
            assert_eq!(tries(history), Vec::<String>::new(), "{history:?}");
        }
    }

    #[test]
    fn every_way_to_break_the_promise_is_found() {
        let mismatch = refused(Reason::IdempotencyMismatch);
        let broken: [(&str, &[_]); 6] = [
            ("two answers", &[(0, 1, 2, Some(done(9))), (0, 3, 4, Some(done(8)))]),
            ("took effect twice", &[(0, 1, 4, Some(done(9))), (1, 2, 3, Some(done(8)))]),
            (
                "a retry after the effect",
                &[(0, 1, 2, Some(done(9))), (0, 3, 4, Some(refused(Reason::SoldOut)))],
            ),
            (
                "instead of IDEMPOTENCY_MISMATCH",
                &[(0, 1, 2, Some(done(9))), (1, 3, 4, Some(refused(Reason::SoldOut)))],
            ),
            ("this very content", &[(0, 1, 5, Some(mismatch.clone())), (0, 2, 4, Some(done(9)))]),
            ("no try under this id", &[(0, 1, 2, Some(mismatch))]),
        ];
        for (what, history) in broken {
            let found = tries(history);
            assert!(found.len() == 1 && found[0].contains(what), "{what}: {found:?}");
        }
        let nonsense = tries(&[(0, 1, 2, Some(Said::Nonsense("no outcome".into())))]);
        assert_eq!(nonsense, ["no outcome"]);
    }
}
