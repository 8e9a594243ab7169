//! `--rooms FILE`: the waiting rooms of a server, as TOML. docs/overload.md says what each word means.

use std::path::{Path, PathBuf};

use berth_api::admission::{Keys, PaceRules, Rules, Sealer};
use berth_api::{RoomSetting, Rooms, RoomsFault, Secrets};
use berth_inventory::{Millis, RunId, UnixMillis};
use berth_persistence::KeyError;
use jiff::Timestamp;
use serde::Deserialize;

/// Somebody who asks every ten seconds, as they are told, must have come by then.
const CLAIM_SECONDS: (u64, u64) = (15, 3_600);
/// A form takes a while; nobody keeps a place all day.
const TOKEN_SECONDS: (u64, u64) = (10, 3_600);
const BATCH: (u32, u32) = (1, 100_000);
const RATE: (u32, u32) = (1, 1_000_000);
/// Numbers have 30 bits.
const PEOPLE: (u32, u32) = (1, 1 << 30);
/// Rooms of one node: each in use takes a megabyte before the first thousand join.
const ROOMS_MAX: usize = 256;

/// Waiting rooms that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum RoomsFileError {
    /// The file.
    #[error("cannot use the file of waiting rooms {}: {why}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The rooms.
    #[error(transparent)]
    Rooms(#[from] RoomsFault),
    /// The key of the data directory, from which theirs come.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No random bytes.
    #[error("the system gives no random bytes for a draw: {0}")]
    Random(#[from] getrandom::Error),
}

/// What a file says.
#[derive(Debug, Default)]
pub struct RoomsFile {
    rooms: Vec<RoomSetting>,
    keys: Option<Keys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// A file of the keys that sign; none: one from the data directory's key.
    keys: Option<PathBuf>,
    #[serde(default)]
    room: Vec<Room>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    name: String,
    runs: Vec<String>,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    quotas: Vec<String>,
    opens_at: String,
    closes_at: Option<String>,
    batch: Option<u32>,
    rate: Option<u32>,
    rate_floor: Option<u32>,
    claim_seconds: Option<u64>,
    token_seconds: Option<u64>,
    people_max: Option<u32>,
    proof_keys: Option<PathBuf>,
}

/// Reads the file of rooms and the files of keys that it names.
pub fn read(path: &Path) -> Result<RoomsFile, RoomsFileError> {
    let fault = |why: String| RoomsFileError::File { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|source| fault(source.to_string()))?;
    let File { keys, room } = toml::from_str(&text).map_err(|source| fault(source.to_string()))?;
    if room.len() > ROOMS_MAX {
        return Err(fault(format!("{} rooms, {ROOMS_MAX} at most", room.len())));
    }
    let beside = path.parent().unwrap_or(Path::new(""));
    let keys = keys.map(|keys| read_keys(&beside.join(keys))).transpose()?;
    let rooms = room.into_iter().map(|room| {
        let name = room.name.clone();
        let proof =
            room.proof_keys.as_ref().map(|keys| read_keys(&beside.join(keys))).transpose()?;
        setting(room, proof).map_err(|why| fault(format!("room {name:?}: {why}")))
    });
    Ok(RoomsFile { rooms: rooms.collect::<Result<_, _>>()?, keys })
}

/// No fault repeats what is in it.
fn read_keys(path: &Path) -> Result<Keys, RoomsFileError> {
    let fault = |why: String| RoomsFileError::File { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|source| fault(source.to_string()))?;
    Keys::parse(&text).map_err(|source| fault(source.to_string()))
}

fn setting(room: Room, proof: Option<Keys>) -> Result<RoomSetting, String> {
    if !(1..=64).contains(&room.name.len()) {
        return Err("a name has 1 to 64 bytes".into());
    }
    let defaults = Rules::opening_at(instant("opens_at", &room.opens_at)?);
    let ceiling = ranged("rate", room.rate, defaults.pace.ceiling, RATE)?;
    let floor = defaults.pace.floor.min(ceiling);
    let pace = PaceRules {
        ceiling,
        floor: ranged("rate_floor", room.rate_floor, floor, (RATE.0, ceiling))?,
        ..defaults.pace
    };
    let (claim, turn) = (defaults.claim.0 / 1_000, defaults.turn.0 / 1_000);
    let claim = ranged("claim_seconds", room.claim_seconds, claim, CLAIM_SECONDS)?;
    let turn = ranged("token_seconds", room.token_seconds, turn, TOKEN_SECONDS)?;
    let closes_at = match &room.closes_at {
        Some(text) => instant("closes_at", text)?,
        None => defaults.closes_at,
    };
    if closes_at <= defaults.opens_at {
        return Err(format!("it closes at {closes_at}, before it opens at {}", defaults.opens_at));
    }
    let rules = Rules {
        closes_at,
        batch: ranged("batch", room.batch, defaults.batch, BATCH)?,
        pace,
        claim: Millis(claim * 1_000),
        turn: Millis(turn * 1_000),
        people_max: ranged("people_max", room.people_max, defaults.people_max, PEOPLE)?,
        ..defaults
    };
    let parse = |text: &String| text.parse().map_err(|fault| format!("{fault}"));
    Ok(RoomSetting {
        name: room.name,
        runs: room.runs.iter().map(|text| run(text)).collect::<Result<_, _>>()?,
        classes: room.classes.iter().map(parse).collect::<Result<_, _>>()?,
        quotas: (room.quotas.iter())
            .map(|text| text.parse().map_err(|fault| format!("{fault}")))
            .collect::<Result<_, _>>()?,
        rules,
        proof,
    })
}

fn run(text: &str) -> Result<RunId, String> {
    let parts = text.split_once('/').and_then(|(train, start_date)| {
        Some(RunId { train: train.parse().ok()?, start_date: start_date.parse().ok()? })
    });
    parts.ok_or_else(|| format!("{text:?} is no run; name it as 12951/2026-11-22, by its start"))
}

fn instant(name: &str, text: &str) -> Result<UnixMillis, String> {
    let at: Timestamp = text.parse().map_err(|fault| {
        format!("{name} is {text:?}, not as 2026-11-22T10:00:00+05:30: {fault}")
    })?;
    u64::try_from(at.as_millisecond()).map(UnixMillis).map_err(|_| format!("{name} is before 1970"))
}

fn ranged<T: PartialOrd + Copy + std::fmt::Display>(
    name: &str,
    value: Option<T>,
    default: T,
    (min, max): (T, T),
) -> Result<T, String> {
    let value = value.unwrap_or(default);
    if value < min || value > max {
        return Err(format!("{name} is {value}: expected {min} to {max}"));
    }
    Ok(value)
}

/// The rooms, as their log in the data directory left them. The engine has the directory.
pub fn open(file: RoomsFile, data_dir: &Path, now: UnixMillis) -> Result<Rooms, RoomsFileError> {
    if file.rooms.is_empty() {
        return Ok(Rooms::default());
    }
    let key = berth_persistence::Keys::read(data_dir)?;
    let derive = |purpose| Sealer::derive(0, key.bytes(), purpose);
    let letters = match file.keys {
        Some(keys) => keys,
        None => Keys::new(vec![derive("letters of waiting rooms")]).expect("one is enough"),
    };
    let secrets = Secrets { letters, people: derive("people of waiting rooms") };
    let mut fault = None;
    let draw = || {
        let mut seed = [0; 16];
        fault = getrandom::fill(&mut seed).err().or(fault);
        seed
    };
    let count = file.rooms.len();
    let (rooms, found) = Rooms::open(file.rooms, secrets, data_dir, now, draw)?;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    if found.lost_bytes > 0 {
        let bytes = found.lost_bytes;
        tracing::warn!(
            "rooms.log ended in {bytes} bytes that are no frame, kept as rooms.log.damaged; places \
             given out in them are lost if they were more than a torn tail"
        );
    }
    tracing::info!(rooms = count, frames = found.kept, "waiting rooms stand");
    Ok(rooms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<RoomsFile, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("keys"), format!("1 {}", "ab".repeat(32))).unwrap();
        std::fs::write(dir.path().join("none"), "1 abcd").unwrap();
        let path = dir.path().join("rooms.toml");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|fault| fault.to_string())
    }

    const ROOM: &str = "[[room]]\nname = \"r\"\nruns = [\"12951/2026-11-24\"]\n\
                        opens_at = \"2026-11-23T10:00:00+05:30\"\n";

    #[test]
    fn a_room_is_its_run_and_when_it_opens_and_defaults() {
        let file = told(ROOM).unwrap();
        let [room] = file.rooms.as_slice() else { panic!("one room") };
        assert_eq!(room.rules, Rules::opening_at(UnixMillis(1_795_408_200_000)));
        assert_eq!(room.runs[0].to_string(), "12951/2026-11-24");
        assert!(file.keys.is_none() && room.proof.is_none());
        let more = "classes = [\"3A\", \"2A\"]\nquotas = [\"TQ\"]\nbatch = 1000\nrate = 2000\n\
                    rate_floor = 20\nclaim_seconds = 60\ntoken_seconds = 120\npeople_max = 5\n\
                    closes_at = \"2026-11-23T12:00:00+05:30\"\nproof_keys = \"keys\"\n";
        let file = told(&format!("keys = \"keys\"\n{ROOM}{more}")).unwrap();
        let room = &file.rooms[0];
        assert_eq!((room.classes.len(), room.quotas.len()), (2, 1));
        assert_eq!((room.rules.claim, room.rules.turn), (Millis(60_000), Millis(120_000)));
        assert_eq!((room.rules.pace.ceiling, room.rules.pace.floor), (2_000, 20));
        assert!(file.keys.is_some() && room.proof.is_some());
        assert!(told("").unwrap().rooms.is_empty());
    }

    #[test]
    fn what_cannot_be_a_room_is_told() {
        for (more, expected) in [
            ("color = 1", "color"),
            ("classes = [\"9Z\"]", "9Z"),
            ("rate = 0", "rate is 0: expected 1 to 1000000"),
            ("rate = 5\nrate_floor = 6", "rate_floor is 6: expected 1 to 5"),
            ("claim_seconds = 5", "claim_seconds is 5: expected 15 to 3600"),
            ("closes_at = \"2026-11-23T09:00:00+05:30\"", "before it opens"),
            ("closes_at = \"tomorrow\"", "closes_at is \"tomorrow\""),
            ("proof_keys = \"none\"", "line 1 is no key"),
            ("proof_keys = \"missing\"", "No such file"),
        ] {
            let fault = told(&format!("{ROOM}{more}\n")).unwrap_err();
            assert!(fault.contains(expected), "{more}: {fault}");
            assert!(!fault.contains("abcd"), "no secret is repeated");
        }
        let fault = told(&ROOM.replace("12951/", "12951 ")).unwrap_err();
        assert!(fault.contains("is no run"), "{fault}");
    }
}
