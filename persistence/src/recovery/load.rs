//! Catalogue entries while runs are rebuilt: each text parsed once.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_inventory::{Plan, PlanHash, Run, RunIndex};

use super::{PlanParser, TextFinder};
use crate::Lsn;
use crate::snapshot::{SnapshotError, Snapshots};

/// Entries by hash, from journaled texts, the snapshot store, or the node's catalogue.
pub struct Plans<'a> {
    parse: PlanParser<'a>,
    find_text: TextFinder<'a>,
    snapshots: &'a dyn Snapshots,
    texts: BTreeMap<PlanHash, Arc<str>>,
    parsed: BTreeMap<PlanHash, Result<Arc<Plan>, String>>,
}

/// What [`Plans`] has gathered: entries and texts by hash.
pub type Gathered = (Vec<(PlanHash, Arc<Plan>)>, Vec<(PlanHash, Arc<str>)>);

impl<'a> Plans<'a> {
    /// None yet.
    pub fn new(
        parse: PlanParser<'a>,
        find_text: TextFinder<'a>,
        snapshots: &'a dyn Snapshots,
    ) -> Self {
        let (texts, parsed) = (BTreeMap::new(), BTreeMap::new());
        Self { parse, find_text, snapshots, texts, parsed }
    }

    /// Takes a journaled text in.
    pub fn take_text(&mut self, hash: PlanHash, text: Arc<str>) {
        self.texts.insert(hash, text);
    }

    /// The entry with this hash, or why there is none.
    pub fn get(&mut self, hash: PlanHash) -> Result<Arc<Plan>, String> {
        if let Some(known) = self.parsed.get(&hash) {
            return known.clone();
        }
        let text = self.texts.get(&hash).cloned();
        let text = text.or_else(|| self.snapshots.plan_text(hash));
        let plan = match text.or_else(|| (self.find_text)(hash)) {
            None => Err(format!(
                "its catalogue text {hash} is lost: start with a catalogue that has the entry"
            )),
            Some(text) => (self.parse)(&text).and_then(|plan| {
                if plan.hash() == hash {
                    Ok(plan)
                } else {
                    Err(format!("its catalogue text {hash} reads as {}", plan.hash()))
                }
            }),
        };
        self.parsed.insert(hash, plan.clone());
        plan
    }

    /// A run from the latest of its snapshots that is whole, and the frame up to which it holds.
    pub fn load(&mut self, run: RunIndex) -> Result<(Box<Run>, Lsn), String> {
        let latest = self.take_snapshot(self.snapshots.load(run));
        latest.or_else(|why| self.take_snapshot(self.snapshots.load_older(run)).map_err(|_| why))
    }

    fn take_snapshot(
        &mut self,
        loaded: Result<(crate::SnapshotInfo, berth_inventory::RunState), SnapshotError>,
    ) -> Result<(Box<Run>, Lsn), String> {
        let (info, state) = loaded.map_err(|fault| fault.to_string())?;
        let plan = self.get(info.plan)?;
        let run = Run::from_state(plan, state).map_err(|fault| fault.to_string())?;
        Ok((Box::new(run), info.lsn))
    }

    /// Everything gathered.
    pub fn into_parts(self) -> Gathered {
        let plans = self.parsed.into_iter().filter_map(|(hash, plan)| Some((hash, plan.ok()?)));
        (plans.collect(), self.texts.into_iter().collect())
    }
}
