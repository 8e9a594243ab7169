//! Bounds of the node, each with its reason; settings of an operator where they may differ.

use core::time::Duration;

use berth_inventory::{HOLD_LIFE_MAX_MS, HOLD_TTL_DEFAULT_MS, HOLD_TTL_MIN_MS, Millis};

/// Bytes of events in one group, all shards together.
pub const GROUP_BYTES_MAX: usize = 4 << 20;
/// Bytes of events of one run in one group: a hot run cannot fill a group alone.
pub const RUN_GROUP_BYTES_MAX: usize = 256 << 10;
/// Share of a group that only the finish lane may use, per cent.
pub const FINISH_RESERVE_PER_CENT: usize = 10;
/// Commands of one drain of a shard: so long the journal waits for its batch.
pub const DRAIN_BUDGET: usize = 256;
/// Commands of one run between ingress and execution, also while it is loaded, lent or rebuilt,
/// beyond which the take lane gets RESOURCE_EXHAUSTED: a full session window.
pub const RUN_PERMITS: u32 = 16_384;
/// The same for the finish lane: what is paid for gets in where nothing else does.
pub const RUN_PERMITS_FINISH: u32 = RUN_PERMITS / 10 * 11;
/// Panics of one run within [`QUARANTINE_WINDOW_MS`] that end its service until a restart.
pub const QUARANTINE_PANICS: usize = 3;
/// See [`QUARANTINE_PANICS`], milliseconds.
pub const QUARANTINE_WINDOW_MS: u64 = 60_000;
/// How long a caller is asked to wait when a queue is full, milliseconds.
pub const RETRY_OVERLOADED_MS: u64 = 50;
/// How long a caller is asked to wait while a run is loaded or rebuilt, milliseconds.
pub const RETRY_RECOVERING_MS: u64 = 100;
/// Snapshots that one shard has under way at once: enough for the next sync to have its load while
/// one is at work.
pub const SNAPSHOTS_AT_ONCE: usize = 64;
/// The same while the node stops, when nobody else wants the disk or the memory: few syncs.
pub const SNAPSHOTS_AT_ONCE_STOPPING: usize = 512;
/// Runs of one shard that begin to leave memory in one step, and milliseconds between two steps: a
/// whole network leaves within a minute, and whoever still sells hardly notices.
pub const LEAVE_AT_ONCE: usize = 32;
/// See [`LEAVE_AT_ONCE`].
pub const LEAVE_EVERY_MS: u64 = 20;

const _: () = assert!(RUN_GROUP_BYTES_MAX * 8 <= GROUP_BYTES_MAX, "eight hot runs fit a group");

/// What an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Days open for sale after today.
    pub open_days: u16,
    /// A run without command, hold or waiting work for so long goes cold.
    pub idle: Duration,
    /// Grace for live holds after a restart.
    pub grace: Duration,
    /// Log bytes behind the oldest event without snapshot that restart may have to replay.
    pub checkpoint_bytes: u64,
    /// New holds are refused while the disk has less than this free.
    pub min_free_bytes: u64,
    /// New holds are refused while the log is longer than this.
    pub max_log_bytes: Option<u64>,
    /// Sealed segments of the log beyond this many bytes may go, once nobody needs them; `None`:
    /// all are kept.
    pub retain_log_bytes: Option<u64>,
    /// Whether sealed segments are taken into the event store; without it history is read from the
    /// log, all of which must be there.
    pub event_store: bool,
    /// Bytes of one segment of the log.
    pub log_segment_bytes: u64,
    /// How long berths are held.
    pub holds: HoldTimes,
}

/// How long berths are held; `min <= default <= max <= life`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldTimes {
    /// When the caller names no time.
    pub default: Millis,
    /// The shortest time a caller may ask for.
    pub min: Millis,
    /// The longest time a caller may ask for at once.
    pub max: Millis,
    /// The longest life of a hold with all its extensions.
    pub life: Millis,
}

impl HoldTimes {
    /// The span of a grace event after which a hold has had its longest life and the grace `span`:
    /// such an event counts from [`HOLD_LIFE_MAX_MS`], what the operator allows beyond is added.
    #[must_use]
    pub fn grace_span(&self, span: Millis) -> Millis {
        Millis(span.0 + self.life.0.saturating_sub(HOLD_LIFE_MAX_MS))
    }
}

impl Default for HoldTimes {
    fn default() -> Self {
        Self {
            default: Millis(HOLD_TTL_DEFAULT_MS),
            min: Millis(HOLD_TTL_MIN_MS),
            max: Millis(HOLD_LIFE_MAX_MS),
            life: Millis(HOLD_LIFE_MAX_MS),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open_days: 60,
            idle: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            checkpoint_bytes: 1 << 30,
            min_free_bytes: 1 << 30,
            max_log_bytes: None,
            retain_log_bytes: None,
            event_store: true,
            log_segment_bytes: 64 << 20,
            holds: HoldTimes::default(),
        }
    }
}
