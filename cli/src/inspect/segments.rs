//! The segments of a log: which frames are in which file.

use berth_persistence::{Found, Lsn, file_name, walk_log};
use serde::Serialize;

use super::Wrong;
use crate::data_dir::{DiskFault, ReadDir, bar};

/// One segment file.
#[derive(Debug, Serialize)]
pub struct SegmentView {
    file: String,
    first_lsn: u64,
    last_lsn: Option<u64>,
    frames: u64,
    used_bytes: u64,
    file_bytes: u64,
    sealed: bool,
}

impl SegmentView {
    pub fn text(&self) -> String {
        let last = self.last_lsn.map_or_else(|| "none".to_owned(), |last| last.to_string());
        format!(
            "segment      log/{}  frames {} to {last} ({})  {} of {} bytes  {}",
            self.file,
            self.first_lsn,
            self.frames,
            self.used_bytes,
            self.file_bytes,
            if self.sealed { "sealed" } else { "open" }
        )
    }
}

/// Walks the whole log.
pub fn list(from: &ReadDir, until: Lsn, wrong: &mut Wrong) -> Result<Vec<SegmentView>, DiskFault> {
    let files = from.segments()?;
    let mut views: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(at, (first, bytes))| SegmentView {
            file: file_name(*first),
            first_lsn: *first,
            last_lsn: None,
            frames: 0,
            used_bytes: 0,
            file_bytes: *bytes,
            // A node begins a segment only when it has sealed the one before.
            sealed: at + 1 < files.len(),
        })
        .collect();
    let place =
        |views: &mut Vec<SegmentView>, id: u64| views.iter().position(|view| view.first_lsn == id);
    let walking = bar("reading");
    walk_log(&from.dir.log(), Lsn(1), until, &mut |found, progress| {
        walking.set_length(progress.total);
        walking.set_position(progress.done);
        match found {
            Found::Frame(frame) => {
                if let Some(at) = place(&mut views, frame.at.segment) {
                    let view = &mut views[at];
                    view.last_lsn = Some(frame.at.lsn.0);
                    view.frames += 1;
                    view.used_bytes = frame.at.offset + frame.bytes;
                }
            }
            Found::Footer(first, _) => {
                if let Some(at) = place(&mut views, first.0) {
                    views[at].sealed = true;
                    views[at].used_bytes = views[at].file_bytes;
                }
            }
            Found::Damage(damage) => wrong.damage.push(damage.to_string()),
            Found::Torn(cut) => wrong.torn.push(cut.to_string()),
        }
        true
    })?;
    walking.finish_and_clear();
    Ok(views)
}
