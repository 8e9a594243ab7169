//! How the allocator is to work, said before anything is on the heap.
//!
//! Huge pages: a command touches some fifty cold lines of a few hundred megabytes; with pages of
//! 4 KiB most of them cost a page walk as well. glibc puts its arenas on huge pages only when an
//! environment variable says so before `main`, and only whole heaps when it need not grow them step
//! by step. And a thousand calls under way free hundreds of pieces of each size at once, of which a
//! thread keeps seven at hand unless that variable says more. So `serve` sets it and executes itself anew,
//! once. Source: ADR 12.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Read by glibc before `main`. Whoever sets it himself, to whatever, is left alone.
const TUNABLES: &str = "GLIBC_TUNABLES";
/// Says that this program was executed anew already. A program with capabilities of its own (a low
/// port) is stripped of the tunables by glibc, and would ask for ever.
const ASKED: &str = "BERTH_HUGE_PAGES";
/// Arenas on transparent huge pages, made whole at once (64 MiB) rather than in steps; and free pieces
/// of each size at hand for the calls that come and go together. More than that would keep the memory
/// of runs that left from the kernel.
const WANTED: &str =
    "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=67108864:glibc.malloc.tcache_count=256";

/// Executes this program anew with these words to the allocator, if it is glibc's; the process, its
/// number and its arguments stay.
pub fn set_up() {
    let decided = [TUNABLES, ASKED].iter().any(|name| std::env::var_os(name).is_some());
    if !cfg!(target_env = "gnu") || decided {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let fault = command.args(arguments).env(TUNABLES, WANTED).env(ASKED, "asked").exec();
    eprintln!("berth: goes on with its heap as it is, which is only slower: {fault}");
}
