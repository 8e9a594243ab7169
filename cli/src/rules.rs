//! Rule books on the command line: which one is meant, whether it is sound, what it makes of trains.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use berth_inventory::{Entry, Opens, Plan, TrainNumber, UnixMillis};
use berth_node::Calendar;
use berth_persistence::{CatalogueError, Expand, PoolRules, RulesText};
use berth_rules::{RuleBook, RuleFault};
use clap::{Args, Subcommand};

use crate::said::Exit;

/// A thousand times what a book needs: what is longer is another file.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// `berth rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    #[command(subcommand)]
    what: What,
}

/// What to do with a book.
#[derive(Debug, Subcommand)]
enum What {
    /// Read a rule book and say what is wrong with it, by line and field
    Check {
        /// The file
        file: PathBuf,
        /// Whether it fits the trains of this catalogue, too
        #[arg(long, value_name = "CATALOGUE")]
        catalogue: Option<PathBuf>,
    },
    /// Print a rule book, or the pools that it gives a train
    Show {
        /// A file, or the name of a book that comes with berth [default: indian-railways-2025]
        book: Option<PathBuf>,
        /// The pools of this train
        #[arg(long, value_name = "NUMBER")]
        train: Option<TrainNumber>,
        /// Where the train is looked up [default: the real trains that come with berth]
        #[arg(long, env = "BERTH_CATALOGUE", value_name = "FILE", requires = "train")]
        catalogue: Option<PathBuf>,
    },
}

/// Why a book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Neither a file nor a name.
    #[error(
        "rule book {} cannot be read: {error}; name a file, or one that comes with berth: {} {}",
        .path.display(), RuleBook::indian().name(), RuleBook::simple().name()
    )]
    Unreadable {
        /// What was given.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// It says something that cannot be.
    #[error(transparent)]
    Fault(#[from] RuleFault),
    /// It does not fit the trains.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The train is not there.
    #[error("train {0} is not in the catalogue")]
    NoTrain(TrainNumber),
}

/// A rule book at an instant: the figures of that day hold.
#[derive(Debug)]
pub struct Under {
    /// The book.
    pub book: RuleBook,
    /// The instant.
    pub now: UnixMillis,
}

impl Under {
    /// The book that is meant, as of today; the Indian one when none is named.
    pub fn load(word: Option<&Path>) -> Result<Self, RulesError> {
        let book = match word {
            None => RuleBook::indian().clone(),
            Some(path) => match path.to_str().and_then(RuleBook::named) {
                Some(book) => book.clone(),
                None => read(path)?,
            },
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self { book, now: UnixMillis(since.map_or(0, |since| since.as_millis() as u64)) })
    }

    /// How many days ahead sale opens, if the book says so.
    pub fn days_open(&self) -> Option<u16> {
        let calendar = Calendar::new(self.book.zone()?, 0).ok()?;
        self.book.days_open(calendar.today(self.now))
    }
}

impl PoolRules for Under {
    fn text(&self) -> RulesText {
        RulesText { hash: self.book.hash(), text: self.book.text().into() }
    }

    fn in_zone(&self, zone: &str) -> Result<Expand<'_>, Box<str>> {
        if let Some(meant) = self.book.zone().filter(|meant| *meant != zone) {
            return Err(format!(
                "the rule book {} is for times in {meant}, the catalogue has {zone}; name rules that \
                 fit, such as --rules {}",
                self.book.name(),
                RuleBook::simple().name()
            )
            .into());
        }
        let calendar = Calendar::new(zone, 0).map_err(|fault| fault.to_string())?;
        let today = calendar.today(self.now);
        Ok(Box::new(move |entry: &Entry| {
            self.book.expand(entry, today).map_err(|fault| fault.to_string().into())
        }))
    }
}

fn read(path: &Path) -> Result<RuleBook, RulesError> {
    let fault = |error: String| RulesError::Unreadable { path: path.into(), error };
    let file = File::open(path).map_err(|error| fault(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(RULES_BYTES_MAX + 1).read_to_string(&mut text);
    if read.map_err(|error| fault(error.to_string()))? as u64 > RULES_BYTES_MAX {
        return Err(fault(format!(
            "it is longer than {RULES_BYTES_MAX} bytes, as no rule book is"
        )));
    }
    Ok(RuleBook::parse(&path.display().to_string(), &text)?)
}

/// Runs `berth rules`: 0 when the book is sound.
pub fn run(args: &RulesArgs) -> ExitCode {
    let said = match &args.what {
        What::Check { file, catalogue } => check(file, catalogue.as_deref()),
        What::Show { book, train, catalogue } => {
            show(book.as_deref(), *train, catalogue.as_deref())
        }
    };
    match said {
        Ok(text) => match io::stdout().lock().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Fault.into(),
            _ => Exit::Done.into(),
        },
        Err(fault) => {
            eprintln!("berth rules: {fault}");
            Exit::Fault.into()
        }
    }
}

fn check(file: &Path, catalogue: Option<&Path>) -> Result<String, RulesError> {
    let under = Under { book: read(file)?, ..Under::load(None)? };
    let book = &under.book;
    let mut said = format!(
        "{} is sound: {} definitions of quotas, {} of shared berths, {} of waiting lists, {} of \
         charts\n",
        book.reference(),
        book.quotas().len(),
        book.rac().len(),
        book.waiting().len(),
        book.charts().rules().len()
    );
    if let Some(path) = catalogue {
        let trains = crate::catalogue::load(Some(path), &under)?;
        let ruled = trains.trains().iter().filter(|train| train.rules().is_some()).count();
        let _ = writeln!(
            said,
            "it fits the {ruled} trains of {} that have no pools of their own",
            path.display()
        );
    }
    Ok(said)
}

fn show(
    book: Option<&Path>,
    train: Option<TrainNumber>,
    catalogue: Option<&Path>,
) -> Result<String, RulesError> {
    let under = Under::load(book)?;
    let Some(number) = train else { return Ok(under.book.text().to_owned()) };
    let trains = crate::catalogue::load(catalogue, &under)?;
    let train = trains.get(number).ok_or(RulesError::NoTrain(number))?;
    Ok(pools(train.plan()))
}

/// The pools of a train, one a line.
fn pools(plan: &Plan) -> String {
    let rules = plan.rules().map_or("pools of its own".into(), |rules| format!("under {rules}"));
    let mut said = format!("{} {}, {rules}\n", plan.number(), plan.name());
    let last = plan.stops().len() - 1;
    for (place, pool) in plan.pools().iter().enumerate().filter(|(_, p)| p.halves_of.is_none()) {
        let opens = match pool.opens {
            Opens::WithRun => "with the run".into(),
            Opens::Before { days, minute } => {
                format!("D-{days} {:02}:{:02}", minute / 60, minute % 60)
            }
        };
        let _ = write!(
            said,
            "{:2} {:4} {:4} berths, opens {opens}, parties of {}",
            pool.class,
            pool.quota,
            pool.berths.len(),
            pool.party_max
        );
        let window = |(first, last): (u8, u8)| {
            let code = |stop: u8| plan.stops()[usize::from(stop)].code;
            if first == last {
                code(first).to_string()
            } else {
                format!("{} to {}", code(first), code(last))
            }
        };
        if pool.board != (0, last as u8) {
            let _ = write!(said, ", boarding {}", window(pool.board));
        }
        if pool.alight != (0, last as u8) {
            let _ = write!(said, ", alighting {}", window(pool.alight));
        }
        if !pool.eligible_words.is_empty() {
            let _ = write!(said, ", for {}", pool.eligible_words);
        }
        for list in plan.lists().iter().filter(|list| usize::from(list.pool.0) == place) {
            let _ = write!(said, ", {} {}", list.label, list.limit);
        }
        said.push('\n');
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_named_or_a_file_or_the_indian_one() {
        let name = |word: Option<&str>| {
            Under::load(word.map(Path::new)).map(|under| under.book.name().to_owned())
        };
        assert_eq!(name(None).unwrap(), "indian-railways-2025");
        assert_eq!(name(Some("simple")).unwrap(), "simple");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.toml");
        let missing = name(path.to_str()).unwrap_err().to_string();
        assert!(missing.contains("own.toml") && missing.contains("indian-railways-2025 simple"));
        std::fs::write(&path, RuleBook::simple().text().replace("\"simple\"", "\"own\"")).unwrap();
        assert_eq!(name(path.to_str()).unwrap(), "own");
        let faster =
            RuleBook::simple().text().replace("name = \"simple\"", "speed = 3\nname = \"own\"");
        std::fs::write(&path, faster).unwrap();
        let wrong = check(&path, None).unwrap_err().to_string();
        assert!(wrong.contains("own.toml, line 5: speed: is not a field here"), "{wrong}");
        assert!(name(Some("/dev/zero")).is_err());
    }

    #[test]
    fn the_shipped_trains_are_shown_with_their_pools() {
        let said = show(None, Some("12951".parse().unwrap()), None).unwrap();
        let mut lines = said.lines();
        let first = lines.next().unwrap();
        assert!(
            first.starts_with("12951 ") && first.contains(", under indian-railways-2025@"),
            "{first}"
        );
        let ladies = "3A LD      6 berths, opens D-60 08:00, parties of 6, for F";
        assert!(lines.clone().any(|line| line == ladies), "{said}");
        let unknown = show(None, Some("1".parse().unwrap()), None).unwrap_err();
        assert_eq!(unknown.to_string(), "train 1 is not in the catalogue");
        let simple = show(Some(Path::new("simple")), Some("12951".parse().unwrap()), None).unwrap();
        assert_eq!(simple.lines().count(), 1 + 3, "{simple}");
    }

    #[test]
    fn rules_of_another_zone_are_refused() {
        let under = Under::load(None).unwrap();
        let why = under.in_zone("Europe/Berlin").err().unwrap();
        assert!(why.contains("Asia/Kolkata") && why.contains("Europe/Berlin"), "{why}");
        let simple = Under::load(Some(Path::new("simple"))).unwrap();
        assert!(simple.in_zone("Europe/Berlin").is_ok() && simple.days_open().is_none());
        assert_eq!(under.days_open(), Some(60));
    }
}
