//! Bouts: Berth and every peer, turn by turn, each in the shape it is given.
//!
//! A bout goes round by round: Berth, then each peer, so that each ratio is taken within seconds.

use std::time::Duration;

use super::work::Round;
use crate::paired::{Estimate, median};
use crate::shape::Shape;

/// Rounds of each shape that is tried.
const TRIALS: usize = 3;
/// Longest round of a trial.
const TRIAL: Duration = Duration::from_millis(500);

/// A store that does the work.
pub trait Peer {
    /// A round on fresh stock, checked against what the store itself says it sold. An error voids
    /// all of its rounds.
    fn round(&mut self, shape: Shape, time: Duration) -> Result<Round, String>;
}

/// One that takes part.
pub struct Entrant {
    pub name: &'static str,
    pub peer: Box<dyn Peer>,
    /// Requests a second of the shapes tried, the best first.
    pub tried: Vec<(Shape, f64)>,
}

impl Entrant {
    /// Tries shapes turn by turn; one that fails is not a shape for it.
    pub fn try_shapes(&mut self, shapes: &[Shape], time: Duration) {
        let mut rates = vec![Vec::new(); shapes.len()];
        for _ in 0..TRIALS {
            for (shape, rates) in shapes.iter().zip(&mut rates) {
                match self.peer.round(*shape, time.min(TRIAL)) {
                    Ok(round) => rates.push(round.rate()),
                    Err(why) => eprintln!("{} {shape}: {why}", self.name),
                }
            }
        }
        let tried = shapes.iter().copied().zip(&rates).filter(|(_, rates)| rates.len() == TRIALS);
        self.tried = tried.map(|(shape, rates)| (shape, median(rates))).collect();
        self.tried.sort_by(|a, b| b.1.total_cmp(&a.1));
    }

    /// The best shape of those tried that `fits`, else `otherwise`.
    pub fn best(&self, fits: impl Fn(&Shape) -> bool, otherwise: Shape) -> Shape {
        self.tried.iter().map(|(shape, _)| *shape).find(fits).unwrap_or(otherwise)
    }
}

/// Rounds of one side of a bout.
pub struct Side {
    pub name: &'static str,
    pub shape: Shape,
    /// Why its rounds are void.
    pub rounds: Result<Vec<Round>, String>,
}

impl Side {
    /// Median of its rates.
    pub fn rate(&self) -> Option<f64> {
        Some(median(&self.rounds.as_ref().ok()?.iter().map(Round::rate).collect::<Vec<_>>()))
    }

    /// Median of its server's CPU time a command.
    pub fn cpu_us(&self) -> Option<f64> {
        Some(median(&self.rounds.as_ref().ok()?.iter().map(Round::cpu_us).collect::<Vec<_>>()))
    }
}

/// All sides; the first is Berth.
pub struct Bout {
    pub title: &'static str,
    pub berth: Side,
    pub peers: Vec<Side>,
}

impl Bout {
    /// How many times as fast Berth is as this peer, pair by pair.
    pub fn ratio(&self, peer: &Side) -> Result<Estimate, String> {
        let berth = self.berth.rounds.as_ref().map_err(|why| format!("Berth: {why}"))?;
        let peer = peer.rounds.as_ref().map_err(|why| format!("{}: {why}", peer.name))?;
        let pairs: Vec<_> = berth.iter().zip(peer).map(|(a, b)| (a.rate(), b.rate())).collect();
        Ok(Estimate::of_pairs(&pairs))
    }
}

/// Measures a bout: `pairs` times Berth, then each peer in its shape.
pub fn bout(
    title: &'static str,
    (pairs, time): (usize, Duration),
    (berth_shape, mut berth): (Shape, impl FnMut(Duration) -> Result<Round, String>),
    peers: &mut [Entrant],
    shape_of: impl Fn(&Entrant) -> Shape,
) -> Bout {
    let side = |name, shape| Side { name, shape, rounds: Ok(Vec::with_capacity(pairs)) };
    let mut bout = Bout {
        title,
        berth: side("Berth", berth_shape),
        peers: peers.iter().map(|peer| side(peer.name, shape_of(peer))).collect(),
    };
    // What is paid once (connections, plans, pages of memory) is no part of the first pair.
    drop(berth(time / 4));
    for _ in 0..pairs {
        bout.berth.take(|| berth(time));
        for (side, entrant) in bout.peers.iter_mut().zip(&mut *peers) {
            let shape = side.shape;
            side.take(|| entrant.peer.round(shape, time));
        }
    }
    bout
}

impl Side {
    /// One round more, unless one was void.
    fn take(&mut self, round: impl FnOnce() -> Result<Round, String>) {
        let Ok(rounds) = &mut self.rounds else { return };
        match round() {
            Ok(round) => rounds.push(round),
            Err(why) => self.rounds = Err(format!("void: {why}")),
        }
    }
}
