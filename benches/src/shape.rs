//! The shape of a load: connections x commands a message x messages in flight.

use core::fmt;
use core::str::FromStr;

/// `8x256x8`; a unary load has a batch of 1 and as many calls in flight on each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Connections, each with one session.
    pub connections: usize,
    /// Commands of a message.
    pub batch: usize,
    /// Messages of a connection in flight.
    pub messages: usize,
}

impl Shape {
    /// A shape.
    pub const fn new(connections: usize, batch: usize, messages: usize) -> Self {
        Self { connections, batch, messages }
    }

    /// Commands of one connection in flight.
    pub const fn window(self) -> usize {
        self.batch * self.messages
    }

    /// Commands in flight.
    pub const fn in_flight(self) -> usize {
        self.connections * self.window()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.connections, self.batch, self.messages)
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no shape: say CONNECTIONSxBATCHxMESSAGES, such as 8x256x8, with at \
                 most 1,024 commands a message and 16,384 of a connection in flight"
            )
        };
        let parts: Result<Vec<usize>, _> =
            text.split('x').map(|part| part.trim().parse()).collect();
        match parts.map_err(|_| wrong())?[..] {
            [connections, batch, messages] => {
                let shape = Self { connections, batch, messages };
                let sound = (1..=10_000).contains(&connections)
                    && (1..=berth_proto::SESSION_COMMANDS_MAX).contains(&batch)
                    && (1..=berth_proto::SESSION_WINDOW).contains(&messages)
                    && shape.window() <= berth_proto::SESSION_WINDOW;
                if sound { Ok(shape) } else { Err(wrong()) }
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_as_it_is_written() {
        for text in ["8x256x8", "8 x 256 x 8"] {
            let shape: Shape = text.parse().expect("a shape");
            assert_eq!((shape, shape.in_flight()), (Shape::new(8, 256, 8), 16_384));
        }
        for text in ["", "8x256", "0x1x1", "1x1025x1", "1x1024x17", "axbxc", "1x1x1x1"] {
            assert!(text.parse::<Shape>().is_err(), "{text}");
        }
    }
}
