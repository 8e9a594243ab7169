//! The judge that takes the order from the versions: linear in the length of a history.
//!
//! The journal says which event made which version, those of a run without a gap; the twin refuses
//! an event that cannot be, or that nobody asked for. Every answer of a version must be what the twin
//! says in the state that this version is. Last, nobody is told a state that was over before he
//! asked: whoever was answered before another asked stands before him.

use std::collections::{BTreeMap, HashMap};

use crate::record::{Ask, Event, Happened, History, Id, Refused, Said, Try, UNANSWERED};
use crate::twin::{Leeway, Twin};

/// Clocks of recorder and server are those of one machine, read at different moments.
const SKEW_MS: u64 = 250;
/// Violations that are listed.
const LISTED: usize = 20;

/// What was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Runs with at least one answer.
    pub runs: u64,
    /// Answers, each compared with the model's.
    pub answers: u64,
    /// Of them: refusals.
    pub refusals: u64,
    /// Requests sent again: tries beyond the first of a request.
    pub retries: u64,
    /// Tries without an answer.
    pub unanswered: u64,
    /// Of them: mutations whose effect the journal has although no try of theirs was answered before
    /// it was asked again.
    pub took_effect_unanswered: u64,
    /// Events of the journal.
    pub events: u64,
    /// Of them: deadlines that passed.
    pub expiries: u64,
    /// Of them: grace after a restart.
    pub graces: u64,
    /// What is wrong, the first of it.
    pub violations: Vec<String>,
    /// How much is wrong in all.
    pub violations_count: u64,
}

impl Report {
    fn add(&mut self, what: String) {
        self.violations_count += 1;
        if self.violations.len() < LISTED {
            self.violations.push(what);
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        format!(
            "{} answers ({} refusals) on {} runs, {} retries, {} tries unanswered ({} of their \
             requests took effect all the same), {} events ({} expiries, {} graces): {} violations",
            self.answers,
            self.refusals,
            self.runs,
            self.retries,
            self.unanswered,
            self.took_effect_unanswered,
            self.events,
            self.expiries,
            self.graces,
            self.violations_count
        )
    }
}

/// Judges a whole history.
pub fn check(history: &History) -> Report {
    let mut report = Report { events: history.events.len() as u64, ..Report::default() };
    let mut events: Vec<Vec<&Happened>> = vec![Vec::new(); history.runs.len()];
    for event in &history.events {
        events[event.run as usize].push(event);
    }
    let mut tries: Vec<Vec<&Try>> = vec![Vec::new(); history.runs.len()];
    for one in &history.tries {
        tries[one.run as usize].push(one);
    }
    for (run, (events, tries)) in events.iter().zip(&tries).enumerate() {
        if !events.is_empty() || !tries.is_empty() {
            report.runs += u64::from(tries.iter().any(|one| one.answer.is_some()));
            Course::new(history, run, tries, &mut report).take(events);
        }
    }
    report
}

/// One run on its way through its versions.
struct Course<'a> {
    name: &'a str,
    twin: Twin<'a>,
    report: &'a mut Report,
    asked: Asked<'a>,
    /// Answers by version, then by the moment at which they were asked.
    answers: Vec<&'a Try>,
    next: usize,
    /// Latest moment at which anything was asked that stands before, and what that was.
    asked_last: (u64, Option<&'a Try>),
}

/// What was asked of a run, to be found by what its event says.
#[derive(Default)]
struct Asked<'a> {
    by_request: HashMap<Id, Vec<&'a Try>>,
    releases: HashMap<Id, Vec<&'a Try>>,
    cancels: HashMap<u64, Vec<&'a Try>>,
    /// What operators asked.
    operators: Vec<&'a Try>,
}

impl<'a> Asked<'a> {
    fn of(tries: &[&'a Try]) -> Self {
        let mut asked = Self::default();
        for &one in tries {
            match one.ask {
                Ask::Release { hold, .. } => asked.releases.entry(hold).or_default().push(one),
                Ask::Cancel { pnr, .. } => asked.cancels.entry(pnr).or_default().push(one),
                Ask::Sale { .. } | Ask::Block { .. } => asked.operators.push(one),
                Ask::GetHold { .. } | Ask::GetBooking { .. } | Ask::Query { .. } => continue,
                Ask::Reserve { .. } | Ask::Confirm { .. } | Ask::Extend { .. } => {}
            }
            asked.by_request.entry(one.request).or_default().push(one);
        }
        asked
    }

    /// The first try that asked for this event, given what the run was before it.
    fn for_event(&self, twin: &Twin<'_>, happened: &Happened) -> Option<&'a Try> {
        let at = happened.at.max(twin.last_at);
        let empty = Vec::new();
        let tries = match &happened.event {
            Event::Held { request, .. }
            | Event::Confirmed { request, .. }
            | Event::Extended { request, .. } => self.by_request.get(request).unwrap_or(&empty),
            Event::Released { hold, .. } => self.releases.get(hold).unwrap_or(&empty),
            Event::Cancelled { pnr, .. } => self.cancels.get(pnr).unwrap_or(&empty),
            Event::Sale { .. } | Event::Blocked { .. } => &self.operators,
            _ => &empty,
        };
        let fits = |one: &&&Try| {
            one.invoked / 1_000 <= at + SKEW_MS && makes(twin, one, at, &happened.event)
        };
        tries.iter().filter(fits).min_by_key(|one| one.invoked).copied()
    }
}

/// Whether the request makes exactly this event here and now.
fn makes(twin: &Twin<'_>, one: &Try, at: u64, event: &Event) -> bool {
    let Some(would) = twin.would_change(one.request, &one.ask, at) else { return false };
    match (&one.ask, event) {
        (
            Ask::Reserve { pool, from, to, heads, berths, ttl },
            Event::Held { pool: p, from: f, to: t, berths: b, expires, .. },
        ) => {
            let named = berths.is_empty() || berths == b;
            (pool, from, to) == (p, f, t)
                && usize::from(*heads) == b.len()
                && named
                && *expires == at + ttl
        }
        (Ask::Confirm { hold, keep, .. }, Event::Confirmed { hold: h, who, keep: k, .. }) => {
            (hold, keep, would) == (h, k, *who)
        }
        (Ask::Extend { hold, ttl }, Event::Extended { hold: h, expires, .. }) => {
            // Cut to its life, which grace may have made longer.
            hold == h && *expires <= at + ttl
        }
        (Ask::Release { hold, .. }, Event::Released { hold: h, who }) => (hold, would) == (h, *who),
        (Ask::Cancel { pnr, .. }, Event::Cancelled { pnr: p, who }) => (pnr, would) == (p, *who),
        (Ask::Sale { pools, open }, Event::Sale { pools: p, open: o }) => {
            open == o && twin.sale_changes(*pools, *open) == *p
        }
        (
            Ask::Block { berths, from, to, block },
            Event::Blocked { berths: b, from: f, to: t, block: k },
        ) => (from, to, block) == (f, t, k) && twin.block_changes(berths, *from, *to, *block) == *b,
        _ => false,
    }
}

impl<'a> Course<'a> {
    fn new(history: &'a History, run: usize, tries: &[&'a Try], report: &'a mut Report) -> Self {
        let plan = &history.runs[run];
        let mut answers: Vec<&Try> = tries.iter().filter(|t| t.answer.is_some()).copied().collect();
        answers.sort_by_key(|one| (version(one), one.invoked));
        report.unanswered += (tries.len() - answers.len()) as u64;
        let asked = Asked::of(tries);
        let sent: usize = asked.by_request.len();
        let mutations = tries.iter().filter(|one| one.request != Id::default()).count();
        report.retries += mutations.saturating_sub(sent) as u64;
        Self {
            name: &plan.name,
            twin: Twin::new(plan, Leeway::None),
            report,
            asked,
            answers,
            next: 0,
            asked_last: (0, None),
        }
    }

    fn wrong(&mut self, version: u64, what: &str) {
        self.report.add(format!("{} version {version}: {what}", self.name));
    }

    fn take(mut self, events: &[&'a Happened]) {
        self.judge_version();
        for happened in events {
            if happened.version != self.twin.version + 1 {
                let what = format!("comes after version {}", self.twin.version);
                self.wrong(happened.version, &what);
                return;
            }
            if !self.happen(happened) {
                return;
            }
            self.judge_version();
        }
        if let Some(lost) = self.answers.get(self.next) {
            let what = format!("{:?} was answered, and the journal has no such version", lost.ask);
            let version = version(lost);
            self.wrong(version, &what);
        }
    }

    /// Whether the run can go on from here.
    fn happen(&mut self, happened: &'a Happened) -> bool {
        let by = self.asked.for_event(&self.twin, happened);
        let is_own = matches!(
            happened.event,
            Event::Created | Event::Leased | Event::Expired { .. } | Event::Grace { .. }
        );
        self.report.expiries += u64::from(matches!(happened.event, Event::Expired { .. }));
        self.report.graces += u64::from(matches!(happened.event, Event::Grace { .. }));
        if by.is_none() && !is_own {
            let what = format!("nobody asked for {:?}, as it was then", happened.event);
            self.wrong(happened.version, &what);
        }
        let asked = by.map(|one| &one.ask);
        if let Err(why) = self.twin.apply(&happened.event, happened.at, asked) {
            let what = format!("{:?} cannot have happened: {why}", happened.event);
            self.wrong(happened.version, &what);
            return false;
        }
        if let Some(by) = by {
            self.report.took_effect_unanswered += u64::from(by.returned == UNANSWERED);
            self.stands(by);
        }
        true
    }

    /// What stands here must not be asked later than what stands behind it was answered.
    fn stands(&mut self, one: &'a Try) {
        if one.invoked > self.asked_last.0 {
            self.asked_last = (one.invoked, Some(one));
        }
    }

    fn judge_version(&mut self) {
        let now = self.twin.version;
        let begin = self.next;
        while let Some(&one) = self.answers.get(self.next).filter(|one| version(one) <= now) {
            self.next += 1;
            let Some(answer) = &one.answer else { continue };
            self.report.answers += 1;
            self.report.refusals += u64::from(matches!(answer.said, Said::Refused(_)));
            if let Said::Refused(Refused::Other(reason)) = answer.said {
                let what = format!("{:?} was refused for reason {reason}", one.ask);
                self.wrong(now, &what);
                continue;
            }
            let since = (one.invoked / 1_000).saturating_sub(SKEW_MS);
            if let Err(why) = self.twin.judge(one.request, &one.ask, answer, since) {
                self.wrong(now, &why);
            }
            if let (moment, Some(before)) = self.asked_last
                && one.returned < moment
            {
                let what = format!(
                    "{:?} was answered {} us before {:?} was asked, which stands before it",
                    one.ask,
                    moment - one.returned,
                    before.ask
                );
                self.wrong(now, &what);
            }
        }
        // Those of one version change nothing for each other.
        for place in begin..self.next {
            let one = self.answers[place];
            self.stands(one);
        }
    }
}

fn version(one: &Try) -> u64 {
    one.answer.as_ref().map_or(u64::MAX, |answer| answer.version)
}

/// Answers by kind, for people.
pub fn kinds(history: &History) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for one in &history.tries {
        let ask = format!("{:?}", one.ask);
        let ask = ask.split(' ').next().unwrap_or_default();
        let said = match &one.answer {
            None => "unanswered".to_owned(),
            Some(answer) => {
                let said = match &answer.said {
                    Said::Refused(refused) => format!("{refused:?}"),
                    other => format!("{other:?}"),
                };
                said.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
            }
        };
        *kinds.entry(format!("{ask} {said}")).or_default() += 1;
    }
    kinds
}
