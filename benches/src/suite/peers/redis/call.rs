//! The scripts and their calls.
//!
//! Keys of one class of one train: `x` holds by expiry, `s` sold, `o` taken berths of a leg (usual
//! form), `p` taken legs of all berths (packed form), `tmp` scratch.

use std::io;

use super::super::work::{CLASS_BERTHS, HOLD_MS, Wish};
use super::wire::{Call, Wire};

/// How Redis keeps what is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One bitmap of berths a leg: the design that is published for railways. BITOP over the legs
    /// finds a berth, then SETBIT on every leg.
    Usual,
    /// One string a class, four bytes a berth: the script looks for a berth, then writes once.
    Packed,
}

impl Form {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Usual => "redis-usual",
            Self::Packed => "redis-packed",
        }
    }
}

/// The scripts as the server knows them.
#[derive(Debug)]
pub struct Hashes {
    hold: String,
    confirm: String,
    release: String,
}

impl Hashes {
    pub async fn load(wire: &mut Wire, form: Form) -> io::Result<Self> {
        let (hold, release) = match form {
            Form::Usual => (
                include_str!("../../../../peers/lua/hold.lua"),
                include_str!("../../../../peers/lua/release.lua"),
            ),
            Form::Packed => (
                include_str!("../../../../peers/lua/packed_hold.lua"),
                include_str!("../../../../peers/lua/packed_release.lua"),
            ),
        };
        let confirm = include_str!("../../../../peers/lua/confirm.lua");
        let mut hashes = Vec::new();
        for script in [hold, confirm, release] {
            Call::new(wire.out(), 3).word("SCRIPT").word("LOAD").word(script);
            hashes.push(wire.text().await?);
        }
        let [hold, confirm, release] = hashes.try_into().expect("three scripts were loaded");
        Ok(Self { hold, confirm, release })
    }
}

pub fn hold_call(out: &mut Vec<u8>, form: Form, hashes: &Hashes, wish: &Wish) {
    let Wish { id, train, class, .. } = *wish;
    match form {
        Form::Usual => {
            let keys = 2 + wish.legs() as usize;
            let call = Call::new(out, 3 + keys + 3).word("EVALSHA").word(&hashes.hold).show(keys);
            let call = call.show(format_args!("tmp:{train}:{class}"));
            let call = call.show(format_args!("x:{train}:{class}"));
            legs(call, wish).show(id).show(HOLD_MS).show(CLASS_BERTHS);
        }
        Form::Packed => {
            let call = Call::new(out, 3 + 2 + 4).word("EVALSHA").word(&hashes.hold).show(2);
            let call = call.show(format_args!("p:{train}:{class}"));
            let call = call.show(format_args!("x:{train}:{class}"));
            call.show(id).show(HOLD_MS).show(CLASS_BERTHS).show(wish.mask());
        }
    }
}

pub fn finish_call(out: &mut Vec<u8>, form: Form, hashes: &Hashes, wish: &Wish, berth: i64) {
    let Wish { id, train, class, .. } = *wish;
    if wish.confirm {
        let call = Call::new(out, 3 + 2 + 2).word("EVALSHA").word(&hashes.confirm).show(2);
        let call = call.show(format_args!("x:{train}:{class}"));
        call.show(format_args!("s:{train}:{class}")).show(id).show(berth);
        return;
    }
    match form {
        Form::Usual => {
            let keys = 1 + wish.legs() as usize;
            let call =
                Call::new(out, 3 + keys + 2).word("EVALSHA").word(&hashes.release).show(keys);
            legs(call.show(format_args!("x:{train}:{class}")), wish).show(id).show(berth);
        }
        Form::Packed => {
            let call = Call::new(out, 3 + 2 + 3).word("EVALSHA").word(&hashes.release).show(2);
            let call = call.show(format_args!("p:{train}:{class}"));
            let call = call.show(format_args!("x:{train}:{class}"));
            call.show(id).show(berth).show(wish.mask());
        }
    }
}

fn legs<'a>(call: Call<'a>, wish: &Wish) -> Call<'a> {
    let Wish { train, class, .. } = *wish;
    (wish.from..wish.to).fold(call, |call, leg| call.show(format_args!("o:{train}:{class}:{leg}")))
}
