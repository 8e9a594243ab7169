//! Plans by hash: those of the catalogue, and those that only the journal still has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_inventory::{Plan, PlanHash};
use berth_persistence::{Catalogue, Snapshots, plan_from_text, plan_hash};
use hashbrown::HashMap;

type PlanAndText = (Arc<Plan>, Arc<str>);

/// See the module.
pub struct PlanBook {
    catalogue: Arc<Catalogue>,
    by_hash: HashMap<PlanHash, usize>,
    others: Mutex<HashMap<PlanHash, PlanAndText>>,
}

impl PlanBook {
    /// Of a catalogue.
    pub fn new(catalogue: &Arc<Catalogue>) -> Self {
        let trains = catalogue.trains().iter().enumerate();
        let by_hash = trains.map(|(place, train)| (train.hash(), place)).collect();
        Self { catalogue: Arc::clone(catalogue), by_hash, others: Mutex::default() }
    }

    fn other(&self) -> MutexGuard<'_, HashMap<PlanHash, PlanAndText>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan that a journaled text means; each is built once.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(&self, text: &str) -> Result<Arc<Plan>, String> {
        let hash = plan_hash(text);
        if let Some(place) = self.by_hash.get(&hash) {
            return Ok(Arc::clone(self.catalogue.trains()[*place].plan()));
        }
        let mut others = self.other();
        if let Some((plan, _)) = others.get(&hash) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(plan_from_text(text).map_err(|fault| fault.to_string())?);
        others.insert(hash, (Arc::clone(&plan), Arc::from(text)));
        Ok(plan)
    }

    /// Whether a plan is at hand.
    pub fn has(&self, hash: PlanHash) -> bool {
        self.by_hash.contains_key(&hash) || self.other().contains_key(&hash)
    }

    /// A plan that is at hand.
    ///
    /// # Errors
    /// It is not.
    pub fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, String> {
        if let Some(place) = self.by_hash.get(&hash) {
            return Ok(Arc::clone(self.catalogue.trains()[*place].plan()));
        }
        self.other().get(&hash).map(|(plan, _)| Arc::clone(plan)).ok_or_else(|| nowhere(hash))
    }

    /// The plan with this hash when the catalogue does not have it, from the text that `snapshots`
    /// keep: a run that is cold must not lose its train or its berths to a new catalogue.
    ///
    /// # Errors
    /// The text is nowhere, or damaged.
    pub fn kept(
        &self,
        hash: PlanHash,
        snapshots: &dyn Snapshots,
    ) -> Result<Option<Arc<Plan>>, String> {
        if self.by_hash.contains_key(&hash) {
            return Ok(None);
        }
        let text = self.text(hash).or_else(|| snapshots.plan_text(hash));
        self.parse(&text.ok_or_else(|| nowhere(hash))?).map(Some)
    }

    /// A catalogue text by its hash.
    pub fn text(&self, hash: PlanHash) -> Option<Arc<str>> {
        if let Some(place) = self.by_hash.get(&hash) {
            return Some(Arc::clone(self.catalogue.trains()[*place].text()));
        }
        self.other().get(&hash).map(|(_, text)| Arc::clone(text))
    }

    /// Plans that the catalogue does not have under the same hash.
    pub fn others(&self) -> Vec<PlanAndText> {
        let mut others: Vec<_> = self.other().values().cloned().collect();
        others.sort_unstable_by_key(|(plan, _)| plan.hash());
        others
    }
}

fn nowhere(hash: PlanHash) -> String {
    format!("the catalogue text {hash} of its snapshot is nowhere; restore snap/")
}
