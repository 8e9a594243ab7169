//! What the world does to the node, each kind with a counter that proves that it happened.

/// Declares the kinds with their names.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// See the module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $kind,)* }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name in reports and seed files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// The process dies between two steps; what was written survives.
    Crash = "crash",
    /// The power goes: what was not synced may be lost, or torn.
    PowerCut = "power-cut",
    /// The node is stopped in order and started again.
    CleanStop = "clean-stop",
    /// A bit of a snapshot file flips.
    FlipSnapshot = "flip-snapshot",
    /// A bit of the log flips, while the node is down for good.
    FlipLog = "flip-log",
    /// A sync fails.
    SyncError = "sync-error",
    /// A write takes a part only and fails.
    ShortWrite = "short-write",
    /// The disk is full.
    DiskFull = "disk-full",
    /// The disk takes seconds.
    SlowDisk = "slow-disk",
    /// Little space is free, so that new holds are refused.
    DiskShort = "disk-short",
    /// The event store is lost and filled anew.
    EventStoreLost = "event-store-lost",
    /// The event store lags behind the log.
    EventStoreBehind = "event-store-behind",
    /// A request is late.
    RequestLate = "request-late",
    /// A request is lost.
    RequestLost = "request-lost",
    /// A request comes twice.
    RequestTwice = "request-twice",
    /// A request overtakes an earlier one.
    RequestOvertakes = "request-overtakes",
    /// A reply is late.
    ReplyLate = "reply-late",
    /// A reply is lost.
    ReplyLost = "reply-lost",
    /// A reply comes twice.
    ReplyTwice = "reply-twice",
    /// A reply overtakes an earlier one.
    ReplyOvertakes = "reply-overtakes",
    /// A connection breaks with all that is on it.
    LineCut = "line-cut",
    /// A client dies and forgets what it asked.
    ClientDies = "client-dies",
    /// An old request is sent again long after.
    OldRetry = "old-retry",
    /// A request id is used for another request.
    OtherBody = "other-body",
    /// A request comes with a deadline that will have passed.
    ShortDeadline = "short-deadline",
    /// The wall clock jumps an hour forward.
    ClockForward = "clock-forward",
    /// The wall clock jumps an hour back.
    ClockBack = "clock-back",
    /// A step inside a run panics.
    RunPanic = "run-panic",
    /// The actor of a run dies with what it has.
    ActorDies = "actor-dies",
    /// The queue of a shard is full.
    QueueFull = "queue-full",
    /// Two clients act on one hold.
    SharedHold = "shared-hold",
    /// Everybody wants the same berth at once.
    Rush = "rush",
    /// A confirm arrives in the millisecond in which its hold expires.
    ConfirmAtDeadline = "confirm-at-deadline",
    /// An operator closes and opens sale.
    SaleChange = "sale-change",
    /// An operator blocks and unblocks berths.
    BlockChange = "block-change",
    /// An operator ends a run.
    Retire = "retire",
    /// Midnight passes.
    Midnight = "midnight",
    /// A run leaves memory.
    GoesCold = "goes-cold",
    /// Segments of the log are let go.
    Retention = "retention",
    /// The process dies at some change that its start makes on the disk.
    CrashInStart = "crash-in-start",
    /// And the power goes with it.
    PowerCutInStart = "power-cut-in-start",
    /// A read, write or sync of a start fails.
    FaultInStart = "fault-in-start",
    /// A bit of any file flips while the node is down, in the middle of the story.
    FlipWhileDown = "flip-while-down",
    /// Somebody asks for a train with shared berths and waiting lists.
    Lists = "lists",
}

const KINDS: usize = Fault::ALL.len();
const _: () = assert!(KINDS <= 64, "a set of kinds is one word");

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults(u64);

impl Faults {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << KINDS) - 1);

    /// Whether the kind is in it.
    pub const fn has(self, fault: Fault) -> bool {
        self.0 >> fault as u8 & 1 == 1
    }

    /// With the kind.
    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u8)
    }

    /// Without the kind.
    #[must_use]
    pub const fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u8))
    }

    /// Those in it.
    pub fn list(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(move |fault| self.has(*fault))
    }
}

/// How often each kind happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts([u64; KINDS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; KINDS])
    }
}

impl Counts {
    /// One more.
    pub fn note(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How many.
    pub const fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl core::fmt::Display for Counts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut first = true;
        for fault in Fault::ALL.iter().filter(|fault| self.of(**fault) > 0) {
            let comma = if core::mem::take(&mut first) { "" } else { " " };
            write!(f, "{comma}{}={}", fault.name(), self.of(*fault))?;
        }
        Ok(())
    }
}
