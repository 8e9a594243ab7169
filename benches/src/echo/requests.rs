//! What an echo reads of a session's message.

use berth_proto::v1;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message};

use crate::wire::Fields;

/// How much of a request is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reading {
    /// All of it, into the generated types.
    Prost,
    /// Correlation ids and which command it is.
    Frames,
}

impl Reading {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Prost, Self::Frames];

    /// As the command line says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prost => "prost",
            Self::Frames => "frames",
        }
    }
}

/// A message of a session, as far as it must be known to be answered.
pub trait Asked: Message + Default + Send + 'static {
    /// Correlation ids, and numbers of the commands.
    fn asked(self) -> Vec<(u64, u8)>;
}

impl Asked for v1::SessionRequest {
    fn asked(self) -> Vec<(u64, u8)> {
        use v1::session_command::Command;
        let number = |command: &Option<Command>| match command {
            Some(Command::Reserve(_)) => 3,
            Some(Command::Confirm(_)) => 4,
            Some(Command::Release(_)) => 5,
            Some(Command::Cancel(_)) => 7,
            _ => 0,
        };
        self.commands.iter().map(|asked| (asked.correlation_id, number(&asked.command))).collect()
    }
}

/// The frames of a `SessionRequest`.
#[derive(Clone, Debug, Default)]
pub struct Frames(Vec<(u64, u8)>);

impl Asked for Frames {
    fn asked(self) -> Vec<(u64, u8)> {
        self.0
    }
}

impl Message for Frames {
    fn encode_raw(&self, _: &mut impl prost::bytes::BufMut) {}

    fn merge_field(
        &mut self,
        number: u32,
        wire: WireType,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if number != 1 || wire != WireType::LengthDelimited {
            return prost::encoding::skip_field(wire, number, from, context);
        }
        let length = prost::encoding::decode_varint(from)? as usize;
        let read = |bytes: &[u8]| {
            Fields(bytes).fold((0, 0), |(correlation, command), field| match field.number {
                1 => (field.value, command),
                3..=9 => (correlation, field.number as u8),
                _ => (correlation, command),
            })
        };
        match from.chunk().get(..length) {
            Some(bytes) => {
                self.0.push(read(bytes));
                from.advance(length);
            }
            // In two pieces, or cut.
            None => self.0.push(read(&from.copy_to_bytes(length.min(from.remaining())))),
        }
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        0
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readings_say_the_same() {
        use v1::session_command::Command;
        let command = |correlation_id, command| v1::SessionCommand {
            correlation_id,
            timeout_ms: 5,
            command: Some(command),
        };
        let message = v1::SessionRequest {
            commands: vec![
                command(0, Command::Reserve(v1::ReserveRequest::default())),
                command(300, Command::Confirm(v1::ConfirmRequest::default())),
                command(7, Command::Cancel(v1::CancelRequest::default())),
            ],
        };
        let bytes = message.encode_to_vec();
        let frames = Frames::decode(bytes.as_slice()).expect("frames").asked();
        assert_eq!(frames, [(0, 3), (300, 4), (7, 7)]);
        assert_eq!(message.asked(), frames);
    }
}
