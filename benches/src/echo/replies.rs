//! What an echo answers: messages of real size, encoded once.

use berth_proto::v1;
use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, bytes};

use crate::wire::varint_len;

/// A message that was encoded before.
#[derive(Clone, Debug, Default)]
pub struct Ready(pub Bytes);

impl Message for Ready {
    fn encode_raw(&self, out: &mut impl BufMut) {
        out.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        number: u32,
        wire: WireType,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire, number, from, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0 = Bytes::new();
    }
}

/// All answers.
#[derive(Clone, Debug)]
pub struct Replies {
    /// Responses of unary calls, by the number of the command in `SessionCommand`.
    calls: [Bytes; 8],
    /// The same as the field of a `SessionAnswer`, tag and length included.
    fields: [Bytes; 8],
    /// To a query.
    pub query: Bytes,
}

fn at(ms: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: ms / 1_000, nanos: (ms % 1_000) as i32 * 1_000_000 }
}

/// A hold as the server tells it for one adult on a train of the stage.
fn hold(status: v1::AllocationStatus) -> v1::Hold {
    v1::Hold {
        hold_id: "0123456789abcdef0123456789abcdef".into(),
        train: "10123".into(),
        start_date: "2026-01-01".into(),
        date: "2026-01-01".into(),
        travel_class: v1::TravelClass::Sleeper.into(),
        quota: "GN".into(),
        from_stop: Some(v1::Stop { sequence: 7, code: "S042".into() }),
        to_stop: Some(v1::Stop { sequence: 12, code: "S077".into() }),
        created_at: Some(at(1_767_225_600_123)),
        expires_at: Some(at(1_767_225_900_123)),
        allocations: vec![allocation(status)],
        ..v1::Hold::default()
    }
}

fn allocation(status: v1::AllocationStatus) -> v1::Allocation {
    v1::Allocation {
        passenger: 1,
        status: status.into(),
        coach: "SL3".into(),
        berth: 41,
        berth_type: v1::BerthType::Lower.into(),
        age_band: v1::AgeBand::Adult.into(),
        sex: v1::Sex::Male.into(),
        list: None,
    }
}

fn booking(status: v1::AllocationStatus) -> v1::Booking {
    let hold = hold(status);
    v1::Booking {
        pnr: "1234567890".into(),
        hold_id: hold.hold_id,
        train: hold.train,
        start_date: hold.start_date,
        date: hold.date,
        travel_class: hold.travel_class,
        quota: hold.quota,
        from_stop: hold.from_stop,
        to_stop: hold.to_stop,
        confirmed_at: hold.created_at,
        allocations: hold.allocations,
        payment_reference: "PAY-20260101".into(),
        reference: String::new(),
    }
}

/// What is free, in four classes of one quota each and Tatkal in two.
fn table() -> v1::AvailabilityTable {
    use v1::TravelClass::{FirstAc, SecondAc, Sleeper, ThirdAc};
    let hold = hold(v1::AllocationStatus::Held);
    let row = |class: v1::TravelClass, quota: &str| v1::AvailabilityRow {
        travel_class: class.into(),
        quota: quota.into(),
        status: v1::AvailabilityStatus::Available.into(),
        count: 123,
        opens_at: None,
        behind: 0,
        list: String::new(),
    };
    let classes = [(FirstAc, "GN"), (SecondAc, "GN"), (SecondAc, "TQ"), (ThirdAc, "GN")];
    let more = [(ThirdAc, "TQ"), (Sleeper, "GN"), (Sleeper, "TQ")];
    v1::AvailabilityTable {
        train: hold.train,
        start_date: hold.start_date,
        date: hold.date,
        from_stop: hold.from_stop,
        to_stop: hold.to_stop,
        rows: classes.into_iter().chain(more).map(|(class, quota)| row(class, quota)).collect(),
    }
}

impl Replies {
    /// Encodes them.
    pub fn new() -> Self {
        use v1::AllocationStatus::{Cancelled, Confirmed, Held, Released};
        let (run_version, server_time) = (123_456, Some(at(1_767_225_600_123)));
        let reserve = v1::ReserveResponse {
            run_version,
            server_time,
            outcome: Some(v1::reserve_response::Outcome::Hold(hold(Held))),
        };
        let confirm = v1::ConfirmResponse {
            run_version,
            server_time,
            outcome: Some(v1::confirm_response::Outcome::Booking(booking(Confirmed))),
            expires_at: None,
        };
        let released =
            v1::Released { hold: Some(hold(Released)), passengers: vec![1], promoted: vec![] };
        let release = v1::ReleaseResponse {
            run_version,
            server_time,
            outcome: Some(v1::release_response::Outcome::Released(released)),
        };
        let cancelled = v1::Cancelled {
            booking: Some(booking(Cancelled)),
            passengers: vec![1],
            promoted: vec![],
        };
        let cancel = v1::CancelResponse {
            run_version,
            server_time,
            outcome: Some(v1::cancel_response::Outcome::Cancelled(cancelled)),
        };
        let query = v1::QueryResponse {
            run_version,
            as_of: server_time,
            outcome: Some(v1::query_response::Outcome::Table(table())),
        };
        let mut calls: [Bytes; 8] = core::array::from_fn(|_| Bytes::new());
        calls[3] = reserve.encode_to_vec().into();
        calls[4] = confirm.encode_to_vec().into();
        calls[5] = release.encode_to_vec().into();
        calls[7] = cancel.encode_to_vec().into();
        let fields = core::array::from_fn(|command| {
            let body = &calls[command];
            let mut field = Vec::with_capacity(body.len() + 3);
            // An answer has the number of its command less one.
            field.push((command as u8).saturating_sub(1) << 3 | 2);
            crate::wire::put_varint(&mut field, body.len() as u64);
            field.extend_from_slice(body);
            field.into()
        });
        Self { calls, fields, query: query.encode_to_vec().into() }
    }

    /// The response of the call that is this command of a session.
    pub fn call(&self, command: u8) -> Ready {
        Ready(self.calls[usize::from(command) & 7].clone())
    }
}

/// A `SessionResponse`: to each correlation id, the answer to a command of this number.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Correlation id and number of the command.
    pub asked: Vec<(u64, u8)>,
    replies: Option<std::sync::Arc<Replies>>,
}

impl Answers {
    /// To these.
    pub fn new(asked: Vec<(u64, u8)>, replies: std::sync::Arc<Replies>) -> Self {
        Self { asked, replies: Some(replies) }
    }

    fn each(&self) -> impl Iterator<Item = (u64, &[u8], usize)> {
        let replies = self.replies.iter();
        replies.flat_map(|replies| {
            self.asked.iter().map(|(correlation, command)| {
                let field: &[u8] = &replies.fields[usize::from(*command) & 7];
                // As prost does, 0 is left out.
                let id = if *correlation == 0 { 0 } else { 1 + varint_len(*correlation) };
                (*correlation, field, id + field.len())
            })
        })
    }
}

impl Message for Answers {
    fn encode_raw(&self, out: &mut impl BufMut) {
        for (correlation, field, length) in self.each() {
            out.put_u8(1 << 3 | 2);
            prost::encoding::encode_varint(length as u64, out);
            if correlation != 0 {
                out.put_u8(1 << 3);
                prost::encoding::encode_varint(correlation, out);
            }
            out.put_slice(field);
        }
    }

    fn merge_field(
        &mut self,
        number: u32,
        wire: WireType,
        from: &mut impl bytes::Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire, number, from, context)
    }

    fn encoded_len(&self) -> usize {
        self.each().map(|(_, _, length)| 1 + varint_len(length as u64) + length).sum()
    }

    fn clear(&mut self) {
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_response_is_what_prost_reads() {
        use v1::session_answer::Answer;
        let replies = std::sync::Arc::new(Replies::new());
        let bytes = Answers::new(vec![(0, 3), (7, 4), (300, 5), (9, 7)], replies).encode_to_vec();
        let message = v1::SessionResponse::decode(bytes.as_slice()).expect("a message");
        let numbers: Vec<_> = message.answers.iter().map(|a| a.correlation_id).collect();
        assert_eq!(numbers, [0, 7, 300, 9]);
        assert!(matches!(
            message.answers.iter().map(|a| a.answer.as_ref().expect("one")).collect::<Vec<_>>()[..],
            [Answer::Reserve(_), Answer::Confirm(_), Answer::Release(_), Answer::Cancel(_)]
        ));
        assert_eq!(message.encode_to_vec(), bytes);
    }
}
