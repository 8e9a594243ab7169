//! As much of the Redis protocol as the work needs: commands out, integers and short lines back.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A command being written: as many words as it was opened with.
#[derive(Debug)]
pub struct Call<'a>(&'a mut Vec<u8>);

impl<'a> Call<'a> {
    pub fn new(out: &'a mut Vec<u8>, words: usize) -> Self {
        // Writing to memory never fails.
        let _ = write!(out, "*{words}\r\n");
        Self(out)
    }

    pub fn word(self, word: &str) -> Self {
        let _ = write!(self.0, "${}\r\n{word}\r\n", word.len());
        self
    }

    /// Any short word that can be printed, at most 99 bytes.
    pub fn show(self, word: impl Display) -> Self {
        let out = &mut *self.0;
        let at = out.len();
        let _ = write!(out, "$0\r\n{word}\r\n");
        let len = out.len() - at - 6;
        assert!(len < 100, "{word} is no short word");
        out[at + 1] = b'0' + (len % 10) as u8;
        if len > 9 {
            out.insert(at + 1, b'0' + (len / 10) as u8);
        }
        self
    }
}

/// One connection: what is in `out` is sent by the next `exchange`.
#[derive(Debug)]
pub struct Wire {
    socket: TcpStream,
    out: Vec<u8>,
    inbound: Vec<u8>,
    replies: Vec<i64>,
}

impl Wire {
    pub async fn connect(address: (Ipv4Addr, u16)) -> io::Result<Self> {
        let socket = TcpStream::connect(SocketAddr::from(address)).await?;
        socket.set_nodelay(true)?;
        let inbound = Vec::with_capacity(16 << 10);
        Ok(Self { socket, out: Vec::new(), inbound, replies: Vec::new() })
    }

    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends what was written and reads as many replies. A status is 0, an error is an error.
    pub async fn exchange(&mut self, replies: usize) -> io::Result<&[i64]> {
        self.socket.write_all(&self.out).await?;
        self.out.clear();
        self.inbound.clear();
        self.replies.clear();
        let mut at = 0;
        while self.replies.len() < replies {
            while let Some((value, len)) = reply(&self.inbound[at..])? {
                self.replies.push(value);
                at += len;
            }
            if self.replies.len() < replies && self.socket.read_buf(&mut self.inbound).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "redis hung up"));
            }
        }
        Ok(&self.replies)
    }

    /// Sends one command and reads its reply, a string.
    pub async fn text(&mut self) -> io::Result<String> {
        self.socket.write_all(&self.out).await?;
        self.out.clear();
        self.inbound.clear();
        loop {
            let lines: Vec<&[u8]> = self.inbound.split(|&byte| byte == b'\n').collect();
            if let [head, body, _] = lines[..]
                && head.starts_with(b"$")
            {
                return Ok(String::from_utf8_lossy(body.trim_ascii()).into_owned());
            }
            if let [line, _] = lines[..]
                && !line.starts_with(b"$")
            {
                return Err(io::Error::other(String::from_utf8_lossy(line.trim_ascii())));
            }
            if self.socket.read_buf(&mut self.inbound).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "redis hung up"));
            }
        }
    }
}

/// The first reply of the bytes and its length, once it is whole.
fn reply(bytes: &[u8]) -> io::Result<Option<(i64, usize)>> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
    let line = bytes[..end].trim_ascii_end();
    let unknown = || io::Error::other(format!("redis said {}", String::from_utf8_lossy(line)));
    let value = match line.first() {
        Some(b':') => {
            let digits = std::str::from_utf8(&line[1..]).map_err(|_| unknown())?;
            digits.parse().map_err(|_| unknown())?
        }
        Some(b'+') => 0,
        _ => return Err(unknown()),
    };
    Ok(Some((value, end + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_with_their_lengths() {
        let mut out = Vec::new();
        Call::new(&mut out, 3).word("HLEN").show(format_args!("s:{}:{}", 199, 3)).show(1_u64 << 32);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "*3\r\n$4\r\nHLEN\r\n$7\r\ns:199:3\r\n$10\r\n4294967296\r\n"
        );
    }

    #[test]
    fn replies_are_read_when_they_are_whole() {
        assert_eq!(reply(b":-1\r\n:2").unwrap(), Some((-1, 5)));
        assert_eq!(reply(b":2").unwrap(), None);
        assert_eq!(reply(b"+OK\r\n").unwrap(), Some((0, 5)));
        assert!(reply(b"-ERR no\r\n").is_err());
    }
}
