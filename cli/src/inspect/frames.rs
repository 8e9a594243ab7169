//! Frames of a log: what each carries, without the events themselves (`berth replay --events`).

use std::fmt::Write as _;
use std::str::FromStr;

use berth_persistence::{Found, Frame, Lsn, NodeRecord, RawFrame, ScanError, file_name, walk_log};
use serde::Serialize;

use super::Wrong;
use crate::data_dir::{DiskFault, ReadDir};

/// Frames from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRange {
    pub first: Lsn,
    pub last: Lsn,
}

impl FromStr for FrameRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a range of frames: expected 5..9, 5.., ..9 or 5");
        let number = |text: &str, empty: u64| match text {
            "" => Ok(empty),
            _ => text.parse::<u64>().map_err(|_| wrong()),
        };
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first, 1)?, number(last, u64::MAX)?),
            None if text.is_empty() => return Err(wrong()),
            None => (number(text, 1)?, number(text, 1)?),
        };
        if first == 0 || first > last {
            return Err(wrong());
        }
        Ok(Self { first: Lsn(first), last: Lsn(last) })
    }
}

/// One frame.
#[derive(Debug, Serialize)]
pub struct FrameView {
    lsn: u64,
    file: String,
    offset: u64,
    bytes: u64,
    events: u64,
    records: Vec<RecordView>,
    sections: Vec<SectionView>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
enum RecordView {
    Started { at: String, grace_until: Option<String>, software: String },
    CleanStop { at: String },
    PlanText { plan_hash: String, bytes: u64 },
    RulesText { rules_hash: String, bytes: u64, text: String },
}

#[derive(Debug, Serialize)]
struct SectionView {
    shard: u16,
    spans: Vec<SpanView>,
}

#[derive(Debug, Serialize)]
struct SpanView {
    run_number: u32,
    at: String,
    first_version: u64,
    events: u64,
}

impl FrameView {
    fn of(bytes: u64, frame: &Frame) -> Self {
        let record = |record: &NodeRecord| match record {
            NodeRecord::Started { grace_until, at, software } => RecordView::Started {
                at: at.to_string(),
                grace_until: grace_until.map(|until| until.to_string()),
                software: software.clone(),
            },
            NodeRecord::CleanStop { at } => RecordView::CleanStop { at: at.to_string() },
            // A plan is an object of JSON, a rule book is TOML.
            NodeRecord::PlanText { hash, text } if !text.starts_with('{') => {
                RecordView::RulesText {
                    rules_hash: hash.to_string(),
                    bytes: text.len() as u64,
                    text: text.as_ref().into(),
                }
            }
            NodeRecord::PlanText { hash, text } => {
                RecordView::PlanText { plan_hash: hash.to_string(), bytes: text.len() as u64 }
            }
        };
        let span = |span: &berth_persistence::Span| SpanView {
            run_number: span.run.0,
            at: span.at.to_string(),
            first_version: span.first.0,
            events: span.events.len() as u64,
        };
        let section = |section: &berth_persistence::FrameSection| SectionView {
            shard: section.shard,
            spans: section.spans.iter().map(span).collect(),
        };
        Self {
            lsn: frame.lsn.0,
            file: file_name(frame.at_position.segment),
            offset: frame.at_position.offset,
            bytes,
            events: frame.events().count() as u64,
            records: frame.records.iter().map(record).collect(),
            sections: frame.sections.iter().map(section).collect(),
        }
    }

    pub fn text(&self) -> String {
        let mut line = format!(
            "frame        {:<8} log/{} at {:<10} {:>8} bytes  {} sections, {} spans, {} events",
            self.lsn,
            self.file,
            self.offset,
            self.bytes,
            self.sections.len(),
            self.sections.iter().map(|section| section.spans.len()).sum::<usize>(),
            self.events,
        );
        for record in &self.records {
            // Writing into a string cannot fail.
            let _ = match record {
                RecordView::Started { at, software, .. } => {
                    write!(line, "; {software} started at {at}")
                }
                RecordView::CleanStop { at } => write!(line, "; stopped in order at {at}"),
                RecordView::PlanText { plan_hash, .. } => {
                    write!(line, "; text of plan {plan_hash}")
                }
                RecordView::RulesText { rules_hash, .. } => {
                    write!(line, "; text of rules {rules_hash}")
                }
            };
        }
        line
    }
}

/// The frames of a range that the log has.
pub fn list(
    from: &ReadDir,
    range: &FrameRange,
    until: Lsn,
    wrong: &mut Wrong,
) -> Result<Vec<FrameView>, DiskFault> {
    let log = from.dir.log();
    let mut views = Vec::new();
    let mut failed = None;
    let mut take = |raw: RawFrame<'_>| match raw.decode() {
        Ok(frame) => views.push(FrameView::of(raw.bytes, &frame)),
        Err(fault) => {
            let (file, offset) = (log.join(file_name(raw.at.segment)), raw.at.offset);
            let (file, lsn) = (file.to_path_buf(), raw.at.lsn);
            failed = Some(ScanError::Content { file, offset, lsn, fault });
        }
    };
    walk_log(&log, range.first, until.min(range.last), &mut |found, _| {
        match found {
            Found::Frame(raw) if raw.at.lsn < range.first => {}
            Found::Frame(raw) => take(raw),
            Found::Footer(..) => {}
            Found::Damage(damage) => wrong.damage.push(damage.to_string()),
            Found::Torn(cut) => wrong.torn.push(cut.to_string()),
        }
        true
    })?;
    failed.map_or(Ok(views), |fault| Err(fault.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_people_write_them() {
        let range = |first, last| Ok(FrameRange { first: Lsn(first), last: Lsn(last) });
        let table = [
            ("5..9", range(5, 9)),
            ("5..", range(5, u64::MAX)),
            ("..9", range(1, 9)),
            ("7", range(7, 7)),
            ("..", range(1, u64::MAX)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<FrameRange>(), expected, "{text}");
        }
        for wrong in ["", "0", "9..5", "x", "1..x", "-1", "1-5"] {
            assert!(wrong.parse::<FrameRange>().is_err(), "{wrong:?}");
        }
    }
}
