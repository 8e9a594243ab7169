//! What `--verify` holds against the replayed state: snapshots, the event store, the live node.
//!
//! Each is asked before the replay begins; when a run reaches the version of a claim, its digest is
//! compared, so that nothing has to stand still meanwhile.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;
use std::path::Path;

use berth_client::{Admin, v1};
use berth_inventory::{Event, Run, RunId, RunIndex, UnixMillis, Version};
use berth_persistence::{
    EventStore as _, FileSnapshots, Lsn, Seen, SledEvents, Snapshots as _, StoredEvent, file_name,
};
use hashbrown::HashMap;

use crate::data_dir::{DiskFault, ReadDir};
use crate::said::Fault;

/// Rows of a page of the live node's list.
const PAGE: u32 = 1_000;

/// Who says what a run's digest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A snapshot, and where it is.
    Snapshot(String),
    /// The node that serves.
    Live,
}

/// The state of a run at a version, as somebody says it is.
#[derive(Clone, Debug)]
pub struct Claim {
    pub run: RunId,
    pub version: Version,
    pub digest: String,
    pub source: Source,
    /// Whether the replay has reached it.
    pub met: bool,
}

/// All of them, by run.
#[derive(Default)]
pub struct Claims {
    list: Vec<Claim>,
    of: HashMap<RunId, Range<usize>>,
    pub problems: Vec<String>,
}

impl Claims {
    pub fn new(mut list: Vec<Claim>) -> Self {
        list.sort_by_key(|claim| (claim.run, claim.version));
        let mut of: HashMap<RunId, Range<usize>> = HashMap::new();
        for (at, claim) in list.iter().enumerate() {
            of.entry(claim.run).or_insert(at..at).end = at + 1;
        }
        Self { list, of, problems: Vec::new() }
    }

    /// Compares what is claimed of the run as it is now.
    pub fn see(&mut self, run: &Run) {
        let Some(range) = self.of.get(&run.id()) else { return };
        for claim in &mut self.list[range.clone()] {
            if claim.version != run.version() || claim.met {
                continue;
            }
            claim.met = true;
            let digest = run.digest().to_string();
            if digest == claim.digest {
                continue;
            }
            let (id, version, said) = (claim.run, claim.version, &claim.digest);
            let (what, advice) = match &claim.source {
                Source::Snapshot(place) => (
                    format!("the snapshot in {place}"),
                    "remove snap/ while no node runs, the log has everything",
                ),
                Source::Live => (
                    "the live node".to_owned(),
                    "restart the node, which rebuilds the run, and keep a copy of the directory",
                ),
            };
            self.problems.push(format!(
                "run {id} at version {version}: {what} says digest {said}, the log makes \
                 {digest}: {advice}"
            ));
        }
    }

    /// How many claims of this kind there are, and how many were reached.
    pub fn count(&self, of: impl Fn(&Source) -> bool) -> (u64, u64) {
        let of: Vec<_> = self.list.iter().filter(|claim| of(&claim.source)).collect();
        (of.len() as u64, of.iter().filter(|claim| claim.met).count() as u64)
    }

    /// Claims that the replay did not reach.
    pub fn unmet(&self) -> impl Iterator<Item = &Claim> {
        self.list.iter().filter(|claim| !claim.met)
    }
}

/// Claims of the kept snapshots; what cannot be read is a problem.
pub fn of_snapshots(
    snapshots: &FileSnapshots,
    snap: &Path,
    only: Option<RunId>,
    problems: &mut Vec<String>,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    for index in snapshots.runs() {
        let run = snapshots.latest(index).map(|info| info.run);
        if only.is_some() && run != only {
            continue;
        }
        for (nth, place) in snapshots.places(index).into_iter().enumerate() {
            let loaded = if nth == 0 { snapshots.load(index) } else { snapshots.load_older(index) };
            match loaded {
                Ok((info, _)) => claims.push(Claim {
                    run: info.run,
                    version: info.version,
                    digest: info.digest.to_string(),
                    source: Source::Snapshot(format!(
                        "{} at byte {}",
                        snap.join(file_name(place.segment)).display(),
                        place.offset
                    )),
                    met: false,
                }),
                Err(fault) => problems.push(fault.to_string()),
            }
        }
    }
    claims
}

/// Claims of the live node: every run it has touched, or one.
pub async fn of_live(url: &str, only: Option<RunId>) -> Result<Vec<Claim>, Fault> {
    let admin = Admin::connect(url).await?;
    let mut claims = Vec::new();
    let mut request = v1::ListTrainRunsRequest {
        touched_only: true,
        page_size: PAGE,
        train: only.map_or_else(String::new, |run| run.train.to_string()),
        first_start_date: only.map_or_else(String::new, |run| run.start_date.to_string()),
        last_start_date: only.map_or_else(String::new, |run| run.start_date.to_string()),
        page_token: String::new(),
    };
    loop {
        let page = admin.list_train_runs(request.clone()).await?;
        for row in page.runs.into_iter().filter(|row| row.run_version > 0) {
            claims.extend(live_claim(&admin, row.train, row.start_date).await?);
        }
        if page.next_page_token.is_empty() {
            return Ok(claims);
        }
        request.page_token = page.next_page_token;
    }
}

async fn live_claim(
    admin: &Admin,
    train: String,
    start_date: String,
) -> Result<Option<Claim>, Fault> {
    let id = train.parse().ok().zip(start_date.parse().ok());
    let Some((number, date)) = id else { return Ok(None) };
    let answer = admin.get_train_run(v1::GetTrainRunRequest { train, start_date }).await?;
    let Some(v1::get_train_run_response::Outcome::Run(run)) = answer.outcome else {
        return Ok(None);
    };
    let (run, digest) = (RunId { train: number, start_date: date }, run.digest);
    let version = Version(answer.run_version);
    let claim = Claim { run, version, digest, source: Source::Live, met: false };
    Ok(Some(claim).filter(|claim| !claim.digest.is_empty()))
}

/// A copy of the event store, opened. sled repairs what it opens, so it never gets the original.
pub struct StoreCopy {
    store: SledEvents,
    /// Removed when the copy is dropped; after the store.
    _temp: tempfile::TempDir,
}

/// What there is of an event store.
pub enum Store {
    /// Nothing: it is derived, and made at the next start.
    Absent,
    /// A copy that opens.
    Copied(Box<StoreCopy>),
    /// It does not open or fails its own check: why.
    Broken(String),
}

impl Store {
    /// Copies the directory and opens the copy.
    pub fn of(dir: &ReadDir) -> Result<Self, DiskFault> {
        let events = dir.dir.events();
        if crate::data_dir::files(&events)?.is_empty() {
            return Ok(Self::Absent);
        }
        let temp_fault = |cause| DiskFault::Io { what: "cannot copy", path: events.clone(), cause };
        let temp = tempfile::tempdir().map_err(temp_fault)?;
        let copy = temp.path().join("events");
        if let Err(cause) = copy_dir(&events, &copy) {
            // A node may remove a file between its listing and its copying.
            let is_going_on = dir.holder.is_some();
            return if is_going_on {
                Ok(Self::Broken(cause.to_string()))
            } else {
                Err(temp_fault(cause))
            };
        }
        let named = |why: &str| {
            let why = why.split("; it was moved to").next().unwrap_or(why);
            let why = why.replace(&copy.display().to_string(), &events.display().to_string());
            why.split("; it is derived").next().unwrap_or(&why).to_owned()
        };
        Ok(match SledEvents::open(&copy) {
            Ok(opened) => match opened.rebuilt {
                Some(why) => Self::Broken(named(&why)),
                None => Self::Copied(Box::new(StoreCopy { store: opened.store, _temp: temp })),
            },
            Err(fault) => Self::Broken(named(&fault.to_string())),
        })
    }

    /// The last frame it has.
    pub fn indexed(&self) -> Option<Lsn> {
        match self {
            Self::Copied(copy) => Some(copy.store.indexed()),
            Self::Absent | Self::Broken(_) => None,
        }
    }
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// A running sum of one run's history: how many events, and a hash over them in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    events: u64,
    hash: u64,
}

impl Sum {
    fn add(&mut self, lsn: Lsn, at: UnixMillis, version: Version, event: &Event) {
        struct Into(DefaultHasher);
        impl std::fmt::Write for Into {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let mut into = Into(DefaultHasher::new());
        for number in [self.hash, lsn.0, at.0, version.0] {
            into.0.write_u64(number);
        }
        // Writing into a hasher cannot fail.
        let _ = write!(into, "{event:?}");
        *self = Self { events: self.events + 1, hash: into.0.finish() };
    }
}

/// The history of every run as the log has it, up to where the event store is.
pub struct History {
    indexed: Lsn,
    sums: Vec<Sum>,
}

impl History {
    pub fn new(indexed: Lsn) -> Self {
        Self { indexed, sums: Vec::new() }
    }

    pub fn see(&mut self, seen: &Seen<'_>) {
        if seen.lsn > self.indexed {
            return;
        }
        let at = seen.index.0 as usize;
        if at >= self.sums.len() {
            self.sums.resize(at + 1, Sum::default());
        }
        self.sums[at].add(seen.lsn, seen.at, seen.version, seen.event);
    }

    /// Compares the history of a run that was replayed up to `until` with the store's.
    pub fn compare(
        &self,
        store: &Store,
        index: RunIndex,
        run: RunId,
        until: Version,
    ) -> Result<(), String> {
        let Store::Copied(copy) = store else { return Ok(()) };
        let mut found = Sum::default();
        let read = copy.store.history(index, Version(0), &mut |event: StoredEvent| {
            if event.version <= until && event.lsn <= self.indexed {
                found.add(event.lsn, event.at, event.version, &event.event);
            }
            event.version < until
        });
        read.map_err(|fault| fault.to_string())?;
        let logged = self.sums.get(index.0 as usize).copied().unwrap_or_default();
        if found == logged {
            return Ok(());
        }
        Err(format!(
            "run {run}: the event store has {} events up to frame {}, the log has {}{}: it is \
             derived; remove events/ while no node runs",
            found.events,
            self.indexed,
            logged.events,
            if found.events == logged.events { ", and they differ" } else { "" },
        ))
    }
}
