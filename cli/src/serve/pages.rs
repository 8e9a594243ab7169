//! Huge pages for the heap, asked for before anything is on it.
//!
//! A command touches some fifty cold lines of a few hundred megabytes; with pages of 4 KiB most of
//! them cost a page walk as well. glibc puts its arenas on huge pages only when an environment
//! variable says so before `main`, and only whole heaps when it need not grow them step by step. So
//! `serve` sets the variable and executes itself anew, once. Source: ADR 12.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Read by glibc before `main`. Whoever sets it himself, to whatever, is left alone.
const TUNABLES: &str = "GLIBC_TUNABLES";
/// Says that this program was executed anew already. A program with capabilities of its own (a low
/// port) is stripped of the tunables by glibc, and would ask for ever.
const ASKED: &str = "BERTH_HUGE_PAGES";
/// Arenas on transparent huge pages, and made whole at once (64 MiB) rather than in steps.
const WANTED: &str = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=67108864";
/// What the kernel does with memory for which huge pages are asked: `always [madvise] never`.
const MODE: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Executes this program anew with huge pages, if that changes anything; the process, its number and
/// its arguments stay.
pub fn ask_for_huge_pages() {
    let mode = std::fs::read_to_string(MODE).unwrap_or_default();
    let decided = [TUNABLES, ASKED].iter().any(|name| std::env::var_os(name).is_some());
    if !is_wanted(cfg!(target_env = "gnu"), &mode, decided) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let fault = command.args(arguments).env(TUNABLES, WANTED).env(ASKED, "asked").exec();
    eprintln!("berth: goes on without huge pages for its heap, which is only slower: {fault}");
}

/// Whether the allocator knows the tunable, the kernel would heed it, and nobody has decided yet.
fn is_wanted(is_glibc: bool, mode: &str, decided: bool) -> bool {
    is_glibc && !decided && (mode.contains("[madvise]") || mode.contains("[always]"))
}

#[cfg(test)]
mod tests {
    use super::is_wanted;

    #[test]
    fn it_is_asked_for_once_where_it_helps() {
        assert!(is_wanted(true, "always [madvise] never\n", false));
        assert!(is_wanted(true, "[always] madvise never\n", false));
        for (is_glibc, mode, decided) in [
            (true, "always [madvise] never\n", true),
            (true, "always madvise [never]\n", false),
            (true, "", false),
            (false, "always [madvise] never\n", false),
        ] {
            assert!(!is_wanted(is_glibc, mode, decided), "{is_glibc} {mode} {decided}");
        }
    }
}
