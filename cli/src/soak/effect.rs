//! An answer that says "done", cut down to what the checks compare.

use berth_client::v1;
use berth_client::v1::session_answer::Answer;
use berth_client::v1::session_command::Command;

use super::ledger::{NO_BERTH, PARTY};
use super::stage::StageRun;
use super::tally::Kind;

/// What was done, as an answer tells it. Passengers and stops 0-based, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    pub version: u64,
    pub server_time: u64,
    pub hold: u128,
    /// 0 when the answer names none.
    pub pnr: u64,
    pub from: u8,
    pub to: u8,
    pub party: u8,
    pub seats: [u16; PARTY],
    /// Whom the answer is about: bit `i` = passenger `i`.
    pub passengers: u8,
    /// When the hold was made; 0 when the answer does not say.
    pub created_at: u64,
    /// The hold's deadline; 0 when the answer does not say.
    pub expires_at: u64,
    /// Passengers shown as held, and as expired.
    pub held: u8,
    pub expired: u8,
}

impl Effect {
    /// What must be the same in every answer to one request.
    pub fn essence(&self, kind: Kind) -> impl PartialEq + std::fmt::Debug + use<> {
        let seats = matches!(kind, Kind::Reserve | Kind::Confirm).then_some(self.seats);
        let deadline = matches!(kind, Kind::Extend).then_some(self.expires_at);
        (self.hold, self.pnr, self.passengers, self.from, self.to, seats, deadline)
    }
}

/// What one command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Done(Box<Effect>),
    Refused(i32, String),
    /// The answer contradicts its own request, or cannot be read.
    Nonsense(String),
}

/// The kind of a command.
pub const fn kind(command: &Command) -> Kind {
    match command {
        Command::Reserve(_) => Kind::Reserve,
        Command::Confirm(_) => Kind::Confirm,
        Command::Release(_) => Kind::Release,
        Command::Extend(_) => Kind::Extend,
        Command::Cancel(_) => Kind::Cancel,
        Command::GetHold(_) | Command::GetBooking(_) => Kind::GetHold,
    }
}

/// Milliseconds since the epoch of a wire time; 0 for none.
pub fn ms(time: Option<&prost_types::Timestamp>) -> u64 {
    time.map_or(0, |t| t.seconds.max(0) as u64 * 1_000 + t.nanos.max(0) as u64 / 1_000_000)
}

/// Reads an answer about a hold or booking of `run`.
pub fn read(run: &StageRun, answer: Answer) -> Said {
    use v1::{
        cancel_response, confirm_response, extend_response, get_hold_response, release_response,
        reserve_response,
    };
    macro_rules! outcome {
        ($answer:ident, $kind:ident, $done:pat => $effect:expr) => {{
            let moment = ($answer.run_version, ms($answer.server_time.as_ref()));
            match $answer.outcome {
                Some($kind::Outcome::Refusal(why)) => Said::Refused(why.reason, why.message),
                Some($done) => {
                    let effect: Option<Effect> = $effect;
                    effect.map_or_else(
                        || Said::Nonsense(format!("an answer that is not of run {}", run.name)),
                        |effect| Said::Done(Box::new(at(effect, moment))),
                    )
                }
                _ => Said::Nonsense("an answer without an outcome".to_owned()),
            }
        }};
    }
    match answer {
        Answer::Reserve(a) => {
            outcome!(a, reserve_response, reserve_response::Outcome::Hold(hold) => of_hold(run, &hold))
        }
        Answer::Extend(a) => {
            outcome!(a, extend_response, extend_response::Outcome::Hold(hold) => of_hold(run, &hold))
        }
        Answer::GetHold(a) => {
            outcome!(a, get_hold_response, get_hold_response::Outcome::Hold(hold) => of_hold(run, &hold))
        }
        Answer::Release(a) => {
            outcome!(a, release_response, release_response::Outcome::Released(done) => done
                .hold
                .as_ref()
                .and_then(|hold| of_hold(run, hold))
                .map(|effect| Effect { passengers: people(&done.passengers), ..effect }))
        }
        Answer::Cancel(a) => {
            outcome!(a, cancel_response, cancel_response::Outcome::Cancelled(done) => done
                .booking
                .as_ref()
                .and_then(|booking| of_booking(run, booking))
                .map(|effect| Effect { passengers: people(&done.passengers), ..effect }))
        }
        Answer::Confirm(a) => {
            let expires_at = ms(a.expires_at.as_ref());
            outcome!(a, confirm_response, confirm_response::Outcome::Booking(booking) =>
                of_booking(run, &booking).map(|effect| Effect { expires_at, ..effect }))
        }
        Answer::GetBooking(_) | Answer::Fault(_) => {
            Said::Nonsense("an answer to something that was not asked".to_owned())
        }
    }
}

const fn at(effect: Effect, (version, server_time): (u64, u64)) -> Effect {
    Effect { version, server_time, ..effect }
}

fn people(numbers: &[u32]) -> u8 {
    numbers.iter().filter(|n| (1..=8).contains(*n)).fold(0, |set, n| set | 1 << (n - 1))
}

fn of_hold(run: &StageRun, hold: &v1::Hold) -> Option<Effect> {
    let of_run = hold.train == run.train && hold.start_date == run.start_date;
    let effect = of_seats(
        run,
        &hold.hold_id,
        &hold.allocations,
        hold.from_stop.as_ref(),
        hold.to_stop.as_ref(),
    )?;
    of_run.then_some(Effect {
        created_at: ms(hold.created_at.as_ref()),
        expires_at: ms(hold.expires_at.as_ref()),
        ..effect
    })
}

fn of_booking(run: &StageRun, booking: &v1::Booking) -> Option<Effect> {
    let of_run = booking.train == run.train && booking.start_date == run.start_date;
    let (from, to) = (booking.from_stop.as_ref(), booking.to_stop.as_ref());
    let effect = of_seats(run, &booking.hold_id, &booking.allocations, from, to)?;
    of_run.then_some(Effect { pnr: booking.pnr.parse().ok()?, ..effect })
}

fn of_seats(
    run: &StageRun,
    hold: &str,
    seats: &[v1::Allocation],
    from: Option<&v1::Stop>,
    to: Option<&v1::Stop>,
) -> Option<Effect> {
    let place = |stop: Option<&v1::Stop>| {
        let sequence = stop?.sequence;
        u8::try_from(sequence.checked_sub(1)?).ok().filter(|place| *place <= run.legs)
    };
    let mut effect = Effect {
        version: 0,
        server_time: 0,
        hold: u128::from_str_radix(hold, 16).ok()?,
        pnr: 0,
        from: place(from)?,
        to: place(to)?,
        party: 0,
        seats: [NO_BERTH; PARTY],
        passengers: 0,
        created_at: 0,
        expires_at: 0,
        held: 0,
        expired: 0,
    };
    for seat in seats {
        let at = (seat.passenger as usize).checked_sub(1).filter(|at| *at < PARTY)?;
        if seat.berth != 0 {
            effect.seats[at] = run.berth(&seat.coach, seat.berth)?;
        }
        effect.party = effect.party.max(at as u8 + 1);
        effect.passengers |= 1 << at;
        match seat.status() {
            v1::AllocationStatus::Held => effect.held |= 1 << at,
            v1::AllocationStatus::Expired => effect.expired |= 1 << at,
            _ => {}
        }
    }
    Some(effect)
}
