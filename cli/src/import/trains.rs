//! A list of trains with rakes, one JSON object a line:
//!
//! ```json
//! {"no":"12951","name":"MUMBAI RAJDHANI","days":"1111111","coaches":["H1:1A","GEN:GEN"],
//!  "stops":[["MMCT",0,null,1020],["NDLS",1386,1952,null]]}
//! ```
//! Coaches are `id:code` in the order of the rake; stops are `[code, km, arrival, departure]` in
//! minutes from 00:00 of day 1; other fields mean nothing here.

use std::path::Path;

use berth_inventory::{CoachEntry, Entry, StopEntry};
use berth_persistence::days_from_text;
use serde::Deserialize;

use super::{Harvest, ImportError, Why, progress};

#[derive(Deserialize)]
struct Train {
    no: String,
    name: String,
    days: String,
    coaches: Vec<String>,
    stops: Vec<(String, u32, Option<u32>, Option<u32>)>,
}

/// Reads the whole list.
pub(super) fn read(path: &Path) -> Result<Harvest, ImportError> {
    let unreadable = |error: String| ImportError::Unreadable { path: path.into(), error };
    let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|error| unreadable(error.to_string()))?;
    let mut harvest = Harvest::default();
    let bar = progress("trains", text.lines().count());
    for (line, text) in (1..).zip(text.lines()) {
        bar.inc(1);
        if text.trim().is_empty() {
            continue;
        }
        match entry(text) {
            Ok(entry) => harvest.take(entry, Some(line)),
            Err((train, detail)) => {
                harvest.leave_out(&train, Some(line), Why::Unreadable, detail);
            }
        }
    }
    bar.finish_and_clear();
    Ok(harvest)
}

fn entry(line: &str) -> Result<Entry, (String, String)> {
    let train: Train =
        serde_json::from_str(line).map_err(|error| ("unnamed".to_owned(), in_line(&error)))?;
    let fault = |detail: String| (train.no.clone(), detail);
    let days = days_from_text(&train.days).map_err(|error| fault(error.to_string()))?;
    let coaches = train.coaches.iter().map(|coach| {
        let (id, code) = coach
            .rsplit_once(':')
            .ok_or_else(|| fault(format!("coach {coach:?} is not id:code, such as B1:3A")))?;
        Ok(CoachEntry { id: id.into(), layout: code.into(), stops: None })
    });
    let coaches = coaches.collect::<Result<_, (String, String)>>()?;
    let stops = train.stops.into_iter().map(|(code, km, arrival, departure)| StopEntry {
        code,
        km,
        arrival,
        departure,
    });
    Ok(Entry {
        number: train.no,
        name: train.name,
        days,
        stops: stops.collect(),
        coaches,
        pools: Vec::new(),
        rules: None,
    })
}

/// A JSON error without its line, which is always 1: the line of the list is named beside it.
fn in_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
