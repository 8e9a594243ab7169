//! Every bound of the machine, with its reason; relations between them are proved at compile time.

/// Stops of one train, most: the longest reservable train of the network has 119 (13031).
pub const STOPS_MAX: usize = 128;
/// Stops of one train, fewest: one leg.
pub const STOPS_MIN: usize = 2;
/// Legs of one train, most; one bit each in a `u128`.
pub const LEGS_MAX: usize = STOPS_MAX - 1;
const _: () = assert!(LEGS_MAX < 128, "a leg mask is one u128");
/// Passengers of one reserve (general quota rule of the railway: 6 on a PNR).
pub const PARTY_MAX: usize = 6;
const _: () = assert!(PARTY_MAX <= 8, "a passenger set is one u8");
/// Coaches of one train: the longest rake has 24 vehicles; doubled for coupled sets.
pub const COACHES_MAX: usize = 48;
/// Berths of one train run: the largest rake of the network has 2,454.
pub const BERTHS_MAX: usize = 8_192;
/// Pools of one train run; one bit each in a `u64`.
pub const POOLS_MAX: usize = 64;
/// Passengers on one waiting list, most: the railway's largest was 400 (sleeper, 2013).
pub const WAITING_MAX: u16 = 2_000;
/// Bytes of the caller's opaque reference and of a payment reference.
pub const REFERENCE_BYTES_MAX: usize = 128;
/// Shortest hold unless an operator set another, milliseconds.
pub const HOLD_TTL_MIN_MS: u64 = 10_000;
/// Hold time when the caller names none and no operator set another, milliseconds.
pub const HOLD_TTL_DEFAULT_MS: u64 = 5 * 60_000;
/// Longest life of a hold with all its extensions unless an operator set another, milliseconds; a
/// restart's grace comes on top. Grace events count from it on replay, so it never changes.
pub const HOLD_LIFE_MAX_MS: u64 = 15 * 60_000;
/// Extends of one hold, most: every one is remembered with it. A life of 15 minutes in steps of four
/// seconds has room.
pub const EXTENDS_MAX: usize = 256;
/// How long the ids of an ended hold are remembered, milliseconds of event time.
pub const REMEMBER_ENDED_MS: u64 = 10 * 60_000;
/// How many ended holds a run remembers at most.
pub const REMEMBER_ENDED_MAX: usize = 8_192;
/// Numbers in one PNR block that a run leases at a time.
pub const PNR_BLOCK: u64 = 256;
/// Extra legs of gap a head that keeping a party together may cost (ADR 16).
pub const COHESION_LEGS_PER_HEAD: u32 = 8;
/// Rows in which a pool says how many berths it keeps for long journeys, most: ten distances in
/// ten parts of the sale.
pub const KEPT_MAX: usize = 100;
/// Pools with at most this many berths are scanned; larger ones keep a gap-class index.
pub const INDEX_MIN_BERTHS: usize = 16;
