//! Settings of `berth serve`: a flag wins over `BERTH_*`, that over the TOML file, that over the
//! default. The file has the same names with `_`; a name it does not know is a fault.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use berth_api::JOURNAL_READERS_DEFAULT;
use berth_engine::StartError;
use berth_inventory::Millis;
use berth_node::HoldTimes;
use berth_persistence::{CatalogueError, Durability};
use clap::Args;
use serde::Deserialize;

use super::doors::{DoorArgs, DoorFault, Doors};
use super::rooms::{self, RoomsFile, RoomsFileError};
use crate::data_dir::{of_recovery, of_snapshots};
use crate::rules::{RulesError, Under};
use crate::said::Exit;

/// A segment is not so small that the log is all files, nor so large that none is ever sealed.
const LOG_SEGMENT_BYTES: (u64, u64) = (64 << 10, 16 << 30);
/// Longest life of a hold that may be set: after a day nobody is at the counter any more.
const HOLD_LIFE_SECONDS_MAX: u64 = 86_400;
/// A run that nobody asks for a month may as well stay for ever.
const IDLE_SECONDS_MAX: u64 = 30 * 86_400;
/// Grace is for payments in flight; berths that nobody pays for are not held all day.
const GRACE_SECONDS_MAX: u64 = 3_600;
/// What those who stop a process grant it without asking.
const STOP_SECONDS_DEFAULT: u64 = 10;
/// Longest time that a stop may be given.
const STOP_SECONDS_MAX: u64 = 3_600;

/// Start a server: an engine with its journal, ready for booking backends
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Where booking backends connect [default: 127.0.0.1:50051]; port 0 takes a free one
    #[arg(long, env = "BERTH_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Where operators connect: admin calls and /metrics [default: 127.0.0.1:50052]
    #[arg(long, env = "BERTH_ADMIN_LISTEN", value_name = "ADDR")]
    admin_listen: Option<String>,
    /// Where the journal is kept [default: ./berth-data]
    #[arg(long, env = "BERTH_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Trains to sell [default: the real trains that come with berth]
    #[arg(long, env = "BERTH_CATALOGUE", value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Rules for trains without pools of their own: a file, or the name of a book that comes with berth
    /// (indian-railways-2025, simple) [default: indian-railways-2025]
    #[arg(long, env = "BERTH_RULES", value_name = "BOOK")]
    rules: Option<PathBuf>,
    /// Days open for sale after today [default: what the rules say, else 60]
    #[arg(long, env = "BERTH_OPEN_DAYS", value_name = "N")]
    open_days: Option<u16>,
    /// What an answer survives: power (a power cut), process (kill -9), none [default: power]
    #[arg(long, env = "BERTH_DURABILITY", value_name = "WORD")]
    durability: Option<Durability>,
    /// Worker threads and shards [default: one for each core]
    #[arg(long, env = "BERTH_WORKERS", value_name = "N")]
    workers: Option<u16>,
    /// A TOML file with these settings
    #[arg(long, env = "BERTH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Refuse new holds while the disk has less free than this [default: 1 GiB]
    #[arg(long, env = "BERTH_MIN_FREE_BYTES", value_name = "BYTES")]
    min_free_bytes: Option<u64>,
    /// Refuse new holds while the log is longer than this [default: no bound]
    #[arg(long, env = "BERTH_MAX_LOG_BYTES", value_name = "BYTES")]
    max_log_bytes: Option<u64>,
    /// Delete old segments of the log beyond this many bytes once snapshots and event store have
    /// what is in them [default: all are kept]
    #[arg(long, env = "BERTH_RETAIN_LOG_BYTES", value_name = "BYTES")]
    retain_log_bytes: Option<u64>,
    /// Whether an event store of history by run is made from the log: on, off [default: on]
    #[arg(long, env = "BERTH_EVENT_STORE", value_name = "WORD")]
    event_store: Option<Switch>,
    /// Bytes of one segment of the log [default: 64 MiB]
    #[arg(long, env = "BERTH_LOG_SEGMENT_BYTES", value_name = "BYTES")]
    log_segment_bytes: Option<u64>,
    /// Log bytes that a restart may have to replay [default: 1 GiB]
    #[arg(long, env = "BERTH_CHECKPOINT_BYTES", value_name = "BYTES")]
    checkpoint_bytes: Option<u64>,
    /// Calls of Journal.Read and Journal.Follow at once [default: 16]
    #[arg(long, env = "BERTH_JOURNAL_READERS", value_name = "N")]
    journal_readers: Option<u16>,
    /// Seconds after which an idle run leaves memory [default: 60]
    #[arg(long, env = "BERTH_IDLE_SECONDS", value_name = "S")]
    idle_seconds: Option<u64>,
    /// Seconds that live holds have at least after a restart [default: 30]
    #[arg(long, env = "BERTH_GRACE_SECONDS", value_name = "S")]
    grace_seconds: Option<u64>,
    /// Seconds that a hold lasts when the caller names no time [default: 300]
    #[arg(long, env = "BERTH_HOLD_SECONDS", value_name = "S")]
    hold_seconds: Option<u64>,
    /// Shortest time a caller may ask a hold for, in seconds [default: 10]
    #[arg(long, env = "BERTH_HOLD_MIN_SECONDS", value_name = "S")]
    hold_min_seconds: Option<u64>,
    /// Longest time a caller may ask a hold for at once, in seconds [default: 900]
    #[arg(long, env = "BERTH_HOLD_MAX_SECONDS", value_name = "S")]
    hold_max_seconds: Option<u64>,
    /// Longest life of a hold with all its extensions, in seconds [default: 900]
    #[arg(long, env = "BERTH_HOLD_LIFE_SECONDS", value_name = "S")]
    hold_life_seconds: Option<u64>,
    /// Seconds that a stop may take; what has no snapshot by then is named [default: 10]
    #[arg(long, env = "BERTH_STOP_SECONDS", value_name = "S")]
    stop_seconds: Option<u64>,
    /// A TOML file of waiting rooms before sales [default: none]
    #[arg(long, env = "BERTH_ROOMS", value_name = "FILE")]
    rooms: Option<PathBuf>,
    /// Start although the wall clock is behind the journal's last stamp
    #[arg(long)]
    accept_clock: bool,
    #[command(flatten)]
    doors: DoorArgs,
}

/// Of something that may be done without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

/// The same, as a file says it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    admin_listen: Option<String>,
    data_dir: Option<PathBuf>,
    catalogue: Option<PathBuf>,
    rules: Option<PathBuf>,
    open_days: Option<u16>,
    durability: Option<String>,
    workers: Option<u16>,
    min_free_bytes: Option<u64>,
    max_log_bytes: Option<u64>,
    retain_log_bytes: Option<u64>,
    event_store: Option<Switch>,
    log_segment_bytes: Option<u64>,
    checkpoint_bytes: Option<u64>,
    journal_readers: Option<u16>,
    idle_seconds: Option<u64>,
    grace_seconds: Option<u64>,
    hold_seconds: Option<u64>,
    hold_min_seconds: Option<u64>,
    hold_max_seconds: Option<u64>,
    hold_life_seconds: Option<u64>,
    stop_seconds: Option<u64>,
    rooms: Option<PathBuf>,
    #[serde(default)]
    doors: DoorArgs,
}

/// What holds.
#[derive(Debug)]
pub struct ServeSettings {
    pub listen: String,
    pub admin_listen: String,
    pub data_dir: PathBuf,
    pub catalogue: Option<PathBuf>,
    pub rules: Under,
    pub durability: Durability,
    pub workers: u16,
    pub node: berth_node::Settings,
    pub accept_clock: bool,
    pub journal_readers: u16,
    pub stop: Duration,
    /// Before sales, from their file.
    pub rooms: RoomsFile,
    pub doors: Doors,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The settings file.
    #[error("cannot read the settings file {}: {why}", .path.display())]
    Config {
        /// Which.
        path: PathBuf,
        /// What is wrong, with the line.
        why: String,
    },
    /// A value out of range.
    #[error("{name} is {value}: expected {expected}; set it by flag, BERTH_* or the settings file")]
    Range {
        /// Which setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// What lets callers in.
    #[error(transparent)]
    Door(#[from] DoorFault),
    /// The trains.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A listener.
    #[error("cannot listen on {address}: {source}; is another berth serving? choose {flag}")]
    Bind {
        /// Where.
        address: String,
        /// What to choose.
        flag: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// The listeners.
    #[error(transparent)]
    Server(#[from] berth_api::ServeError),
    /// The file of waiting rooms.
    #[error(transparent)]
    Rooms(Box<RoomsFileError>),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] berth_engine::StartError),
    /// Threads, signals, sockets.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

impl From<RoomsFileError> for ServeError {
    fn from(fault: RoomsFileError) -> Self {
        Self::Rooms(Box::new(fault))
    }
}

impl ServeError {
    /// 2 for wrong settings, 4 for a damaged journal, else 1.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config { .. }
            | Self::Range { .. }
            | Self::Rooms(_)
            | Self::Door(_)
            | Self::Engine(StartError::EventStoreNeeded { .. }) => Exit::Usage,
            Self::Engine(StartError::Recovery(fault)) => of_recovery(fault),
            Self::Engine(StartError::Snapshots(fault)) => of_snapshots(fault),
            _ => Exit::Fault,
        }
    }
}

impl ServeArgs {
    /// Brings flags, environment, file and defaults together.
    pub fn resolve(&self) -> Result<ServeSettings, ServeError> {
        let file: File = self.config.as_ref().map_or_else(|| Ok(File::default()), read)?;
        let defaults = berth_node::Settings::default();
        let durability = match (self.durability, &file.durability) {
            (Some(word), _) => word,
            (None, Some(word)) => word.parse().map_err(|_| ServeError::Range {
                name: "durability",
                value: word.clone(),
                expected: "power, process or none".into(),
            })?,
            (None, None) => Durability::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(256) as u16);
        let workers =
            ranged("workers", self.workers.or(file.workers).unwrap_or(cores), 1, 256, "")?;
        let rules = Under::load(self.rules.as_deref().or(file.rules.as_deref()))?;
        let open_days = self.open_days.or(file.open_days).or_else(|| rules.days_open());
        let open_days = open_days.unwrap_or(defaults.open_days);
        let open_days = ranged("open_days", open_days, 0, 366, "")?;
        let seconds = |name, flag: Option<u64>, file: Option<u64>, default: Duration, max| {
            let value = flag.or(file).unwrap_or(default.as_secs());
            ranged(name, value, 0, max, " seconds").map(Duration::from_secs)
        };
        let (idle, grace) = (defaults.idle, defaults.grace);
        let idle =
            seconds("idle_seconds", self.idle_seconds, file.idle_seconds, idle, IDLE_SECONDS_MAX)?;
        let (flag, file_says) = (self.grace_seconds, file.grace_seconds);
        let grace = seconds("grace_seconds", flag, file_says, grace, GRACE_SECONDS_MAX)?;
        let log_segment_bytes = self.log_segment_bytes.or(file.log_segment_bytes);
        let log_segment_bytes = log_segment_bytes.unwrap_or(defaults.log_segment_bytes);
        let (min, max) = LOG_SEGMENT_BYTES;
        let log_segment_bytes = ranged("log_segment_bytes", log_segment_bytes, min, max, " bytes")?;
        let readers = self.journal_readers.or(file.journal_readers);
        let readers = readers.unwrap_or(JOURNAL_READERS_DEFAULT as u16);
        let journal_readers = ranged("journal_readers", readers, 1, 1_024, "")?;
        let holds = self.holds(&file)?;
        let stop = self.stop_seconds.or(file.stop_seconds).unwrap_or(STOP_SECONDS_DEFAULT);
        let stop = ranged("stop_seconds", stop, 1, STOP_SECONDS_MAX, " seconds")?;
        let rooms = self.rooms.as_ref().or(file.rooms.as_ref());
        let rooms = rooms.map_or_else(|| Ok(RoomsFile::default()), |path| rooms::read(path))?;
        let listen = self.listen.clone().or(file.listen).unwrap_or("127.0.0.1:50051".into());
        let admin_listen = self.admin_listen.clone().or(file.admin_listen);
        let admin_listen = admin_listen.unwrap_or("127.0.0.1:50052".into());
        let doors = self.doors.over(file.doors).resolve()?;
        doors.may_open(&[("listen", &listen), ("admin_listen", &admin_listen)])?;
        Ok(ServeSettings {
            listen,
            admin_listen,
            doors,
            rooms,
            data_dir: self.data_dir.clone().or(file.data_dir).unwrap_or("berth-data".into()),
            catalogue: self.catalogue.clone().or(file.catalogue),
            rules,
            durability,
            workers,
            accept_clock: self.accept_clock,
            journal_readers,
            stop: Duration::from_secs(stop),
            node: berth_node::Settings {
                open_days,
                idle,
                grace,
                checkpoint_bytes: self
                    .checkpoint_bytes
                    .or(file.checkpoint_bytes)
                    .unwrap_or(defaults.checkpoint_bytes),
                min_free_bytes: self
                    .min_free_bytes
                    .or(file.min_free_bytes)
                    .unwrap_or(defaults.min_free_bytes),
                max_log_bytes: self.max_log_bytes.or(file.max_log_bytes),
                retain_log_bytes: self.retain_log_bytes.or(file.retain_log_bytes),
                event_store: self.event_store.or(file.event_store) != Some(Switch::Off),
                log_segment_bytes,
                holds,
            },
        })
    }

    /// Bounds that were not set make room for those that were.
    fn holds(&self, file: &File) -> Result<HoldTimes, ServeError> {
        let defaults = HoldTimes::default();
        let seconds = |time: Millis| time.0 / 1_000;
        let asked = self.hold_max_seconds.or(file.hold_max_seconds);
        let life = self.hold_life_seconds.or(file.hold_life_seconds);
        let life = life.unwrap_or_else(|| seconds(defaults.life).max(asked.unwrap_or(0)));
        let life = ranged("hold_life_seconds", life, 1, HOLD_LIFE_SECONDS_MAX, " seconds")?;
        let max = asked.unwrap_or(life);
        let max = ranged("hold_max_seconds", max, 1, life, " seconds, the hold's whole life")?;
        let min = self.hold_min_seconds.or(file.hold_min_seconds);
        let min = min.unwrap_or_else(|| seconds(defaults.min).min(max));
        let min = ranged("hold_min_seconds", min, 1, max, " seconds, the longest hold")?;
        let default = self.hold_seconds.or(file.hold_seconds);
        let default = default.unwrap_or_else(|| seconds(defaults.default).clamp(min, max));
        let default = ranged("hold_seconds", default, min, max, " seconds, as callers may ask")?;
        let millis = |seconds: u64| Millis(seconds * 1_000);
        let [default, min, max, life] = [default, min, max, life].map(millis);
        Ok(HoldTimes { default, min, max, life })
    }
}

fn read(path: &PathBuf) -> Result<File, ServeError> {
    let fault = |why: String| ServeError::Config { path: path.clone(), why };
    let text = std::fs::read_to_string(path).map_err(|source| fault(source.to_string()))?;
    toml::from_str(&text).map_err(|source| fault(source.to_string()))
}

/// `value` if it is within the bounds, which are named with `unit` behind them.
fn ranged<T: PartialOrd + Copy + Display>(
    name: &'static str,
    value: T,
    min: T,
    max: T,
    unit: &str,
) -> Result<T, ServeError> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let expected = format!("{min} to {max}{unit}");
    Err(ServeError::Range { name, value: value.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("berth.toml");
        std::fs::write(
            &path,
            "open_days = 7\ndurability = \"process\"\nworkers = 3\nevent_store = \"off\"\n",
        )
        .unwrap();
        let args =
            ServeArgs { config: Some(path.clone()), open_days: Some(9), ..ServeArgs::default() };
        let settings = args.resolve().unwrap();
        assert_eq!((settings.node.open_days, settings.workers), (9, 3));
        assert_eq!(settings.durability, Durability::Process);
        assert_eq!(settings.listen, "127.0.0.1:50051");
        assert!(
            !settings.node.event_store && ServeArgs::default().resolve().unwrap().node.event_store
        );
        std::fs::write(&path, "open_day = 7\n").unwrap();
        let fault = args.resolve().unwrap_err().to_string();
        assert!(fault.contains("open_day") && fault.contains("berth.toml"), "{fault}");
        std::fs::write(&path, "workers = 0\n").unwrap();
        assert!(args.resolve().unwrap_err().to_string().contains("1 to 256"));
    }

    #[test]
    fn times_that_nobody_can_mean_are_refused() {
        let most = Some(u64::MAX);
        for (args, expected) in [
            (ServeArgs { grace_seconds: most, ..ServeArgs::default() }, "0 to 3600 seconds"),
            (ServeArgs { idle_seconds: most, ..ServeArgs::default() }, "0 to 2592000 seconds"),
            (ServeArgs { stop_seconds: most, ..ServeArgs::default() }, "1 to 3600 seconds"),
            (ServeArgs { stop_seconds: Some(0), ..ServeArgs::default() }, "1 to 3600 seconds"),
        ] {
            let fault = args.resolve().unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn hold_times_make_room_for_each_other_or_name_both_bounds() {
        let holds = |default, min, max, life| {
            let args = ServeArgs {
                hold_seconds: default,
                hold_min_seconds: min,
                hold_max_seconds: max,
                hold_life_seconds: life,
                ..ServeArgs::default()
            };
            let holds = args.resolve().map_err(|fault| fault.to_string())?.node.holds;
            Ok([holds.default, holds.min, holds.max, holds.life].map(|time| time.0 / 1_000))
        };
        let fault =
            |text: &str| Err(text.to_owned() + "; set it by flag, BERTH_* or the settings file");
        for (given, expected) in [
            (holds(None, None, None, None), Ok([300, 10, 900, 900])),
            (holds(None, None, Some(1_800), None), Ok([300, 10, 1_800, 1_800])),
            (holds(None, None, None, Some(120)), Ok([120, 10, 120, 120])),
            (holds(None, None, None, Some(5)), Ok([5, 5, 5, 5])),
            (holds(Some(60), Some(30), Some(600), Some(1_200)), Ok([60, 30, 600, 1_200])),
            (
                holds(Some(5), None, None, None),
                fault("hold_seconds is 5: expected 10 to 900 seconds, as callers may ask"),
            ),
            (
                holds(None, Some(901), None, None),
                fault("hold_min_seconds is 901: expected 1 to 900 seconds, the longest hold"),
            ),
            (
                holds(None, None, Some(61), Some(60)),
                fault("hold_max_seconds is 61: expected 1 to 60 seconds, the hold's whole life"),
            ),
            (
                holds(None, None, None, Some(0)),
                fault("hold_life_seconds is 0: expected 1 to 86400 seconds"),
            ),
        ] {
            assert_eq!(given, expected);
        }
    }
}
