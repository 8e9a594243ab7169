//! What Berth sells in these rounds: the catalogue, and which dated trains a hold falls on.
//!
//! A peer starts each round with fresh stock of 200 trains. Berth sells more than that in a round,
//! so its holds move on: every 200,000 holds (250 a class and train) go to the next 200 runs, other
//! dates of the same trains or, when the dates are used up, the same dates of the next 200 trains.
//! As many runs as the round before used are made before a round begins, as a peer's stock is filled;
//! making more is part of the round.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use berth_inventory::Date;

use super::super::work::{CLASS_BERTHS, CLASSES, LEGS, TRAINS};

/// Holds that one stock of 200 runs takes.
const STOCK_HOLDS: u64 = (TRAINS * CLASSES * CLASS_BERTHS) as u64;
/// Groups of 200 trains in the catalogue, enough for the rounds of a suite.
const GROUPS: u64 = 16;
/// Days after the first open one: its trains may have left.
const SKIPPED_DAYS: i32 = 2;

/// The four classes, as the wire numbers them: 2A, 3A, EC, EA.
pub const WIRE_CLASSES: [u8; CLASSES as usize] = [2, 3, 7, 8];

/// Coaches that give 250 berths a class; only of 3A there are 256, the other 6 in a pool that
/// nobody asks for.
const COACHES: [(&str, &str, usize); 8] = [
    ("A", "2A/ICF", 2),
    ("B", "2A/LHB-52", 2),
    ("C", "2A/LHB", 1),
    ("D", "3A/ICF", 4),
    ("E", "EC/LHB", 2),
    ("F", "EC/ICF", 3),
    ("G", "EA/LHB", 2),
    ("H", "EA/ICF", 3),
];

/// The catalogue as `berth serve` reads it.
pub fn catalogue() -> String {
    let mut stops = String::new();
    for stop in 0..=LEGS {
        let arrival = if stop == 0 { "null".into() } else { (600 + stop * 20).to_string() };
        let departure = if stop == LEGS { "null".into() } else { (602 + stop * 20).to_string() };
        let comma = if stop == 0 { "" } else { "," };
        let _ = write!(stops, "{comma}[\"S{stop}\",{},{arrival},{departure}]", stop * 40);
    }
    let coaches: Vec<_> = COACHES
        .iter()
        .flat_map(|(id, layout, count)| (1..=*count).map(move |n| format!("\"{id}{n}:{layout}\"")))
        .collect();
    let pool = |quota: &str, class: &str, size: &str| {
        format!(
            "{{\"quota\":\"{quota}\",\"class\":\"{class}\",\"size\":\"{size}\",\"opens\":\"run\",\
             \"party_max\":6}}"
        )
    };
    let pools = [
        pool("GN", "2A", "rest"),
        pool("GN", "3A", &CLASS_BERTHS.to_string()),
        pool("TQ", "3A", "rest"),
        pool("GN", "EC", "rest"),
        pool("GN", "EA", "rest"),
    ];
    let (coaches, pools) = (coaches.join(","), pools.join(","));
    let mut text = "{\"berth_catalogue\":1,\"zone\":\"Asia/Kolkata\"}\n".to_owned();
    for train in 0..GROUPS * u64::from(TRAINS) {
        let _ = writeln!(
            text,
            "{{\"number\":\"{}\",\"name\":\"BENCH\",\"days\":\"1111111\",\"stops\":[{stops}],\
             \"coaches\":[{coaches}],\"pools\":[{pools}]}}",
            number(train)
        );
    }
    text
}

fn number(train: u64) -> u64 {
    10_000 + train
}

/// Hands out the runs.
#[derive(Debug)]
pub struct Stock {
    dates: Vec<String>,
    holds: AtomicU64,
}

/// 200 runs of one date.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    first: u64,
    /// Of the start at the origin.
    pub date: &'a str,
}

/// Bytes of a `RunRef`: a train of five digits and a date of ten bytes, each with two before it.
const RUN_REF: usize = 2 + 5 + 2 + 10;

impl Runs<'_> {
    /// Number of a train.
    pub fn train(&self, train: u32) -> u64 {
        number(self.first + u64::from(train))
    }

    /// The run of a train as bytes of a `RunRef`.
    pub fn run_ref(&self, train: u32) -> [u8; RUN_REF] {
        let mut bytes = *b"\x0a\x0500000\x1a\x0a0000-00-00";
        let mut digits = self.train(train);
        for place in (2..7).rev() {
            bytes[place] = b'0' + (digits % 10) as u8;
            digits /= 10;
        }
        bytes[9..].copy_from_slice(self.date.as_bytes());
        bytes
    }
}

impl Stock {
    /// With the open window that the server says it has.
    pub fn new(first: Date, last: Date) -> Self {
        let dates = (SKIPPED_DAYS..).map(|days| first.plus(days)).take_while(|date| *date <= last);
        Self { dates: dates.map(|date| date.to_string()).collect(), holds: AtomicU64::new(0) }
    }

    /// Where the next hold goes.
    pub fn next(&self) -> Result<Runs<'_>, String> {
        self.runs(self.holds.fetch_add(1, Ordering::Relaxed) / STOCK_HOLDS)
    }

    /// Begins a round on fresh runs; its number for `used`.
    pub fn begin(&self) -> u64 {
        let begun = self.holds.load(Ordering::Relaxed).div_ceil(STOCK_HOLDS);
        self.holds.store(begun * STOCK_HOLDS, Ordering::Relaxed);
        begun
    }

    /// The first of the runs of a round that begins.
    pub fn ahead(&self, begun: u64, stocks: usize) -> Result<Vec<Runs<'_>>, String> {
        (begun..begun + stocks as u64).map(|stock| self.runs(stock)).collect()
    }

    /// The runs handed out since.
    pub fn used(&self, begun: u64) -> Result<Vec<Runs<'_>>, String> {
        let end = self.holds.load(Ordering::Relaxed).div_ceil(STOCK_HOLDS);
        (begun..end).map(|stock| self.runs(stock)).collect()
    }

    fn runs(&self, stock: u64) -> Result<Runs<'_>, String> {
        let dates = self.dates.len().max(1) as u64;
        let (group, date) = (stock / dates, stock % dates);
        match self.dates.get(date as usize) {
            Some(date) if group < GROUPS => Ok(Runs { first: group * u64::from(TRAINS), date }),
            _ => Err(format!(
                "the stock of {} trains x {dates} dates is used up",
                GROUPS * u64::from(TRAINS)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use berth_inventory::LegRange;
    use berth_persistence::Catalogue;
    use berth_proto::v1;
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_run_is_named_as_the_wire_names_it() {
        let runs = Runs { first: 200, date: "2030-02-01" };
        let name = v1::RunRef::decode(&runs.run_ref(7)[..]).expect("a message");
        let day = Some(v1::run_ref::Day::StartDate("2030-02-01".into()));
        assert_eq!(name, v1::RunRef { train: "10207".into(), day });
    }

    #[test]
    fn a_train_is_what_the_peers_sell() {
        let catalogue = Catalogue::parse(&catalogue()).expect("a sound catalogue");
        assert_eq!(catalogue.len(), (GROUPS * u64::from(TRAINS)) as usize);
        let plan = catalogue.trains()[0].plan();
        assert_eq!(plan.legs_count(), LEGS as usize);
        let whole = LegRange { from: 0, to: LEGS as u8 };
        let sizes = (0..plan.pools().len() as u8)
            .map(|pool| u32::from(plan.capacity(berth_inventory::PoolIndex(pool), whole)));
        let on_sale = sizes.filter(|size| *size == CLASS_BERTHS).count();
        assert_eq!(on_sale, CLASSES as usize);
    }

    #[test]
    fn a_round_begins_on_runs_that_nobody_has_touched() {
        let first: Date = "2030-01-01".parse().unwrap();
        let stock = Stock::new(first, first.plus(4));
        let begun = stock.begin();
        for _ in 0..=STOCK_HOLDS {
            stock.next().unwrap();
        }
        let used: Vec<_> = stock.used(begun).unwrap().iter().map(|runs| runs.date).collect();
        assert_eq!(used, ["2030-01-03", "2030-01-04"]);
        assert_eq!(stock.begin(), 2);
        for _ in 0..=STOCK_HOLDS {
            stock.next().unwrap();
        }
        let used = stock.used(2).unwrap();
        assert_eq!((used[1].date, used[1].train(0)), ("2030-01-03", 10_200));
    }
}
