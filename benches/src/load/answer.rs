//! Answers read where they lie: the hold or booking that the next command names, or why not.

use crate::wire::{Field, Fields};

/// What an answer says, as far as a load cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Held: the hold's id.
    Hold(&'a [u8]),
    /// Booked: the PNR.
    Booking(&'a [u8]),
    /// Given back or cancelled.
    Ended,
    /// Refused: the message of the `Refusal`.
    Refused(&'a [u8]),
    /// A fault, or nothing that is understood.
    Fault(&'a [u8]),
}

/// Number of the reason SOLD_OUT.
const SOLD_OUT: u64 = 11;

impl Said<'_> {
    /// Whether it is the refusal that a sold-out train gives.
    pub fn is_sold_out(&self) -> bool {
        matches!(self, Self::Refused(bytes)
            if Fields(bytes).any(|field| field.number == 1 && field.value == SOLD_OUT))
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Refused(bytes) | Self::Fault(bytes) => {
                let text = Fields(bytes).find(|field| field.number == 2).map(|f| f.bytes);
                let text = text.unwrap_or(bytes);
                String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned()
            }
            _ => "granted".into(),
        }
    }
}

/// Answers of a `SessionResponse`: correlation id and what is said.
pub fn answers(message: &[u8]) -> impl Iterator<Item = (u64, Said<'_>)> {
    Fields(message).filter(|field| field.number == 1).map(|field| answer(field.bytes))
}

fn answer(bytes: &[u8]) -> (u64, Said<'_>) {
    let mut correlation = 0;
    let mut said = Said::Fault(&[]);
    for field in Fields(bytes) {
        match field.number {
            1 => correlation = field.value,
            number => said = response(number, field.bytes),
        }
    }
    (correlation, said)
}

/// The response of a unary call; `number` is that of its field in `SessionAnswer`.
pub fn response(number: u32, bytes: &[u8]) -> Said<'_> {
    if number == 9 {
        return Said::Fault(bytes);
    }
    let outcome = Fields(bytes).find(|field| matches!(field.number, 3 | 4));
    match (number, outcome) {
        (_, Some(Field { number: 4, bytes, .. })) => Said::Refused(bytes),
        (2, Some(field)) => Said::Hold(name(field.bytes)),
        (3, Some(field)) => Said::Booking(name(field.bytes)),
        (4 | 6, Some(_)) => Said::Ended,
        _ => Said::Fault(bytes),
    }
}

/// The first field of a `Hold` or `Booking` is its name.
fn name(bytes: &[u8]) -> &[u8] {
    Fields(bytes).find(|field| field.number == 1).map_or(&[], |field| field.bytes)
}

#[cfg(test)]
mod tests {
    use berth_proto::v1;
    use prost::Message as _;
    use v1::session_answer::Answer;

    use super::*;

    #[test]
    fn what_prost_writes_is_read() {
        let said =
            |correlation_id, answer| v1::SessionAnswer { correlation_id, answer: Some(answer) };
        let hold = v1::Hold { hold_id: "h".repeat(32), ..v1::Hold::default() };
        let refusal = v1::Refusal {
            reason: v1::Reason::SoldOut.into(),
            message: "none left".into(),
            ..v1::Refusal::default()
        };
        let booking = v1::Booking { pnr: "1234567890".into(), ..v1::Booking::default() };
        let message = v1::SessionResponse {
            answers: vec![
                said(
                    0,
                    Answer::Reserve(v1::ReserveResponse {
                        run_version: 3,
                        outcome: Some(v1::reserve_response::Outcome::Hold(hold)),
                        ..v1::ReserveResponse::default()
                    }),
                ),
                said(
                    7,
                    Answer::Reserve(v1::ReserveResponse {
                        outcome: Some(v1::reserve_response::Outcome::Refusal(refusal)),
                        ..v1::ReserveResponse::default()
                    }),
                ),
                said(
                    300,
                    Answer::Confirm(v1::ConfirmResponse {
                        outcome: Some(v1::confirm_response::Outcome::Booking(booking)),
                        ..v1::ConfirmResponse::default()
                    }),
                ),
                said(
                    1,
                    Answer::Cancel(v1::CancelResponse {
                        outcome: Some(v1::cancel_response::Outcome::Cancelled(
                            v1::Cancelled::default(),
                        )),
                        ..v1::CancelResponse::default()
                    }),
                ),
                said(
                    2,
                    Answer::Fault(v1::Fault {
                        code: 8,
                        message: "busy".into(),
                        ..v1::Fault::default()
                    }),
                ),
            ],
        };
        let bytes = message.encode_to_vec();
        let found: Vec<_> = answers(&bytes).collect();
        assert_eq!(found[0], (0, Said::Hold(&[b'h'; 32])));
        assert!(found[1].0 == 7 && found[1].1.is_sold_out());
        assert_eq!(found[1].1.words(), "none left");
        assert_eq!(found[2], (300, Said::Booking(b"1234567890")));
        assert_eq!(found[3], (1, Said::Ended));
        assert!(matches!(found[4], (2, Said::Fault(_))) && found[4].1.words() == "busy");
    }
}
