//! Which mutant is on: BERTH_MUTANT, a number, or `reached:FILE`.
use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

const UNASKED: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;
const REACHED: u32 = u32::MAX - 2;

static ON: AtomicU32 = AtomicU32::new(UNASKED);
static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
static FILE: OnceLock<File> = OnceLock::new();

#[inline]
pub fn on(number: u32) -> bool {
    let on = ON.load(Relaxed);
    if on >= REACHED && on != NONE {
        return ask(number);
    }
    on == number
}

#[cold]
#[inline(never)]
fn ask(number: u32) -> bool {
    if ON.load(Relaxed) == UNASKED {
        let asked = std::env::var("BERTH_MUTANT").unwrap_or_default();
        let on = if let Some(path) = asked.strip_prefix("reached:") {
            let file = File::options().append(true).create(true).open(path);
            let _ = FILE.set(file.expect("a file to write"));
            REACHED
        } else {
            asked.parse().unwrap_or(NONE)
        };
        ON.store(on, Relaxed);
    }
    let on = ON.load(Relaxed);
    if on == REACHED {
        if !SEEN[number as usize].swap(true, Relaxed) {
            let mut file = FILE.get().expect("set before");
            let _ = file.write_all(format!("{number}\n").as_bytes());
        }
        return false;
    }
    on == number
}
