//! Commands of a list over one session: as many in flight as a session takes, and each answer may
//! ask for one command more. For bringing a server into a state, not for figures.

use std::time::Duration;

use berth_proto::v1::inventory_client::InventoryClient;
use berth_proto::v1::session_answer::Answer;
use berth_proto::v1::session_command::Command;
use berth_proto::{v1, v1::confirm_response, v1::reserve_response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::fault::{Bench, BenchError};
use crate::paired::Dice;

/// Commands without an answer, most.
const WINDOW: usize = 4_096;
/// Commands of one message, most.
const BATCH: usize = 256;

/// What is asked for: one adult on a journey.
#[derive(Clone, Debug)]
pub struct Order {
    /// The run.
    pub run: v1::RunRef,
    /// Stops, counted from 1.
    pub journey: (u32, u32),
    /// Class.
    pub class: v1::TravelClass,
    /// How long it is held; the server's default when none is said.
    pub ttl: Option<Duration>,
}

/// What becomes of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is left alone.
    Keep,
    /// It is booked.
    Confirm,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Holds that were granted.
    pub held: u64,
    /// Of which were booked.
    pub booked: u64,
    /// Orders for which nothing was free.
    pub sold_out: u64,
}

/// Fills a server with `orders`.
///
/// # Errors
/// The wire, or an answer that is neither a grant nor SOLD_OUT.
pub fn fill(address: &str, orders: impl Iterator<Item = Order>, then: Then) -> Bench<Filled> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("make a runtime"))?;
    runtime.block_on(play(address, orders, then))
}

async fn play(address: &str, mut orders: impl Iterator<Item = Order>, then: Then) -> Bench<Filled> {
    let wire = |why: &dyn core::fmt::Display| BenchError::Wire(why.to_string());
    let mut client =
        InventoryClient::connect(address.to_owned()).await.map_err(|why| wire(&why))?;
    let (sender, receiver) = mpsc::channel(2 * WINDOW / BATCH);
    let answers = client.session(ReceiverStream::new(receiver)).await;
    let mut answers = answers.map_err(|why| wire(&why))?.into_inner();
    let mut ids = Ids(Dice(fresh_seed()));
    let (mut filled, mut ready) = (Filled::default(), Vec::new());
    let (mut asked, mut unanswered) = (0u64, 0usize);
    loop {
        while unanswered + ready.len() < WINDOW
            && let Some(order) = orders.next()
        {
            ready.push(reserve(order, ids.draw()));
        }
        unanswered += ready.len();
        let mut rest = core::mem::take(&mut ready).into_iter().peekable();
        while rest.peek().is_some() {
            let commands = rest.by_ref().take(BATCH).map(|command| {
                // An answer says all that is needed: the number only has to differ.
                asked += 1;
                v1::SessionCommand { correlation_id: asked, timeout_ms: 0, command: Some(command) }
            });
            let message = v1::SessionRequest { commands: commands.collect() };
            sender.send(message).await.map_err(|why| wire(&why))?;
        }
        if unanswered == 0 {
            return Ok(filled);
        }
        let message = answers.message().await.map_err(|why| wire(&why))?;
        let message = message.ok_or_else(|| wire(&"the session ended before its answers"))?;
        for answer in message.answers {
            unanswered -= 1;
            ready.extend(filled.take(answer.answer, then, &mut ids)?);
        }
    }
}

impl Filled {
    /// Counts an answer; what is to be asked next.
    fn take(
        &mut self,
        answer: Option<Answer>,
        then: Then,
        ids: &mut Ids,
    ) -> Bench<Option<Command>> {
        use {confirm_response::Outcome as Confirmed, reserve_response::Outcome as Reserved};
        match answer {
            Some(Answer::Reserve(v1::ReserveResponse {
                outcome: Some(Reserved::Hold(hold)),
                ..
            })) => {
                self.held += 1;
                Ok((then == Then::Confirm).then(|| {
                    Command::Confirm(v1::ConfirmRequest {
                        request_id: ids.draw(),
                        hold_id: hold.hold_id,
                        ..v1::ConfirmRequest::default()
                    })
                }))
            }
            Some(Answer::Confirm(v1::ConfirmResponse {
                outcome: Some(Confirmed::Booking(_)),
                ..
            })) => {
                self.booked += 1;
                Ok(None)
            }
            Some(Answer::Reserve(v1::ReserveResponse {
                outcome: Some(Reserved::Refusal(refusal)),
                ..
            })) if refusal.reason() == v1::Reason::SoldOut => {
                self.sold_out += 1;
                Ok(None)
            }
            other => Err(BenchError::Wire(format!("an order was answered with {other:?}"))),
        }
    }
}

fn reserve(order: Order, request_id: String) -> Command {
    let stop = |n| Some(v1::StopRef { stop: Some(v1::stop_ref::Stop::Sequence(n)), occurrence: 0 });
    let adult = v1::Passenger {
        years: Some(v1::passenger::Years::AgeBand(v1::AgeBand::Adult.into())),
        sex: v1::Sex::Male.into(),
        ..v1::Passenger::default()
    };
    let ttl = order.ttl.map(|ttl| prost_types::Duration {
        seconds: ttl.as_secs().cast_signed(),
        nanos: ttl.subsec_nanos().cast_signed(),
    });
    Command::Reserve(v1::ReserveRequest {
        request_id,
        run: Some(order.run),
        from_stop: stop(order.journey.0),
        to_stop: stop(order.journey.1),
        travel_class: order.class.into(),
        passengers: vec![adult],
        ttl,
        ..v1::ReserveRequest::default()
    })
}

/// Request ids: version 4 UUIDs.
struct Ids(Dice);

impl Ids {
    fn draw(&mut self) -> String {
        let (a, b) = (self.0.next(), self.0.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 48 & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }
}

/// Differs from one session to the next.
fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_differ() {
        let mut ids = Ids(Dice(7));
        let (one, two) = (ids.draw(), ids.draw());
        assert_ne!(one, two);
        let parts: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!((&one[14..15], &one[19..20]), ("4", "8"));
    }

    #[test]
    fn answers_are_counted_and_a_hold_is_booked() {
        let mut filled = Filled::default();
        let mut ids = Ids(Dice(1));
        let hold = v1::Hold { hold_id: "ab".into(), ..v1::Hold::default() };
        let granted = v1::ReserveResponse {
            outcome: Some(reserve_response::Outcome::Hold(hold)),
            ..v1::ReserveResponse::default()
        };
        let next = filled.take(Some(Answer::Reserve(granted.clone())), Then::Confirm, &mut ids);
        let Ok(Some(Command::Confirm(confirm))) = next else { panic!("{next:?}") };
        assert_eq!(confirm.hold_id, "ab");
        let next = filled.take(Some(Answer::Reserve(granted)), Then::Keep, &mut ids);
        assert!(matches!(next, Ok(None)));
        assert_eq!(filled, Filled { held: 2, booked: 0, sold_out: 0 });
        assert!(
            filled.take(Some(Answer::Fault(v1::Fault::default())), Then::Keep, &mut ids).is_err()
        );
    }
}
