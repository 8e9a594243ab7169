//! Replay over small directories: what is whole, torn, damaged and contradicted, and how it is told.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;

use berth_api::Server;
use berth_client::v1;
use berth_engine::{Engine, StartOptions};
use berth_inventory::{
    AgeBand, BerthIndex, BerthType, Event, HeldPassenger, HoldId, LegRange, ListIndex, Millis,
    Passenger, PassengerSet, Pnr, PoolIndex, RequestId, RequestMark, Rest, RunCreated, RunId,
    RunIndex, Sex, Standing, UnixMillis, Version,
};
use berth_node::{Names, Settings};
use berth_persistence::conformance::{TEXT, World};
use berth_persistence::{DirLock, Durability, Lsn, NodeRecord, Seen, plan_hash};
use clap::Parser as _;
use expect_test::expect_file;
use serde_json::Value;

use super::events::{PlanBook, Printer};
use super::verify::{Claim, Claims, Source};
use super::{Exit, Report, replay};
use crate::args::{Cli, Command};
use crate::data_dir::DiskFault;
use crate::data_dir::small_dir::SmallDir;

/// An adult in a berth and an infant without one.
fn party() -> [HeldPassenger; 2] {
    let (age, sex, preference) = (AgeBand::Adult, Sex::Female, Some(BerthType::Lower));
    let adult = Passenger { age, sex, berth_required: true, preference };
    let infant =
        Passenger { age: AgeBand::Infant, sex: Sex::Male, berth_required: false, preference: None };
    [
        HeldPassenger { passenger: adult, berth: Some(BerthIndex(24)) },
        HeldPassenger { passenger: infant, berth: None },
    ]
}

/// The report and what was written to stdout.
fn run(small: &SmallDir, flags: &[&str]) -> Result<(Report, String), DiskFault> {
    let Command::Replay(args) = small.command("replay", flags) else { panic!("{flags:?}") };
    let mut out = Vec::new();
    let report = replay(&args, &mut out)?;
    Ok((report, String::from_utf8(out).unwrap()))
}

fn json(small: &SmallDir, flags: &[&str]) -> (Exit, Value) {
    let (report, out) = run(small, &[flags, &["--json"]].concat()).unwrap();
    assert_eq!(out.lines().count(), 1, "{out}");
    (report.exit(), serde_json::from_str(&out).unwrap())
}

fn digests(view: &Value) -> Vec<String> {
    let runs = view["runs"].as_array().unwrap();
    runs.iter().map(|run| run["digest"].as_str().unwrap().to_owned()).collect()
}

fn true_digests(world: &World) -> Vec<String> {
    world.digests().iter().map(ToString::to_string).collect()
}

/// Every string of a list, on one line each.
fn lines(view: &Value) -> String {
    let lines = view.as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_whole_log_gives_the_state_that_wrote_it() {
    let mut small = SmallDir::new(40);
    small.stop();
    let (exit, view) = json(&small, &[]);
    assert_eq!(exit, Exit::Done);
    assert_eq!(digests(&view), true_digests(&small.world));
    assert_eq!((&view["first_lsn"], &view["last_lsn"]), (&1.into(), &small.end().0.into()));
    assert_eq!((&view["from"], &view["clean_stop"]), (&"LOG".into(), &true.into()));
    let counted: u64 =
        view["kinds"].as_array().unwrap().iter().map(|kind| kind["count"].as_u64().unwrap()).sum();
    assert_eq!(view["events"], counted);
    let versions: u64 =
        view["runs"].as_array().unwrap().iter().map(|run| run["version"].as_u64().unwrap()).sum();
    assert_eq!(versions, counted, "every event makes one version");
}

#[test]
fn nothing_that_is_read_is_changed() {
    let small = SmallDir::new(40);
    small.snapshot();
    assert!(small.index() > Lsn(0));
    small.tear();
    let before = small.content();
    for flags in [&["--verify"][..], &["--verify", "--from-snapshots"], &["--events"]] {
        run(&small, flags).unwrap();
        assert!(small.content() == before, "{flags:?} changed the directory");
    }
}

#[test]
fn a_bounded_log_is_replayed_from_its_snapshots_and_says_so() {
    let mut small = SmallDir::new(60);
    small.snapshot();
    let covered = small.end();
    small.index();
    let kept = small.retire();
    assert!(kept > Lsn(10) && kept <= covered.next(), "{kept}");
    small.go_on(5);
    small.stop();
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!((exit, lines(&view["verify"]["problems"])), (Exit::Done, String::new()));
    assert_eq!(digests(&view), true_digests(&small.world));
    assert_eq!(
        (&view["from"], &view["first_lsn"]),
        (&"SNAPSHOTS".into(), &covered.next().0.into())
    );
    assert!(lines(&view["notes"]).contains(&format!("begins with frame {kept}")), "{view}");
    // An earlier state is nowhere, and the later one is not shown as if it were.
    let before = (covered.0 - 1).to_string();
    let (_, view) = json(&small, &["--until", &before]);
    assert!(lines(&view["notes"]).contains(&format!("as of frame {covered}")), "{view}");
}

#[test]
fn one_run_only() {
    let small = SmallDir::new(20);
    let wanted = &small.world.runs[1];
    let date = wanted.id().start_date.to_string();
    let flags = ["--train", "12951", "--start-date", &date, "--verify"];
    let (exit, view) = json(&small, &flags);
    assert_eq!((exit, digests(&view)), (Exit::Done, vec![wanted.digest().to_string()]));
    assert_eq!(view["events"], wanted.version().0);
    let (report, events) = run(&small, &[&flags[..4], &["--events"]].concat()).unwrap();
    assert_eq!((report.exit(), events.lines().count() as u64), (Exit::Done, wanted.version().0));
}

#[test]
fn up_to_a_frame_or_a_time() {
    let mut small = SmallDir::new(5);
    let (then, at, end) = (true_digests(&small.world), small.world.now, small.end());
    small.world.now.0 += 60_000;
    small.go_on(10);
    assert_ne!(then, true_digests(&small.world));
    assert_eq!(digests(&json(&small, &["--until", &end.to_string()]).1), then);
    let (_, view) = json(&small, &["--until", &at.to_string(), "--verify"]);
    assert_eq!(digests(&view), then, "up to {at}");
    let (exit, view) = json(&small, &["--until", "100000"]);
    assert_eq!((exit, digests(&view)), (Exit::Done, true_digests(&small.world)));
    assert!(lines(&view["notes"]).contains("before frame 100000"), "{view}");
}

#[test]
fn snapshots_and_the_rest_of_the_log_give_the_same() {
    let mut small = SmallDir::new(10);
    small.snapshot();
    small.go_on(10);
    let (exit, view) = json(&small, &["--from-snapshots", "--verify"]);
    assert_eq!((exit, digests(&view)), (Exit::Done, true_digests(&small.world)));
    assert_eq!(view["from"], "SNAPSHOTS");
    assert_eq!(view["verify"]["snapshots"]["compared"], 0);
}

#[test]
fn a_flipped_bit_is_damage_with_file_and_offset() {
    let small = SmallDir::new(40);
    let (file, offset) = small.flip(Lsn(9));
    let (exit, view) = json(&small, &[]);
    assert_eq!(exit, Exit::Damaged);
    let damage = lines(&view["damage"]);
    assert!(
        damage.contains(&format!("{} is damaged at byte {offset}", file.display())),
        "{damage}"
    );
    assert!(!view["refused"].as_array().unwrap().is_empty(), "its runs are refused by name");
    let (report, _) = run(&small, &[]).unwrap();
    assert!(report.messages(false).iter().any(|line| line.contains("restore")), "what to do");
}

#[test]
fn a_torn_tail_is_a_note() {
    let small = SmallDir::new(6);
    let (file, offset) = small.tear();
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!(exit, Exit::Done);
    let told = format!("{} is torn at byte {offset}", file.display());
    assert!(lines(&view["notes"]).contains(&told), "{view}");
    assert!(view["torn"].as_str().unwrap().contains(&told));
    assert_eq!(view["last_lsn"], small.end().0 - 1);
}

#[test]
fn verify_compares_every_kept_snapshot() {
    let mut small = SmallDir::new(5);
    small.snapshot();
    small.go_on(5);
    small.snapshot();
    small.go_on(5);
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!(exit, Exit::Done, "{view}");
    let snapshots = &view["verify"]["snapshots"];
    assert_eq!((&snapshots["found"], &snapshots["compared"]), (&6.into(), &6.into()));
    assert_eq!(
        (&view["verify"]["runs_checked"], &view["verify"]["live"]),
        (&3.into(), &Value::Null)
    );
    assert_eq!(view["verify"]["event_store"]["state"], "ABSENT");
}

#[test]
fn verify_finds_a_snapshot_that_differs_or_knows_more() {
    let small = SmallDir::new(8);
    // Another history of the same runs, as long for at least one of them.
    let mut other = World::new(8);
    let mut section = berth_persistence::Section::default();
    (0..3).for_each(|_| other.create(&mut section));
    other.group(40);
    small.snapshot_of(&other);
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!(exit, Exit::Damaged);
    let problems = lines(&view["verify"]["problems"]);
    for told in ["the log makes", "the end of the log is lost"] {
        assert!(problems.lines().any(|line| line.contains(told)), "{told:?} in {problems}");
    }
    assert!(problems.lines().all(|line| line.contains("snap/")), "{problems}");
    assert_eq!(json(&small, &[]).0, Exit::Done, "without --verify nobody looks");
}

#[test]
fn verify_compares_the_event_store_and_finds_it_damaged() {
    let small = SmallDir::new(60);
    let indexed = small.index();
    assert!(indexed > Lsn(0) && indexed < small.end(), "it lags: {indexed}");
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!(exit, Exit::Done, "{view}");
    let store = &view["verify"]["event_store"];
    assert_eq!((&store["state"], &store["runs_compared"]), (&"COMPARED".into(), &3.into()));
    assert_eq!(store["indexed_lsn"], indexed.0);

    fs::write(small.dir.events().join("conf"), "not what sled wrote").unwrap();
    let (exit, view) = json(&small, &["--verify"]);
    let problems = lines(&view["verify"]["problems"]);
    assert_eq!(exit, Exit::Damaged, "{problems}");
    assert_eq!(view["verify"]["event_store"]["state"], "DAMAGED");
    assert!(problems.contains("derived"), "{problems}");
    assert!(problems.contains(&small.dir.events().display().to_string()), "{problems}");
}

#[test]
fn verify_finds_another_history_in_the_event_store() {
    let small = SmallDir::new(60);
    let other = SmallDir::new(61);
    // The same frames but the last, under other numbers: sealed segments are the same.
    assert_eq!(small.index(), other.index());
    fs::remove_dir_all(small.dir.events()).unwrap();
    fs::rename(other.dir.events(), small.dir.events()).unwrap();
    assert_eq!(json(&small, &["--verify"]).0, Exit::Done);
    // Now the log of another world.
    let mut world = SmallDir::new(0);
    world.world.draw(2);
    world.go_on(60);
    assert!(world.index() > Lsn(0));
    fs::remove_dir_all(small.dir.events()).unwrap();
    fs::rename(world.dir.events(), small.dir.events()).unwrap();
    let (exit, view) = json(&small, &["--verify"]);
    let problems = lines(&view["verify"]["problems"]);
    assert_eq!(exit, Exit::Damaged);
    assert!(problems.contains("the event store has"), "{problems}");
}

#[test]
fn a_directory_in_use_is_read_up_to_its_end() {
    let small = SmallDir::new(6);
    let lock = DirLock::take(small.root(), small.world.now).unwrap();
    lock.serves_on("127.0.0.1:50051").unwrap();
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!((exit, digests(&view)), (Exit::Done, true_digests(&small.world)));
    assert!(view["in_use"].as_str().unwrap().contains("127.0.0.1:50051"));
    // What a node is just writing is no torn tail.
    small.tear();
    let (exit, view) = json(&small, &["--verify"]);
    assert_eq!((exit, &view["torn"]), (Exit::Done, &Value::Null));
    assert_eq!(view["last_lsn"], small.end().0 - 1);
}

#[test]
fn a_missing_or_foreign_directory_is_a_fault() {
    let small = SmallDir::new(0);
    let Command::Replay(args) = small.command("replay", &[]) else { panic!() };
    fs::remove_file(small.root().join("FORMAT")).unwrap();
    let fault = replay(&args, &mut Vec::new()).unwrap_err();
    assert_eq!(fault.exit(), Exit::Fault);
    assert!(fault.to_string().contains("FORMAT"), "{fault}");
}

#[test]
fn a_log_whose_rest_is_not_whole_is_damaged() {
    let small = SmallDir::new(6);
    small.flip(Lsn(small.end().0 - 1));
    small.tear();
    let fault = run(&small, &[]).unwrap_err();
    assert_eq!(fault.exit(), Exit::Damaged);
    assert!(fault.to_string().contains("restore the segment"), "{fault}");
}

#[test]
fn events_are_json_lines() {
    let small = SmallDir::new(40);
    let (report, out) = run(&small, &["--events"]).unwrap();
    assert_eq!(report.exit(), Exit::Done);
    let mut last = std::collections::BTreeMap::new();
    for line in out.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["train"], "12951", "{line}");
        let run = event["start_date"].as_str().unwrap().to_owned();
        let version = event["version"].as_u64().unwrap();
        assert_eq!(last.insert(run, version).unwrap_or(0) + 1, version, "{line}");
        if event["kind"] == "CONFIRMED" {
            assert_eq!(event["pnr"].as_str().unwrap().len(), 10, "{line}");
        }
        if event["kind"] == "HELD" {
            let seat = &event["allocations"][0];
            assert!(seat["coach"].is_string() && seat["berth_type"].is_string(), "{line}");
            assert_eq!(event["hold_id"].as_str().unwrap().len(), 32);
        }
    }
    let versions = small.world.runs.iter().map(|run| run.version().0);
    assert_eq!(last.into_values().collect::<Vec<_>>(), versions.collect::<Vec<_>>());
    fs::remove_file(small.root().join("KEY")).unwrap();
    let (report, out) = run(&small, &["--events"]).unwrap();
    assert!(out.contains("\"pnr\":null"));
    assert!(report.messages(true).iter().any(|line| line.contains("KEY")), "says why");
}

/// One event of every kind.
fn every_kind(run: RunId) -> Vec<Event> {
    let request =
        RequestMark { id: RequestId(0x0123_4567_89ab_4def_8123_4567_89ab_cdef), digest: 1 };
    let hold = HoldId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    let (at, legs) = (UnixMillis(1_796_099_400_000), LegRange::new(1, 3).unwrap());
    let expires_at = UnixMillis(at.0 + 300_000);
    let created = RunCreated {
        run,
        plan: plan_hash(TEXT),
        midnight: UnixMillis(1_796_063_400_000),
        opens: Vec::new(),
        extra: false,
    };
    let (both, first) = (PassengerSet::first(2), PassengerSet::first(1));
    let berths = vec![BerthIndex(0), BerthIndex(25)];
    let standing = Standing { list: ListIndex(0), number: 12 };
    vec![
        Event::RunCreated(Box::new(created)),
        Event::Held {
            hold,
            request,
            pool: PoolIndex(0),
            legs,
            party: party().into_iter().collect(),
            expires_at,
            reference: "order 4711".into(),
        },
        Event::PnrBlockLeased { block: 3 },
        Event::Confirmed {
            hold,
            request,
            pnr: Pnr(3 * 256),
            passengers: first,
            rest: Rest::Kept,
            payment: "TXN-1".into(),
        },
        Event::Extended { hold, request, expires_at },
        Event::HoldsExtended { until: expires_at, as_of: at, span: Millis(30_000) },
        Event::Released { hold, passengers: both },
        Event::Expired { hold },
        Event::Cancelled { pnr: Pnr(3 * 256), passengers: first },
        Event::SaleSet { pools: 0b11, open: false },
        Event::BerthsBlocked { berths: berths.clone(), legs },
        Event::BerthsUnblocked { berths, legs },
        Event::RunRetired,
        Event::Listed { hold, places: [(0, standing)].into_iter().collect() },
        Event::Promoted { hold, passenger: 0, berth: BerthIndex(7), standing: Some(standing) },
    ]
}

#[test]
fn golden_events() {
    let run = RunId { train: "12951".parse().unwrap(), start_date: "2026-12-01".parse().unwrap() };
    let plans = PlanBook::default();
    plans.take(&NodeRecord::PlanText { hash: plan_hash(TEXT), text: TEXT.into() });
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, Some(Names::new(&[0; 32], 0)), &plans, None);
    for (place, event) in every_kind(run).iter().enumerate() {
        let version = Version(place as u64 + 1);
        let at = UnixMillis(1_796_099_400_000 + place as u64);
        let (lsn, index, run) = (Lsn(7), RunIndex(0), Some(run));
        printer.print(&Seen { lsn, shard: 0, index, run, at, version, event });
    }
    printer.finish().unwrap();
    let out = String::from_utf8(out).unwrap();
    expect_file!["../../golden/replay-events.jsonl"].assert_eq(&out);
    for kind in super::KINDS {
        assert!(out.contains(&format!("\"kind\":\"{kind}\"")), "{kind}");
    }
}

#[test]
fn golden_summary() {
    let mut small = SmallDir::new(6);
    small.snapshot();
    small.stop();
    let (report, text) = run(&small, &["--verify"]).unwrap();
    let shown = |text: &str| text.replace(small.root().to_str().unwrap(), "/var/lib/berth");
    let pretty = serde_json::to_string_pretty(&report.view).unwrap() + "\n";
    expect_file!["../../golden/replay.json"].assert_eq(&shown(&pretty));
    expect_file!["../../golden/replay.txt"].assert_eq(&shown(&text));
}

#[test]
fn a_node_that_says_otherwise_is_told() {
    let small = SmallDir::new(6);
    let run = &small.world.runs[0];
    let claim = |digest: String| Claim {
        run: run.id(),
        version: run.version(),
        digest,
        source: Source::Live,
        met: false,
    };
    let mut claims = Claims::new(vec![claim(run.digest().to_string())]);
    claims.see(run);
    assert_eq!((claims.problems.as_slice(), claims.unmet().count()), (&[][..], 0));
    let mut claims = Claims::new(vec![claim("0".repeat(32)), claim(run.digest().to_string())]);
    claims.see(run);
    assert_eq!(claims.problems.len(), 1);
    assert!(claims.problems[0].contains("the live node says digest 000"), "{:?}", claims.problems);
}

/// A node on this directory, with both listeners.
async fn serve(dir: &std::path::Path) -> (Engine, Server) {
    let catalogue = crate::catalogue::load(None, &crate::rules::Under::load(None).unwrap());
    let catalogue = Arc::new(catalogue.unwrap());
    let zone = catalogue.zone().to_owned();
    let engine = Engine::start(StartOptions {
        data_dir: dir.to_owned(),
        catalogue,
        durability: Durability::Process,
        workers: 2,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "test".into(),
    })
    .await
    .unwrap();
    let port = || TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::new(engine.clone(), zone, port(), port()).unwrap();
    (engine, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_compares_the_live_node() {
    let temp = tempfile::tempdir().unwrap();
    let (engine, server) = serve(temp.path()).await;
    let url = format!("http://{}", server.admin_listen());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async move { drop(stopped.await) }));
    let admin = berth_client::Admin::connect(&url).await.unwrap();
    let tomorrow = engine.front().calendar.today(engine.now()).plus(1).to_string();
    for _ in 0..3 {
        let request = v1::CloseSaleRequest {
            request_id: berth_client::new_request_id(),
            train: "12951".into(),
            start_date: tomorrow.clone(),
            ..v1::CloseSaleRequest::default()
        };
        admin.close_sale(request).await.unwrap();
    }
    let root = temp.path().to_str().unwrap().to_owned();
    let line =
        ["berth", "replay", "--data-dir", &root, "--verify", "--json", "--admin-server", &url];
    let Some(Command::Replay(args)) = Cli::try_parse_from(line).unwrap().command else { panic!() };
    let replayed = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        replay(&args, &mut out).map(|report| (report.exit(), out))
    });
    let (exit, out) = replayed.await.unwrap().unwrap();
    let view: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(exit, Exit::Done, "{view}");
    let live = &view["verify"]["live"];
    assert_eq!((&live["found"], &live["compared"]), (&1.into(), &1.into()), "{view}");
    assert_eq!(view["runs"][0]["start_date"], tomorrow);
    let row = admin
        .get_train_run(v1::GetTrainRunRequest { train: "12951".into(), start_date: tomorrow })
        .await
        .unwrap();
    let Some(v1::get_train_run_response::Outcome::Run(run)) = row.outcome else { panic!() };
    assert_eq!(view["runs"][0]["digest"], run.digest, "one digest everywhere");
    engine.stop(std::time::Duration::from_secs(5)).await.unwrap();
    drop(stop);
    serving.await.unwrap().unwrap();
}
