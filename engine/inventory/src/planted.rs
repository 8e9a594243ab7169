//! Faults put into the code on purpose, so that the simulation proves that it would find them.
//!
//! Each is one guard at the place where it would be made, named here with what it breaks. They exist
//! under `--cfg berth_planted` only: without it [`planted!`](macro@crate::planted) is `false` before
//! anything is compiled, and their names are nowhere in what is built. At most one is chosen, for the
//! whole process, before the world begins.

/// Whether the fault of this name was planted.
#[cfg(not(berth_planted))]
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        false
    };
}

/// Whether the fault of this name was planted.
#[cfg(berth_planted)]
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::planted::is_chosen(const { $crate::planted::place($name) })
    };
}

#[cfg(berth_planted)]
pub use chosen::{FAULTS, is_chosen, place, plant};

#[cfg(berth_planted)]
mod chosen {
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Every fault: its name, and what it breaks.
    pub const FAULTS: &[(&str, &str)] = &[
        // The machine of a run.
        ("leg-off-by-one", "a hold takes its legs but the last: a berth is sold twice there"),
        (
            "berth-not-freed",
            "a released or expired berth stays taken: berth-legs are not conserved",
        ),
        ("version-not-raised", "an extended deadline makes no new version"),
        (
            "extend-forgets-the-one-before",
            "an extend's id is forgotten with the next: its retry takes effect again",
        ),
        ("extend-without-effect", "an extended hold keeps its deadline"),
        ("confirm-at-deadline", "a hold is confirmed in the millisecond in which it has expired"),
        ("expiry-early", "a hold expires before its deadline"),
        ("closed-sale-sells", "a reserve ignores that sale was closed"),
        ("retry-takes-effect-again", "a request id takes effect a second time"),
        ("other-body-known", "an id with another content gets the first answer"),
        ("sold-out-to-retry", "a retry is told SOLD_OUT though its first try holds the last berth"),
        ("blocked-berth-sold", "a block does not take the berth out of sale"),
        // Shared berths and waiting lists.
        ("last-promoted-first", "what is given back is offered to the last of a list alone"),
        ("head-passed-over", "a place goes to whom it fits though it is to wait for the first"),
        ("one-promotion-a-command", "what a promotion gives back is given to nobody"),
        ("waiting-overtaken", "a reserve gets a berth for which somebody waits"),
        ("waiting-overtaken-for-a-half", "a reserve gets a half for which somebody waits"),
        ("half-not-given-back", "who is promoted to a berth keeps their half as well"),
        ("number-given-again", "a number that is on a ticket is given again"),
        (
            "number-of-the-promoted-given-again",
            "a number is given again though who was promoted from it may yet pay",
        ),
        ("half-without-asking", "who asked for a berth and nothing less gets a half"),
        ("waiting-list-without-end", "more wait than the list has places"),
        ("one-half-blocked", "a block of a berth that two share takes one half out of sale"),
        ("promoted-not-told", "who gives a berth back is not told who was promoted"),
        (
            "position-is-the-number",
            "who waits is told the number they were given as their position",
        ),
        ("waits-after-leaving", "who was released or expired stays on the list"),
        ("tickets-forgotten-at-snapshot", "numbers on tickets do not survive a snapshot"),
        ("waiting-not-published", "availability does not see who comes to a list or leaves it"),
        ("fast-refusal-of-who-would-wait", "who would wait is told SOLD_OUT without the queue"),
        // Restarts.
        ("grace-forgotten", "a restart gives no grace to live holds"),
        ("grace-without-end", "grace on grace: a crash loop keeps a hold for ever"),
        ("expired-given-grace", "a hold that had expired before the crash is confirmed after it"),
        ("id-forgotten-at-snapshot", "ids of ended holds do not survive a snapshot"),
        ("hold-id-reissued", "a restart issues hold ids anew"),
        ("pnr-block-leased-twice", "two runs get the same block of PNR numbers"),
        ("run-number-reissued", "a restart numbers a new run as the last one"),
        ("filter-not-seeded", "ids that took effect before a restart are unknown to the filter"),
        // The shard and the front.
        ("reply-before-sync", "an answer leaves before its frame is durable"),
        ("late-answer-at-once", "an answer that rests on the group in sync does not wait for it"),
        ("published-before-durable", "availability shows what a crash would take back"),
        ("row-not-published", "availability misses the last berth of a change"),
        ("lost-wake-up", "commands that waited for a run to be loaded wait for ever"),
        ("cold-with-a-queue", "a run leaves memory though commands wait for it"),
        ("clean-too-soon", "what is written while a snapshot is taken counts as in it"),
        ("lost-alarm", "a hold whose alarm rang too soon never expires"),
        ("late-state-accepted", "a state handed over under an older epoch is taken back"),
        ("fence-lifted-early", "a lost run is rebuilt before its last events are durable"),
        ("deadline-ignored", "a command is executed after its deadline"),
        ("order-broken", "commands of one run and lane are executed last come, first served"),
        ("fast-refusal-to-owner", "the owner of the last berth is told SOLD_OUT without the queue"),
        ("id-not-fed", "an id is on its way and the fast refusal does not know it"),
        ("fast-refusal-of-closed", "the fast refusal says SOLD_OUT where sale is closed"),
        ("fast-refusal-after-departure", "it says SOLD_OUT where the train has left"),
        ("cover-ahead", "the cover mark vouches for events that no snapshot has"),
        // The disk.
        ("torn-frame-accepted", "the CRC of a frame is not checked"),
        ("sync-error-ignored", "a failed sync of the log counts as done"),
        ("segment-name-unsynced", "the name of a new segment does not survive a power cut"),
        ("cut-not-truncated", "a torn tail is copied to cut/ and stays in the log as well"),
        ("tail-not-replayed", "recovery forgets the events behind the last footer"),
        ("older-snapshot-loaded", "a run is loaded from the snapshot before its last"),
        ("snapshot-unsynced", "a snapshot counts as durable once it is written"),
        ("damaged-snapshot-loaded", "neither CRC nor digest of a snapshot is looked at"),
        ("damage-passed-over", "runs with events in a damaged frame are not refused"),
        // The event store and the going of segments.
        ("uncovered-segment-retired", "a segment goes that the snapshots do not cover"),
        ("unindexed-segment-retired", "a segment goes that the event store does not have"),
        ("segment-not-indexed", "a store that begins anew begins with the second segment"),
    ];

    /// Index in [`FAULTS`] plus one; 0 = none.
    static CHOSEN: AtomicUsize = AtomicUsize::new(0);

    /// Plants the fault of this name from now on; `None` plants none. False when there is none so
    /// named.
    pub fn plant(name: Option<&str>) -> bool {
        let place = name.and_then(|name| FAULTS.iter().position(|(known, _)| *known == name));
        CHOSEN.store(place.map_or(0, |place| place + 1), Relaxed);
        place.is_some() || name.is_none()
    }

    /// Whether the fault at `place` was planted.
    pub fn is_chosen(place: usize) -> bool {
        CHOSEN.load(Relaxed) == place
    }

    /// The place of a name, while compiling: a guard that no fault is named for does not compile.
    pub const fn place(name: &str) -> usize {
        let mut at = 0;
        while at < FAULTS.len() {
            if same(FAULTS[at].0.as_bytes(), name.as_bytes()) {
                return at + 1;
            }
            at += 1;
        }
        panic!("no planted fault has this name");
    }

    const fn same(one: &[u8], other: &[u8]) -> bool {
        let mut at = 0;
        while at < one.len() && at < other.len() && one[at] == other[at] {
            at += 1;
        }
        at == one.len() && at == other.len()
    }
}
