//! Requests of Operations, checked. Runs are named by the date of their start at the origin.

use berth_inventory::{Block, Command, Date, RunId, SaleChange, TrainNumber};
use berth_proto::v1;

use super::check::{Check, Invalid};
use super::digest;

/// Berths of one BlockBerths or UnblockBerths, most: half a long rake.
const BERTHS_MAX: usize = 1_024;
/// Runs of one page, most.
const PAGE_MAX: u32 = 1_000;
/// Runs of a page when the caller does not say.
const PAGE_DEFAULT: u32 = 100;

/// A command to a run that is named by its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunAsk {
    pub run: RunId,
    pub command: Command,
}

/// Train and start date.
pub(crate) fn named_run(train: &str, start_date: &str) -> Result<RunId, Invalid> {
    let mut check = Check::default();
    let run = run_id(&mut check, train, start_date);
    check.end(run)
}

fn run_id(check: &mut Check, train: &str, start_date: &str) -> Option<RunId> {
    let train = check.train("train", train);
    let start_date = check.date("start_date", start_date);
    Some(RunId { train: train?, start_date: start_date? })
}

/// Operations.CreateTrainRun.
pub(crate) fn create(message: &v1::CreateTrainRunRequest) -> Result<RunAsk, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, digest::of(message));
    let run = run_id(&mut check, &message.train, &message.start_date);
    let whole = || Some(RunAsk { run: run?, command: Command::Create(request?) });
    check.end(whole())
}

/// Operations.RetireTrainRun.
pub(crate) fn retire(message: &v1::RetireTrainRunRequest) -> Result<RunAsk, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, digest::of(message));
    let run = run_id(&mut check, &message.train, &message.start_date);
    let whole = || Some(RunAsk { run: run?, command: Command::Retire(request?) });
    check.end(whole())
}

/// Operations.GetTrainRun.
pub(crate) fn get_run(message: &v1::GetTrainRunRequest) -> Result<RunAsk, Invalid> {
    let run = named_run(&message.train, &message.start_date)?;
    Ok(RunAsk { run, command: Command::GetRun })
}

macro_rules! sale {
    ($(#[$doc:meta])* $name:ident($request:ident) = $open:literal) => {
        $(#[$doc])*
        pub(crate) fn $name(message: &v1::$request) -> Result<RunAsk, Invalid> {
            let mut check = Check::default();
            let request = check.request(&message.request_id, digest::of(message));
            let run = run_id(&mut check, &message.train, &message.start_date);
            let class = check.class_or_all("travel_class", message.travel_class);
            let quota = check.quota_or_all("quota", &message.quota);
            let whole = || {
                let sale =
                    SaleChange { request: request?, class: class?, quota: quota?, open: $open };
                Some(RunAsk { run: run?, command: Command::SetSale(sale) })
            };
            check.end(whole())
        }
    };
}

sale! {
    /// Operations.OpenSale.
    open_sale(OpenSaleRequest) = true
}
sale! {
    /// Operations.CloseSale.
    close_sale(CloseSaleRequest) = false
}

macro_rules! berths {
    ($(#[$doc:meta])* $name:ident($request:ident) = $command:path) => {
        $(#[$doc])*
        pub(crate) fn $name(message: &v1::$request) -> Result<RunAsk, Invalid> {
            let mut check = Check::default();
            let request = check.request(&message.request_id, digest::of(message));
            let run = run_id(&mut check, &message.train, &message.start_date);
            if message.berths.is_empty() {
                check.wrong("berths", "is empty; name 1 to 1024 berths");
            }
            let berths = check.berths(&message.berths, BERTHS_MAX);
            let from = check.stop_or_none("from_stop", message.from_stop.as_ref());
            let to = check.stop_or_none("to_stop", message.to_stop.as_ref());
            if message.from_stop.is_some() != message.to_stop.is_some() {
                check.wrong("from_stop", "goes with to_stop; name both, or neither for the route");
            }
            let whole = || {
                let legs = from?.zip(to?);
                let block = Block { request: request?, berths: berths?, legs };
                Some(RunAsk { run: run?, command: $command(block) })
            };
            check.end(whole())
        }
    };
}

berths! {
    /// Operations.BlockBerths.
    block(BlockBerthsRequest) = Command::Block
}
berths! {
    /// Operations.UnblockBerths.
    unblock(UnblockBerthsRequest) = Command::Unblock
}

/// A page of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListWish {
    pub train: Option<TrainNumber>,
    pub first: Option<Date>,
    pub last: Option<Date>,
    pub touched_only: bool,
    pub page: usize,
    /// The last run of the page before, by date, then train.
    pub after: Option<(Date, TrainNumber)>,
}

/// Operations.ListTrainRuns.
pub(crate) fn list(message: &v1::ListTrainRunsRequest) -> Result<ListWish, Invalid> {
    let mut check = Check::default();
    let optional = |text: &str| !text.is_empty();
    let train = optional(&message.train).then(|| check.train("train", &message.train));
    let first = optional(&message.first_start_date)
        .then(|| check.date("first_start_date", &message.first_start_date));
    let last = optional(&message.last_start_date)
        .then(|| check.date("last_start_date", &message.last_start_date));
    let page = match message.page_size {
        0 => PAGE_DEFAULT,
        size => size,
    };
    if page > PAGE_MAX {
        check.wrong("page_size", format_args!("{page} is outside 0 to {PAGE_MAX}"));
    }
    let after = optional(&message.page_token).then(|| {
        let parts = message.page_token.split_once('/');
        let after = parts.and_then(|(date, train)| Some((date.parse().ok()?, train.parse().ok()?)));
        if after.is_none() {
            check.wrong("page_token", "is not one that this call gave");
        }
        after
    });
    let whole = ListWish {
        train: train.flatten(),
        first: first.flatten(),
        last: last.flatten(),
        touched_only: message.touched_only,
        page: page as usize,
        after: after.flatten(),
    };
    check.end(Some(whole))
}

/// What [`list`] reads again.
pub(crate) fn page_token(run: RunId) -> String {
    format!("{}/{}", run.start_date, run.train)
}
