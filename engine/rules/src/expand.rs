//! What a rule book makes of a train: its pools, spelled out.
//!
//! Pools come class by class, in a class in the order of the book: that is also the order in which
//! those with a size of their own take their berths, from the end of the class (last coach first).

use berth_inventory::{
    Date, Entry, PoolEntry, PoolSize, STOPS_MAX, STOPS_MIN, TravelClass, WaitingEntry, layout,
};

use crate::book::RuleBook;
use crate::fault::At;
use crate::lists::side_lowers;
use crate::quota::{Quota, Size};
use crate::trains::Sort;
use crate::{Dated, RuleFault};

/// What a plan needs of every class: the quota that everybody may ask for.
const GENERAL: &str = "GN";

/// What a train has of one class.
#[derive(Clone, Copy, Debug)]
struct Stock {
    class: TravelClass,
    berths: usize,
    coaches: u16,
}

/// A pool, the quota that it is of, and how many berths it takes of its own.
struct Made<'b> {
    quota: &'b Quota,
    pool: PoolEntry,
    berths: Option<usize>,
}

impl RuleBook {
    /// The train with the pools that the rules of `day` give it, and the name of this book. A train
    /// that has pools of its own keeps them.
    ///
    /// # Errors
    /// The rule that does not fit the train: its line, its field, and the train's part in it.
    pub fn expand(&self, entry: &Entry, day: Date) -> Result<Entry, RuleFault> {
        let mut entry = entry.clone();
        // Who has no route gets no pools; the plan says what is wrong with him.
        let is_routed = (STOPS_MIN..=STOPS_MAX).contains(&entry.stops.len());
        if !entry.pools.is_empty() || !is_routed {
            return Ok(entry);
        }
        let stocks = stocks(&entry);
        for stock in &stocks {
            let mut made = self.pools_of(&entry, *stock, &stocks, day)?;
            let shared = self.share(&entry, *stock, &mut made, day)?;
            self.fits(&entry, *stock, shared, &made)?;
            self.let_wait(*stock, &mut made, day)?;
            entry.pools.extend(made.into_iter().map(|made| made.pool));
        }
        entry.rules = Some(self.reference().into());
        Ok(entry)
    }

    fn pools_of<'b>(
        &'b self,
        entry: &Entry,
        stock: Stock,
        rake: &[Stock],
        day: Date,
    ) -> Result<Vec<Made<'b>>, RuleFault> {
        let mut made: Vec<Made<'b>> = Vec::new();
        for quota in self.quotas() {
            let has = quota.classes.contains(&stock.class);
            if has && self.is_of(&quota.sort, entry, stock, rake) {
                made.push(self.pool(quota, entry, stock, day)?);
            }
        }
        Ok(made)
    }

    fn pool<'b>(
        &self,
        quota: &'b Quota,
        entry: &Entry,
        stock: Stock,
        day: Date,
    ) -> Result<Made<'b>, RuleFault> {
        let window = |field, window: crate::Window| {
            window.on(&entry.stops).map_err(|what| {
                let what = format!("train {}: {what}", entry.number);
                quota.at.of(field).fault(&self.file, what)
            })
        };
        let (board, alight) = (window("board", quota.board)?, window("alight", quota.alight)?);
        let first = board.map_or(1, |(first, _)| first);
        let last = alight.map_or(entry.stops.len() as u16, |(_, last)| last);
        if first >= last {
            let what = format!(
                "train {}: nobody boards from stop {first} on and alights by stop {last}",
                entry.number
            );
            return Err(quota.at.of("board").fault(&self.file, what));
        }
        let (size, berths) = match *self.on(&quota.size, quota, "size", day)? {
            Size::Rest => (PoolSize::Rest, None),
            Size::Share(percent) => {
                (PoolSize::Share(percent), Some(stock.berths * usize::from(percent) / 100))
            }
            Size::Berths(berths) => (PoolSize::Berths(berths), Some(berths.into())),
            Size::PerCoach(berths) => {
                let berths = berths.saturating_mul(stock.coaches);
                (PoolSize::Berths(berths), Some(berths.into()))
            }
        };
        let pool = PoolEntry {
            quota: quota.code.to_string(),
            class: stock.class,
            size,
            board,
            alight,
            opens: *self.on(&quota.opens, quota, "opens", day)?,
            party_max: *self.on(&quota.party_max, quota, "party_max", day)?,
            eligible: quota.eligible.clone(),
            rac: 0,
            waiting: None,
            promotion: self.switches().promotion.unwrap_or_default(),
            kept: Vec::new(),
        };
        Ok(Made { quota, pool, berths })
    }

    fn on<'q, T>(
        &self,
        dated: &'q Dated<T>,
        quota: &Quota,
        field: &str,
        day: Date,
    ) -> Result<&'q T, RuleFault> {
        self.holds(dated, &quota.at, field, day)
    }

    fn holds<'q, T>(
        &self,
        dated: &'q Dated<T>,
        at: &At,
        field: &str,
        day: Date,
    ) -> Result<&'q T, RuleFault> {
        dated.on(day).ok_or_else(|| {
            let first = dated.changes().next().map_or_else(String::new, |date| date.to_string());
            let what = format!("says nothing for {day}; its first date is {first}");
            at.of(field).fault(&self.file, what)
        })
    }

    /// Tells the pool whose passengers share berths how many of each coach; how many in all.
    fn share(
        &self,
        entry: &Entry,
        stock: Stock,
        made: &mut [Made<'_>],
        day: Date,
    ) -> Result<usize, RuleFault> {
        let class = stock.class;
        let mut agreed: Option<(u8, &str)> = None;
        let mut shared = 0;
        let rules = || self.rac().iter().filter(|rac| rac.class == class);
        let Some(first) = rules().next() else { return Ok(0) };
        let coaches = entry.coaches.iter().filter_map(|coach| layout(&coach.layout));
        for layout in coaches.filter(|layout| side_lowers(layout, class) > 0) {
            let name = layout.name();
            let rule = rules().find(|rac| rac.layouts.iter().any(|of| **of == *name));
            let berths = rule.map(|rac| self.holds(&rac.berths, &rac.at, "berths", day));
            let berths = berths.transpose()?.copied().unwrap_or(0);
            shared += usize::from(berths);
            if let Some((other, of)) = agreed.replace((berths, name))
                && other != berths
            {
                let what = format!(
                    "train {}: coaches of {class} share {other} side lowers ({of}) and {berths} \
                     ({name}); on one train all must share as many",
                    entry.number
                );
                return Err(first.at.of("berths").fault(&self.file, what));
            }
        }
        let Some((berths, _)) = agreed.filter(|(berths, _)| *berths > 0) else { return Ok(0) };
        let mut of_quota = made.iter_mut().filter(|made| made.quota.code == first.quota);
        match (of_quota.next(), of_quota.next()) {
            (Some(one), None) => one.pool.rac = berths,
            (None, _) => {
                let what = format!("train {}: no quota {} of {class}", entry.number, first.quota);
                return Err(first.at.of("quota").fault(&self.file, what));
            }
            (Some(_), Some(other)) => {
                let (quota, line) = (first.quota, other.quota.at.line);
                let what = format!(
                    "train {}: {quota} of {class} has a second pool by line {line}; one can share \
                     berths",
                    entry.number
                );
                return Err(first.at.of("quota").fault(&self.file, what));
            }
        }
        Ok(shared)
    }

    /// Gives pools their waiting lists, by their berths after all earmarks, shared ones included.
    fn let_wait(&self, stock: Stock, made: &mut [Made<'_>], day: Date) -> Result<(), RuleFault> {
        let asked: usize = made.iter().filter_map(|made| made.berths).sum();
        for one in made {
            let of = |list: &&crate::Waiting| {
                list.quota == one.quota.code && list.classes.contains(&stock.class)
            };
            let Some(list) = self.waiting().iter().find(of) else { continue };
            let limit = self.holds(&list.limit, &list.at, "limit", day)?;
            let berths = one.berths.unwrap_or(stock.berths.saturating_sub(asked));
            let limit = limit.entries(berths, list.rounding);
            // A list that nobody gets on is none.
            let waiting = WaitingEntry { label: list.label.to_string(), limit };
            one.pool.waiting = Some(waiting).filter(|waiting| waiting.limit > 0);
        }
        Ok(())
    }

    fn is_of(&self, sort: &Sort, entry: &Entry, stock: Stock, rake: &[Stock]) -> bool {
        let has = |class: &TravelClass| rake.iter().any(|stock| stock.class == *class);
        let named = |numbers: &Vec<berth_inventory::TrainNumber>| {
            numbers.iter().any(|number| number.as_str() == entry.number)
        };
        let end_to_end = self.trains.is_end_to_end(&entry.number);
        sort.trains.as_ref().is_none_or(named)
            && (sort.with.is_empty() || sort.with.iter().any(has))
            && !sort.without.iter().any(has)
            && sort.coaches.as_ref().is_none_or(|coaches| coaches.contains(&stock.coaches))
            && sort.end_to_end.is_none_or(|wanted| wanted == end_to_end)
    }

    /// The pools of a class sell no journey twice, and use it up.
    fn fits(
        &self,
        entry: &Entry,
        stock: Stock,
        shared: usize,
        made: &[Made<'_>],
    ) -> Result<(), RuleFault> {
        let Stock { class, berths: total, .. } = stock;
        let (whole, besides) = (
            total - shared,
            match shared {
                0 => String::new(),
                shared => format!(" beside {shared} that are shared"),
            },
        );
        let train = &entry.number;
        let mut asked = 0;
        let mut rest: Option<&Quota> = None;
        for (place, one) in made.iter().enumerate() {
            let (quota, at) = (one.quota, &one.quota.at);
            for other in made[..place].iter().filter(|other| other.quota.code == quota.code) {
                if sells_alike(&one.pool, &other.pool, entry.stops.len() as u16) {
                    let (code, line) = (quota.code, other.quota.at.line);
                    let what = format!(
                        "train {train}: {code} of {class} sells a journey that {code} of line \
                         {line} sells as well"
                    );
                    return Err(at.of("board").fault(&self.file, what));
                }
            }
            match one.berths {
                Some(berths) => asked += berths,
                None => {
                    if let Some(other) = rest.replace(quota) {
                        let (code, line) = (other.code, other.at.line);
                        let what = format!(
                            "train {train}: takes the rest of {class} beside {code} of line {line}"
                        );
                        return Err(at.of("size").fault(&self.file, what));
                    }
                }
            }
            if asked > whole {
                let what = format!(
                    "train {train}: {} and the quotas before it take {asked} berths of {class}, \
                     which has {whole}{besides}",
                    quota.code
                );
                return Err(at.of("size").fault(&self.file, what));
            }
        }
        let root = |what: String| At { line: 1, field: "quota".into() }.fault(&self.file, what);
        if !made.iter().any(|made| made.quota.code.as_str() == GENERAL) {
            return Err(root(format!("train {train}: no quota {GENERAL} for class {class}")));
        }
        if rest.is_none() && asked < whole {
            return Err(root(format!(
                "train {train}: the quotas of {class} take {asked} of {whole} berths; let one take \
                 the rest"
            )));
        }
        Ok(())
    }
}

/// Whether two pools of one quota and class sell the same journey.
fn sells_alike(a: &PoolEntry, b: &PoolEntry, stops: u16) -> bool {
    let common = |a: Option<(u16, u16)>, b: Option<(u16, u16)>| {
        let (a, b) = (a.unwrap_or((1, stops)), b.unwrap_or((1, stops)));
        (a.0.max(b.0), a.1.min(b.1))
    };
    let (board, alight) = (common(a.board, b.board), common(a.alight, b.alight));
    board.0 <= board.1 && alight.0 <= alight.1 && board.0 < alight.1
}

/// What a train has of each of its classes, in the order of their numbers. A layout that nobody knows
/// has nothing; the plan refuses it by name.
fn stocks(entry: &Entry) -> Vec<Stock> {
    let layouts: Vec<_> = entry.coaches.iter().filter_map(|c| layout(&c.layout)).collect();
    let of = |class: &TravelClass| {
        let counts = layouts
            .iter()
            .map(|layout| layout.berths().iter().filter(|berth| berth.class == *class).count());
        let (berths, coaches) =
            counts.filter(|count| *count > 0).fold((0, 0), |sum, count| (sum.0 + count, sum.1 + 1));
        (berths > 0).then_some(Stock { class: *class, berths, coaches })
    };
    TravelClass::ALL.iter().filter_map(of).collect()
}
