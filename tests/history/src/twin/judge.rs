//! What a run says to a request in the state that it has, and whether that is what was told.

use super::{Booking, Hold, Twin};
use crate::record::{Answer, Ask, BookingSeen, Event, HoldSeen, Id, Refused, Said, Seat, State};

/// Extensions of one hold, most.
const EXTENDS_MAX: u32 = 256;

/// How much an answer may differ from what the twin would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leeway {
    /// Not at all: every stamp and deadline is known.
    None,
    /// In stamps and deadlines: they are not known where no journal is believed.
    Times,
}

/// What follows from a request.
enum Ruling {
    /// This is said, and nothing changes.
    Say(Said),
    /// It would change something: so many of these passengers.
    Act(u8),
}

use Ruling::{Act, Say};

fn refuse<T>(refused: Refused) -> Result<T, Ruling> {
    Err(Say(Said::Refused(refused)))
}

impl Twin<'_> {
    /// Whether this answer fits the state, decided at some moment from `since` on.
    ///
    /// # Errors
    /// What the twin would have said.
    pub fn judge(&self, request: Id, ask: &Ask, answer: &Answer, since: u64) -> Result<(), String> {
        let moments = match self.leeway {
            Leeway::None => [since.max(self.last_at), answer.at.max(since).max(self.last_at)],
            // Before every deadline, or after those that have passed by the server's own clock.
            Leeway::Times => [0, answer.at],
        };
        let mut expected = String::new();
        for now in moments {
            let says = match self.rule(request, ask, now) {
                Act(_) => "that it is done now".to_owned(),
                Say(said) => {
                    if same(&said, &answer.said, self.leeway) {
                        return Ok(());
                    }
                    format!("{said:?}")
                }
            };
            if !expected.contains(&says) {
                expected += if expected.is_empty() { "" } else { ", or " };
                expected += &says;
            }
        }
        let said = &answer.said;
        Err(format!("{ask:?} was told {said:?}; the model says {expected}"))
    }

    /// The event that this request makes here when it is answered so; none if it changes nothing.
    pub fn event_of(&self, request: Id, ask: &Ask, said: &Said) -> Option<Event> {
        // What is told as done was done before its deadline.
        let Act(who) = self.rule(request, ask, 0) else { return None };
        Some(match (ask, said) {
            (Ask::Reserve { pool, from, to, .. }, Said::Hold(told)) => Event::Held {
                hold: told.hold,
                request,
                pool: *pool,
                from: *from,
                to: *to,
                berths: told.seats.iter().map(|seat| seat.berth).collect(),
                expires: told.expires,
            },
            (Ask::Confirm { hold, keep, .. }, Said::Booking { booking, .. }) => {
                Event::Confirmed { hold: *hold, request, pnr: booking.pnr, who, keep: *keep }
            }
            (Ask::Extend { hold, .. }, Said::Hold(told)) => {
                Event::Extended { hold: *hold, request, expires: told.expires }
            }
            (Ask::Release { hold, .. }, Said::Released { .. }) => {
                Event::Released { hold: *hold, who }
            }
            (Ask::Cancel { pnr, .. }, Said::Cancelled { .. }) => {
                Event::Cancelled { pnr: *pnr, who }
            }
            (Ask::Sale { pools, open }, Said::Done) => {
                Event::Sale { pools: self.sale_changes(*pools, *open), open: *open }
            }
            (Ask::Block { berths, from, to, block }, Said::Done) => Event::Blocked {
                berths: self.block_changes(berths, *from, *to, *block),
                from: *from,
                to: *to,
                block: *block,
            },
            _ => return None,
        })
    }

    /// Whom a request would change at that moment; `None` when it would change nobody.
    pub fn would_change(&self, request: Id, ask: &Ask, now: u64) -> Option<u8> {
        match self.rule(request, ask, now) {
            Act(who) => Some(who),
            Say(_) => None,
        }
    }

    /// What is said at that moment, if nothing would change.
    pub fn says(&self, request: Id, ask: &Ask, now: u64) -> Option<Said> {
        match self.rule(request, ask, now) {
            Say(said) => Some(said),
            Act(_) => None,
        }
    }

    /// Whether what is asked has been done, so that nothing is left to do.
    pub fn is_done(&self, request: Id, ask: &Ask) -> bool {
        match self.rule(request, ask, 0) {
            Say(said) => !matches!(said, Said::Refused(_)),
            Act(_) => false,
        }
    }

    fn rule(&self, request: Id, ask: &Ask, now: u64) -> Ruling {
        match self.decide(request, ask, now) {
            Ok(ruling) | Err(ruling) => ruling,
        }
    }

    /// A refusal on the way is the end of it.
    fn decide(&self, request: Id, ask: &Ask, now: u64) -> Result<Ruling, Ruling> {
        // An id that took effect is answered again or refused, whatever has become of it.
        let known = self.effects.get(&request);
        if known.is_some_and(|known| known != ask) {
            return refuse(Refused::Mismatch);
        }
        match *ask {
            Ask::Reserve { pool, from, to, heads, ref berths, .. } => {
                if known.is_some() {
                    return self.again(request, now);
                }
                self.reserve(pool, from, to, heads, berths)
            }
            Ask::Confirm { hold, who, .. } => {
                if known.is_some() {
                    return self.again(request, now);
                }
                let found = self.find(hold)?;
                check_party(found, who)?;
                self.still_held(found, who, now).map(Act)
            }
            Ask::Extend { hold, .. } => {
                if known.is_some() {
                    return self.again(request, now);
                }
                let found = self.find(hold)?;
                let who = self.still_held(found, 0, now)?;
                if found.extends >= EXTENDS_MAX {
                    let (asked, limit) = (found.extends + 1, EXTENDS_MAX);
                    return refuse(Refused::TooManyExtends { asked, limit });
                }
                Ok(Act(who))
            }
            Ask::Release { hold, who } => self.release(hold, who, now),
            Ask::Cancel { pnr, who } => self.cancelled(pnr, who, now),
            Ask::GetHold { hold } => Ok(Say(Said::Hold(show_hold(hold, self.find(hold)?, now)))),
            Ask::GetBooking { pnr } => {
                let booking = self.show(pnr, self.booking(pnr)?, now);
                Ok(Say(Said::Booking { booking, rest: None }))
            }
            Ask::Query { pool, from, to } => Ok(Say(Said::Free(self.free(pool, from, to)))),
            Ask::Sale { pools, open } => {
                let changes = self.sale_changes(pools, open) != 0;
                Ok(if changes { Act(0) } else { Say(Said::Done) })
            }
            Ask::Block { ref berths, from, to, block } => {
                let mask = super::legs(from, to);
                let is_taken = |berth: &&u16| self.taken[usize::from(**berth)] & mask != 0;
                if let Some(&berth) = berths.iter().find(is_taken).filter(|_| block) {
                    return refuse(Refused::BerthTaken { berth });
                }
                let changes = !self.block_changes(berths, from, to, block).is_empty();
                Ok(if changes { Act(0) } else { Say(Said::Done) })
            }
        }
    }

    fn reserve(
        &self,
        pool: u8,
        from: u8,
        to: u8,
        heads: u8,
        berths: &[u16],
    ) -> Result<Ruling, Ruling> {
        if self.closed >> pool & 1 == 1 {
            return refuse(Refused::Closed);
        }
        let (asked, free) = (u32::from(heads), self.free(pool, from, to));
        if free < asked {
            return refuse(Refused::SoldOut { asked, free });
        }
        let mask = super::legs(from, to);
        if let Some(&berth) = berths.iter().find(|berth| !self.is_free(**berth, mask)) {
            return refuse(Refused::BerthTaken { berth });
        }
        Ok(Act(((1_u16 << heads) - 1) as u8))
    }

    /// What the first effect of this id was, as it stands now.
    fn again(&self, request: Id, now: u64) -> Result<Ruling, Ruling> {
        let made = self.made.get(&request).copied();
        match made {
            Some(super::Made::Hold(hold)) => {
                Ok(Say(Said::Hold(show_hold(hold, self.find(hold)?, now))))
            }
            Some(super::Made::Booking(pnr)) => {
                let booking = self.booking(pnr)?;
                let hold = self.find(booking.hold)?;
                let held = view(hold, now).iter().any(|seat| seat.state == State::Held);
                let rest = held.then_some(hold.expires);
                Ok(Say(Said::Booking { booking: self.show(pnr, booking, now), rest }))
            }
            None => unreachable!("every effect has made something"),
        }
    }

    fn release(&self, hold: Id, who: u8, now: u64) -> Result<Ruling, Ruling> {
        let found = self.find(hold)?;
        check_party(found, who)?;
        let released = found.those(State::Released);
        let open = if who & !released == 0 { who } else { who & !released };
        match self.still_held(found, open, now) {
            Err(Say(Said::Refused(Refused::HoldReleased { .. }))) => {
                let who = if who == 0 { released } else { who & released };
                Ok(Say(Said::Released { hold: show_hold(hold, found, now), who }))
            }
            other => other.map(Act),
        }
    }

    fn cancelled(&self, pnr: u64, who: u8, now: u64) -> Result<Ruling, Ruling> {
        let booking = self.booking(pnr)?;
        let hold = self.find(booking.hold)?;
        check_party(hold, who)?;
        let strangers = who & !booking.who;
        if strangers != 0 {
            let (asked, limit) = (strangers.trailing_zeros() + 1, booking.who.count_ones());
            return refuse(Refused::UnknownPassenger { asked, limit });
        }
        let meant = if who == 0 { booking.who } else { who };
        let left = meant & hold.those(State::Confirmed);
        if left != 0 {
            return Ok(Act(left));
        }
        let who = meant & hold.those(State::Cancelled);
        Ok(Say(Said::Cancelled { booking: self.show(pnr, booking, now), who }))
    }

    fn find(&self, hold: Id) -> Result<&Hold, Ruling> {
        self.holds.get(&hold).ok_or(Say(Said::Refused(Refused::UnknownHold)))
    }

    fn booking(&self, pnr: u64) -> Result<&Booking, Ruling> {
        self.bookings.get(&pnr).ok_or(Say(Said::Refused(Refused::UnknownBooking)))
    }

    /// Those meant, if all of them are held; else the first reason that applies to one of them.
    fn still_held(&self, hold: &Hold, who: u8, now: u64) -> Result<u8, Ruling> {
        let (held, late) = (hold.those(State::Held), now >= hold.expires);
        let named = match (who, hold.end) {
            (0, None) => held,
            (0, Some(State::Confirmed)) => {
                hold.pnrs.last().map_or(0, |last| self.bookings[last].who)
            }
            (0, Some(how)) => hold.those(how),
            _ => who,
        };
        if named & hold.those(State::Released) != 0 {
            return refuse(Refused::HoldReleased { at: hold.released_at });
        }
        if named & hold.those(State::Expired) != 0 || named & held != 0 && late {
            return refuse(Refused::HoldExpired { expires: hold.expires });
        }
        let confirmed = hold.those(State::Confirmed);
        let of_named = || hold.pnrs.iter().filter(|pnr| self.bookings[pnr].who & named != 0);
        if let Some(&pnr) = of_named().rfind(|pnr| self.bookings[pnr].who & confirmed != 0) {
            return refuse(Refused::AlreadyConfirmed { pnr });
        }
        if let Some(pnr) = of_named().next_back() {
            return refuse(Refused::BookingCancelled { at: self.bookings[pnr].cancelled_at });
        }
        Ok(named)
    }

    fn show(&self, pnr: u64, booking: &Booking, now: u64) -> BookingSeen {
        let seats = view(&self.holds[&booking.hold], now);
        let ours = seats.into_iter().zip(0_u8..).filter(|(_, place)| booking.who >> place & 1 == 1);
        BookingSeen {
            pnr,
            hold: booking.hold,
            confirmed: booking.confirmed,
            seats: ours.map(|(seat, place)| (place, seat)).collect(),
        }
    }
}

fn check_party(hold: &Hold, who: u8) -> Result<(), Ruling> {
    let strangers = who & !hold.everybody();
    if strangers == 0 {
        return Ok(());
    }
    let (asked, limit) = (strangers.trailing_zeros() + 1, hold.seats.len() as u32);
    refuse(Refused::UnknownPassenger { asked, limit })
}

/// At its deadline a hold has expired, whether or not that is written down yet.
fn view(hold: &Hold, now: u64) -> Vec<Seat> {
    let late = now >= hold.expires;
    let seats = hold.seats.iter().map(|seat| match seat.state {
        State::Held if late => Seat { state: State::Expired, ..*seat },
        _ => *seat,
    });
    seats.collect()
}

fn show_hold(id: Id, hold: &Hold, now: u64) -> HoldSeen {
    HoldSeen {
        hold: id,
        pool: hold.pool,
        from: hold.from,
        to: hold.to,
        created: hold.created,
        expires: hold.expires,
        seats: view(hold, now),
        pnrs: hold.pnrs.clone(),
    }
}

fn same(expected: &Said, told: &Said, leeway: Leeway) -> bool {
    match leeway {
        Leeway::Times => blurred(expected) == blurred(told),
        Leeway::None => expected == told,
    }
}

/// Without stamps and deadlines.
fn blurred(said: &Said) -> Said {
    let hold = |hold: &HoldSeen| HoldSeen { created: 0, expires: 0, ..hold.clone() };
    let booking = |booking: &BookingSeen| BookingSeen { confirmed: 0, ..booking.clone() };
    match said {
        Said::Hold(told) => Said::Hold(hold(told)),
        Said::Booking { booking: told, .. } => Said::Booking { booking: booking(told), rest: None },
        Said::Released { hold: told, who } => Said::Released { hold: hold(told), who: *who },
        Said::Cancelled { booking: told, who } => {
            Said::Cancelled { booking: booking(told), who: *who }
        }
        Said::Refused(Refused::HoldReleased { .. }) => {
            Said::Refused(Refused::HoldReleased { at: 0 })
        }
        Said::Refused(Refused::HoldExpired { .. }) => {
            Said::Refused(Refused::HoldExpired { expires: 0 })
        }
        Said::Refused(Refused::BookingCancelled { .. }) => {
            Said::Refused(Refused::BookingCancelled { at: 0 })
        }
        Said::Free(_) | Said::Done | Said::Refused(_) => said.clone(),
    }
}
