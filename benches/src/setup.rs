//! What every suite is told: how long, how often, where, and against which server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::echo::Reading;
use crate::fault::{Bench, BenchError};
use crate::paired::PAIRS;
use crate::place::Place;
use crate::shape::Shape;

/// See the module.
#[derive(Debug)]
pub struct Setup {
    /// Where all data goes.
    pub place: Place,
    /// Pairs of a comparison.
    pub pairs: usize,
    /// Length of one side of a pair.
    pub seconds: Duration,
    /// Short rounds and few shapes: to see that it works, not for figures.
    pub quick: bool,
    /// The binary under test.
    pub server_bin: PathBuf,
    /// Flags for the server beside the defaults.
    pub server_flags: Vec<String>,
    /// How much the echo decodes.
    pub echo: Reading,
    /// Only this shape.
    pub shape: Option<Shape>,
    /// The latency of that shape under an open loop, in place of the echo.
    pub open: bool,
    /// How the load is spread over 1,000 runs: the exponent of Zipf's law; 0 is uniform.
    pub zipf: f64,
    /// Holds of a hundred that are paid for, then cancelled; the others are released.
    pub paid: u8,
}

impl Setup {
    /// With defaults for what is not said.
    ///
    /// # Errors
    /// No directory for the data.
    pub fn new(dir: Option<&Path>, server_bin: Option<PathBuf>, quick: bool) -> Bench<Self> {
        let server_bin = match server_bin {
            Some(bin) => bin,
            None => std::env::current_exe()
                .map_err(BenchError::io("find this program"))?
                .with_file_name("berth"),
        };
        Ok(Self {
            place: Place::new(dir)?,
            pairs: if quick { 1 } else { PAIRS },
            seconds: Duration::from_millis(if quick { 300 } else { 1_000 }),
            quick,
            server_bin,
            server_flags: Vec::new(),
            echo: Reading::Prost,
            shape: None,
            open: false,
            zipf: 0.0,
            paid: 20,
        })
    }

    /// The shapes that are compared with the echo, of `all`.
    pub fn shapes(&self, all: &[Shape]) -> Vec<Shape> {
        if self.open { Vec::new() } else { self.shape.map_or(all.to_vec(), |shape| vec![shape]) }
    }

    /// The shapes whose latency is told, of `all`.
    pub fn ladders(&self, all: &[Shape]) -> impl Iterator<Item = Shape> {
        let own = self.shape.filter(|_| self.open);
        let all = if self.shape.is_none() { all.to_vec() } else { Vec::new() };
        own.into_iter().chain(all)
    }
}
