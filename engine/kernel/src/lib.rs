//! Three calls that no well-kept safe crate wraps, and nothing else: whether somebody keeps the
//! kernel's clock in step with the world (`adjtimex(2)`, docs/adr/0010), the return of free memory
//! to it (`malloc_trim(3)`, docs/adr/0013), and a word to the processor about memory that is needed
//! soon (docs/adr/0014). They hold all the unsafe code of the house.

use std::io;

/// What the kernel says of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// A daemon (NTP, PTP) has set the clock and keeps it. The kernel itself ends this when it has
    /// heard of none for long enough that the clock may be wrong by 16 s.
    pub synchronised: bool,
    /// How far the clock may be off, microseconds.
    pub error_max_us: u64,
}

/// Asks the kernel; changes nothing and needs no privilege.
///
/// # Errors
/// The kernel does not answer: a sandbox may forbid the call.
pub fn clock_state() -> io::Result<ClockState> {
    let timex = read_timex()?;
    Ok(ClockState {
        synchronised: timex.status & libc::STA_UNSYNC == 0,
        error_max_us: u64::try_from(timex.maxerror).unwrap_or(0),
    })
}

#[allow(unsafe_code, reason = "docs/adr/0010")]
fn read_timex() -> io::Result<libc::timex> {
    // SAFETY: `timex` is a C struct of integers, for which all zeros is a value; `modes` of zero
    // asks the kernel to read only.
    let mut timex: libc::timex = unsafe { core::mem::zeroed() };
    // SAFETY: the pointer is to a whole `timex` that lives until the call returns.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok(timex) }
}

/// Has the allocator give pages that are free back to the kernel, where the C library is glibc. An
/// allocation of another thread may wait as long as that takes.
#[allow(unsafe_code, reason = "docs/adr/0013")]
pub fn give_back_memory() {
    // SAFETY: it takes no pointer, locks what it touches and may be called by any thread, any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Bytes that the processor fetches at a time.
pub const CACHE_LINE: usize = 64;

/// Has the processor begin to fetch the cache line at `place`, wherever that points: nothing is
/// read, nothing fails, and what follows does not wait for it. Does nothing on processors other
/// than x86-64.
#[inline]
#[allow(unsafe_code, reason = "docs/adr/0014")]
pub fn prefetch(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint; it accesses no memory as the language sees it and faults for no
    // address. SSE, which it is part of, belongs to every x86-64.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// [`prefetch`] for every cache line of a value.
#[inline]
pub fn prefetch_all<T>(value: &T) {
    let start = core::ptr::from_ref(value).cast::<u8>();
    for line in 0..size_of::<T>().div_ceil(CACHE_LINE) {
        prefetch(start.wrapping_add(line * CACHE_LINE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked_or_says_that_it_may_not_be() {
        match clock_state() {
            // A clock in step knows by how much it may be off.
            Ok(state) => assert!(!state.synchronised || state.error_max_us < 16_000_000),
            Err(why) => assert_eq!(why.kind(), io::ErrorKind::PermissionDenied, "{why}"),
        }
        give_back_memory();
        prefetch(core::ptr::null());
        prefetch_all(&[0u64; 100]);
        assert_eq!(read_timex().map_or(0, |timex| timex.modes), 0, "nothing was set");
    }
}
