//! What `inspect` tells of small directories.

use std::fs;

use berth_persistence::{DirLock, Lsn};
use expect_test::expect_file;
use serde_json::Value;

use super::{InspectView, inspect};
use crate::args::Command;
use crate::data_dir::DiskFault;
use crate::data_dir::small_dir::SmallDir;
use crate::said::Exit;

fn look(small: &SmallDir, flags: &[&str]) -> Result<InspectView, DiskFault> {
    let Command::Inspect(args) = small.command("inspect", flags) else { panic!("{flags:?}") };
    inspect(&args)
}

fn json(small: &SmallDir, flags: &[&str]) -> (Exit, Value) {
    let view = look(small, flags).unwrap();
    let mut out = Vec::new();
    view.write(true, &mut out).unwrap();
    (view.exit(), serde_json::from_slice(&out).unwrap())
}

#[test]
fn golden() {
    let mut small = SmallDir::new(12);
    small.snapshot();
    small.stop();
    let view = look(&small, &["--segments", "--frames", "1..2", "--snapshots"]).unwrap();
    let shown = |text: &str| text.replace(small.root().to_str().unwrap(), "/var/lib/berth");
    let pretty = serde_json::to_string_pretty(&view).unwrap() + "\n";
    expect_file!["../../golden/inspect.json"].assert_eq(&shown(&pretty));
    expect_file!["../../golden/inspect.txt"].assert_eq(&shown(&(view.text() + "\n")));
    assert_eq!(view.exit(), Exit::Done);
}

#[test]
fn segments_and_frames_account_for_every_byte() {
    let small = SmallDir::new(40);
    let (exit, view) = json(&small, &["--segments", "--frames", ".."]);
    assert_eq!(exit, Exit::Done);
    let segments = view["segments"].as_array().unwrap();
    assert!(segments.len() > 2, "{}", segments.len());
    let mut next = 1;
    for segment in segments {
        assert_eq!(segment["first_lsn"], next);
        next = segment["last_lsn"].as_u64().unwrap() + 1;
        assert_eq!(segment["used_bytes"], segment["file_bytes"], "nothing was zeroed ahead");
    }
    assert_eq!(next - 1, small.end().0);
    assert_eq!(segments.iter().filter(|segment| segment["sealed"] == false).count(), 1);
    let frames = view["frames"].as_array().unwrap();
    assert_eq!(frames.len() as u64, small.end().0);
    for frame in frames {
        let (_, offset, bytes) = small.frame(Lsn(frame["lsn"].as_u64().unwrap()));
        assert_eq!((&frame["offset"], &frame["bytes"]), (&offset.into(), &bytes.into()));
    }
    let events: u64 = frames.iter().map(|frame| frame["events"].as_u64().unwrap()).sum();
    assert_eq!(events, small.world.runs.iter().map(|run| run.version().0).sum::<u64>());
}

#[test]
fn snapshots_with_their_digests() {
    let mut small = SmallDir::new(5);
    small.snapshot();
    let older = small.world.runs[0].digest().to_string();
    small.go_on(5);
    small.snapshot();
    let (exit, view) = json(&small, &["--snapshots"]);
    assert_eq!(exit, Exit::Done);
    let kept = view["snapshots"].as_array().unwrap();
    assert_eq!((kept.len(), &view["snapshot_log"]["runs"]), (6, &3.into()));
    let first = small.world.runs[0].digest().to_string();
    assert_eq!((&kept[0]["digest"], &kept[0]["latest"]), (&first.into(), &true.into()));
    assert_eq!((&kept[1]["digest"], &kept[1]["latest"]), (&older.into(), &false.into()));
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_changed() {
    let small = SmallDir::new(40);
    small.snapshot();
    small.index();
    let (file, offset) = small.flip(Lsn(9));
    small.tear();
    let before = small.content();
    let (exit, view) = json(&small, &["--segments", "--frames", "1..", "--snapshots"]);
    assert!(small.content() == before, "the directory was changed");
    assert_eq!(exit, Exit::Damaged);
    let damage = view["damage"].to_string();
    assert!(
        damage.contains(&format!("{} is damaged at byte {offset}", file.display())),
        "{damage}"
    );
    assert_eq!(view["torn"].as_array().unwrap().len(), 1, "{}", view["torn"]);
    assert_eq!(view["event_store"]["state"], "PRESENT");
    assert_eq!(json(&small, &[]).0, Exit::Done, "the overview does not read all of it");
}

#[test]
fn who_has_it_and_whether_its_key_is_there() {
    let small = SmallDir::new(1);
    let (_, view) = json(&small, &[]);
    assert_eq!((&view["in_use"], &view["key"]), (&Value::Null, &"PRESENT".into()));
    assert_eq!((&view["segments"], &view["frames"]), (&Value::Null, &Value::Null));
    let _lock = DirLock::take(small.root(), small.world.now).unwrap();
    let pid = std::process::id().to_string();
    assert!(json(&small, &[]).1["in_use"].as_str().unwrap().contains(&pid));
    fs::write(small.root().join("KEY"), "short").unwrap();
    assert_eq!(json(&small, &[]).1["key"], "DAMAGED");
    fs::remove_file(small.root().join("KEY")).unwrap();
    assert_eq!(json(&small, &[]).1["key"], "MISSING");
    fs::remove_dir_all(small.root()).unwrap();
    assert_eq!(look(&small, &[]).unwrap_err().exit(), Exit::Fault);
}
