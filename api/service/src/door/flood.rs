//! Tells a caller from a flood by the headers of its HTTP/2 frames, without reading what is in them.
//!
//! A PING, SETTINGS, RST_STREAM or an empty DATA frame costs a server more than it costs who sends
//! it, and what is underneath has no bound on most of them. So a connection has *credit*: frames that
//! ask for something earn it, and so do the bytes that it was sent, because every reader gives room
//! back by WINDOW_UPDATE frames; frames that ask for nothing spend it; time gives a little. Who has
//! none left is a flood. A client that cancels every call it makes spends what it earned.
//!
//! No I/O and no clock: time is an argument, read at the greeting and when credit runs out.

use std::time::Instant;

/// How HTTP/2 begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length, type, flags, stream.
const HEADER: usize = 9;

/// Most credit that can be saved up, and what a connection begins with.
const CREDIT: u32 = 2_000;
/// Credit that a second of time gives: keep-alive needs one in ten.
const CREDIT_A_SECOND: u64 = 50;
/// Credit earned by a HEADERS frame, and by a DATA frame that can hold a message.
const EARNED: u32 = 8;
/// Bytes sent to the peer that earn one.
const SENT_A_CREDIT: usize = 64;
/// What a reset costs: as much as a whole call earns, so that calls may be cancelled and streams that
/// never become calls may not.
const RESET: u32 = 2 * EARNED;
/// A DATA frame of fewer bytes cannot hold a message: flag and length are five.
const MESSAGE_PREFIX: u32 = 5;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
/// Of a DATA frame: the last of its stream.
const END_STREAM: u8 = 1;

/// The peer is a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flood;

/// See the module.
#[derive(Debug)]
pub(super) struct Watch {
    at: At,
    /// The header that is being read.
    header: [u8; HEADER],
    credit: u32,
    /// When time was last turned into credit.
    since: Option<Instant>,
}

/// Where in the peer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many bytes of the preface were read.
    Preface(usize),
    /// So many bytes of a frame's header were read.
    Header(usize),
    /// So many bytes of a frame's payload are to come.
    Payload(usize),
    /// This is not HTTP/2: nothing to watch.
    Other,
}

impl Default for Watch {
    fn default() -> Self {
        Self { at: At::Preface(0), header: [0; HEADER], credit: CREDIT, since: None }
    }
}

impl Watch {
    /// Whether the peer has begun to speak, HTTP/2 or something else.
    pub fn has_greeted(&self) -> bool {
        !matches!(self.at, At::Preface(_))
    }

    /// So many bytes were sent to the peer.
    pub fn sent(&mut self, bytes: usize) {
        self.credit = CREDIT.min(self.credit + (bytes / SENT_A_CREDIT).min(CREDIT as usize) as u32);
    }

    /// Looks at bytes that the peer sent.
    pub fn look(&mut self, mut bytes: &[u8], now: impl Fn() -> Instant) -> Result<(), Flood> {
        while !bytes.is_empty() {
            match self.at {
                At::Other => return Ok(()),
                At::Payload(left) => {
                    let skipped = left.min(bytes.len());
                    bytes = &bytes[skipped..];
                    self.at = match left - skipped {
                        0 => At::Header(0),
                        left => At::Payload(left),
                    };
                }
                At::Header(have) => {
                    let taken = bytes.len().min(HEADER - have);
                    self.header[have..have + taken].copy_from_slice(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    if have + taken < HEADER {
                        self.at = At::Header(have + taken);
                        continue;
                    }
                    let [a, b, c, kind, flags, ..] = self.header;
                    let len = u32::from_be_bytes([0, a, b, c]);
                    self.at = if len == 0 { At::Header(0) } else { At::Payload(len as usize) };
                    self.weigh(kind, flags, len, &now)?;
                }
                At::Preface(have) => {
                    let taken = bytes.len().min(PREFACE.len() - have);
                    let is_so = bytes[..taken] == PREFACE[have..have + taken];
                    bytes = &bytes[taken..];
                    self.at = match have + taken {
                        _ if !is_so => At::Other,
                        have if have == PREFACE.len() => {
                            self.since = Some(now());
                            At::Header(0)
                        }
                        have => At::Preface(have),
                    };
                }
            }
        }
        Ok(())
    }

    fn weigh(
        &mut self,
        kind: u8,
        flags: u8,
        len: u32,
        now: &impl Fn() -> Instant,
    ) -> Result<(), Flood> {
        let cost = match kind {
            DATA if len < MESSAGE_PREFIX && flags & END_STREAM != 0 => 0,
            DATA if len < MESSAGE_PREFIX => 1,
            DATA | HEADERS => {
                self.credit = CREDIT.min(self.credit + EARNED);
                0
            }
            RST_STREAM => RESET,
            // PING, SETTINGS, WINDOW_UPDATE, PRIORITY, CONTINUATION and what nobody knows.
            _ => 1,
        };
        if self.credit < cost {
            self.ripen(now());
        }
        self.credit = self.credit.checked_sub(cost).ok_or(Flood)?;
        Ok(())
    }

    /// Turns the time since the last time into credit.
    fn ripen(&mut self, now: Instant) {
        let millis = now.saturating_duration_since(self.since.unwrap_or(now)).as_millis() as u64;
        let ripe = millis * CREDIT_A_SECOND / 1_000;
        if ripe > 0 {
            self.credit = CREDIT.min(self.credit + ripe.min(CREDIT.into()) as u32);
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, len: usize) -> Vec<u8> {
        let mut bytes = (len as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, 1]);
        bytes.extend(vec![0xab; len]);
        bytes
    }

    fn greeted() -> Watch {
        let mut watch = Watch::default();
        watch.look(PREFACE, Instant::now).expect("no flood");
        assert!(watch.has_greeted());
        watch
    }

    /// How many times `bytes` may be sent, up to a million.
    fn times(watch: &mut Watch, bytes: &[u8]) -> usize {
        let now = Instant::now();
        (0..1_000_000).take_while(|_| watch.look(bytes, || now).is_ok()).count()
    }

    #[test]
    fn floods_end_soon_and_callers_never() {
        let call = [frame(HEADERS, 4, 60), frame(DATA, 1, 80)].concat();
        let cancelled = [call.clone(), frame(RST_STREAM, 0, 4)].concat();
        let reset = [frame(HEADERS, 4, 60), frame(RST_STREAM, 0, 4)].concat();
        let heartbeat = [frame(PING, 0, 8), call.clone(), frame(WINDOW_UPDATE, 0, 4)].concat();
        for (what, bytes, most) in [
            ("pings", frame(PING, 0, 8), CREDIT as usize),
            ("settings", frame(4, 0, 6), CREDIT as usize),
            ("settings without content", frame(4, 0, 0), CREDIT as usize),
            ("unknown frames", frame(0xee, 0xff, 3), CREDIT as usize),
            ("frames of a byte", frame(DATA, 0, 1), CREDIT as usize),
            ("resets of streams that never were calls", reset, 249),
            ("calls", call, 1_000_000),
            ("cancelled calls", cancelled, 1_000_000),
            ("calls with pings", heartbeat, 1_000_000),
            ("ends of streams", frame(DATA, END_STREAM, 0), 1_000_000),
        ] {
            assert_eq!(times(&mut greeted(), &bytes), most, "{what}");
        }
    }

    #[test]
    fn who_is_sent_much_may_give_room_back() {
        let mut watch = greeted();
        for _ in 0..100_000 {
            watch.sent(200);
            watch.look(&frame(WINDOW_UPDATE, 0, 4).repeat(2), Instant::now).expect("a reader");
        }
    }

    #[test]
    fn slow_pings_are_signs_of_life() {
        let (mut watch, begun) = (greeted(), Instant::now());
        for second in 0..10_000 {
            let now = begun + Duration::from_secs(second);
            watch.look(&frame(PING, 0, 8), || now).expect("a ping a second");
        }
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let pings = frame(PING, 0, 8).repeat(CREDIT as usize + 100);
        let all = [&PREFACE[..], &pings].concat();
        // The header of the first ping too many.
        let end = PREFACE.len() + CREDIT as usize * 17 + HEADER;
        for piece in [1, 2, 7, 17, 1_000] {
            let (mut watch, now) = (Watch::default(), Instant::now());
            let good = all.chunks(piece).take_while(|bytes| watch.look(bytes, || now).is_ok());
            assert_eq!(good.count(), (end - 1) / piece, "{piece}");
        }
    }

    #[test]
    fn what_is_not_http2_is_not_watched() {
        let mut watch = Watch::default();
        watch.look(b"PRI * HTTP/1.1\r\n", Instant::now).expect("not for us to say");
        assert!(watch.has_greeted());
        watch.look(&vec![0; 100_000], Instant::now).expect("nor this");
    }
}
