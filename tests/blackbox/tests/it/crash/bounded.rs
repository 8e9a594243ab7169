//! kill -9 of a server whose log is bounded: segments go while it is written to, and nothing that
//! was answered goes with them.

use std::collections::BTreeMap;

use berth_client::Admin;
use berth_client::v1::read_request::Range;
use berth_client::v1::{GetTrainRunRequest, JournalEvent, LsnRange, RunRange};
use serde_json::Value;
use tonic::Code;

use super::{counts_are_those_of, kills};
use crate::asking::{Answered as _, try_journal};
use crate::diary::Diary;
use crate::ledger::{Ledger, RunName};
use crate::patience::until;
use crate::server::{BOUNDED, Home, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_goes_with_the_segments_that_go_under_64_writers() {
    let home = Home::new();
    let mut diaries = Vec::new();
    let mut kept = 0;
    let rounds = kills().div_ceil(4);
    for round in 0..rounds {
        let server = home.serve_with(BOUNDED);
        let before = home.first_kept();
        let diary = Diary::default();
        let mut writers = diary.write(&server, 64).await;
        // Somewhere behind the moment at which segments went, each time elsewhere.
        let enough = 40 + round * 613 % 2_000;
        until("segments go under the writers", async || {
            (diary.told() >= enough && home.first_kept() > before).then_some(())
        })
        .await;
        server.kill();
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer ends with its connection");
        }
        // What the kill left behind is sound, before any server has mended it.
        replayed(&home);
        let server = home.serve_with(BOUNDED);
        diary.is_kept_by(&server).await;
        if round + 1 < rounds {
            diary.is_given_back(&server).await;
        }
        diaries.push(diary);
        assert!(home.first_kept() > kept, "segments went in every round");
        kept = home.first_kept();
        server.kill();
    }
    let replayed = replayed(&home);
    let server = home.serve_with(BOUNDED);
    let admin = server.admin().await;
    // Holds that live longest need no grace, so the server is what was replayed, run by run.
    let served = runs_of(&server, replayed.keys()).await;
    assert_eq!(served, replayed);
    let mut events = Vec::new();
    for run in replayed.keys() {
        events.extend(whole_history(&admin, run).await);
    }
    // A ledger reads in the order of frames; within one a run's events stay in theirs.
    events.sort_by_key(|event| event.lsn);
    assert!(events[0].lsn < home.first_kept(), "the beginning is in the event store only");
    let ledger = Ledger::read(&events);
    Diary::of(diaries).is_in(&ledger);
    counts_are_those_of(&server, &ledger).await;
    let range = Range::Lsns(LsnRange { first_lsn: 1, last_lsn: 0 });
    let (code, why) = try_journal(&admin, range).await.unwrap_err();
    assert_eq!(code, Code::OutOfRange, "{why}");
    let named = (kept..=home.first_kept()).any(|lsn| why.contains(&lsn.to_string()));
    assert!(named, "{kept} to {}: {why}", home.first_kept());
}

/// Version and digest of each run.
type Versions = BTreeMap<RunName, (u64, String)>;

/// What `berth replay --verify` makes of a directory that nobody has, and that it says where it
/// began.
fn replayed(home: &Home) -> Versions {
    let data = home.data();
    let data = data.to_str().expect("a path that is text");
    let output = home.berth(&["replay", "--data-dir", data, "--verify", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let view: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let kept = home.first_kept();
    assert_eq!(view["from"], "SNAPSHOTS");
    assert!(said.contains(&format!("the log begins with frame {kept}: ")), "{said}");
    assert!(view["first_lsn"].as_u64().is_none_or(|first| first >= kept), "{view}");
    let empty = Value::Array(Vec::new());
    assert_eq!((&view["refused"], &view["damage"]), (&empty, &empty));
    assert_eq!(view["verify"]["problems"], empty);
    let text = |run: &Value, key: &str| run[key].as_str().expect("text").to_owned();
    let runs = view["runs"].as_array().expect("runs").iter().map(|run| {
        let version = run["version"].as_u64().expect("a version");
        ((text(run, "train"), text(run, "start_date")), (version, text(run, "digest")))
    });
    runs.collect()
}

/// The same of the live server.
async fn runs_of(server: &Server, runs: impl Iterator<Item = &RunName>) -> Versions {
    let admin = server.admin().await;
    let mut found = Versions::new();
    for (train, start_date) in runs {
        let ask = GetTrainRunRequest { train: train.clone(), start_date: start_date.clone() };
        let answer = admin.get_train_run(ask).await.expect("an answer");
        let version = answer.run_version;
        found.insert((train.clone(), start_date.clone()), (version, answer.done().digest));
    }
    found
}

/// Every event of a run, from its creation on, though the log does not begin there.
async fn whole_history(admin: &Admin, (train, start_date): &RunName) -> Vec<JournalEvent> {
    let range = || {
        let (train, start_date) = (train.clone(), start_date.clone());
        Range::Run(RunRange { train, start_date, ..RunRange::default() })
    };
    // The event store opens while the server serves already.
    until("the history can be told", async || match try_journal(admin, range()).await {
        Ok(events) => Some(events),
        Err((Code::Unavailable, _)) => None,
        Err((code, why)) => panic!("{code:?}: {why}"),
    })
    .await
}
