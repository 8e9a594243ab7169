//! A history as a file: one JSON object a line, `{"run":..}`, `{"event":..}` or `{"try":..}`.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::record::{Happened, History, RunPlan, Try};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Run(RunPlan),
    Event(Happened),
    Try(Try),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LineOf<'a> {
    Run(&'a RunPlan),
    Event(&'a Happened),
    Try(&'a Try),
}

/// Why a file is no history.
#[derive(Debug)]
pub enum FileFault {
    /// It cannot be read.
    Io(io::Error),
    /// A line is not one of a history.
    Line { number: usize, why: String },
}

impl std::fmt::Display for FileFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(why) => write!(f, "the history cannot be read: {why}"),
            Self::Line { number, why } => {
                write!(f, "line {number} is no line of a history ({why}): record it anew")
            }
        }
    }
}

impl std::error::Error for FileFault {}

/// Writes all of it.
pub fn write(history: &History, to: &mut impl Write) -> io::Result<()> {
    let mut line = |line: LineOf<'_>| {
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")
    };
    history.runs.iter().try_for_each(|run| line(LineOf::Run(run)))?;
    history.events.iter().try_for_each(|event| line(LineOf::Event(event)))?;
    history.tries.iter().try_for_each(|one| line(LineOf::Try(one)))
}

/// Reads all of it.
pub fn read(from: impl BufRead) -> Result<History, FileFault> {
    let mut history = History::default();
    for (place, line) in from.lines().enumerate() {
        let line = line.map_err(FileFault::Io)?;
        let fault = |why: String| FileFault::Line { number: place + 1, why };
        let runs = history.runs.len();
        let known = |run: u32| {
            let is_known = (run as usize) < runs;
            is_known.then_some(()).ok_or_else(|| fault(format!("there is no run {run}")))
        };
        match serde_json::from_str(&line).map_err(|why| fault(why.to_string()))? {
            Line::Run(run) => history.runs.push(run),
            Line::Event(event) => {
                known(event.run)?;
                history.events.push(event);
            }
            Line::Try(one) => {
                known(one.run)?;
                history.tries.push(one);
            }
        }
    }
    Ok(history)
}
