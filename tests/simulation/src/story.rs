//! The last steps of a seed in words, for people who look at a failure.

use std::collections::VecDeque;

/// Lines kept.
const LINES: usize = 60;

/// See the module.
#[derive(Debug, Default)]
pub struct Story {
    lines: VecDeque<String>,
    /// Words cost time: only a seed that is told again keeps them.
    told: bool,
}

impl Story {
    /// One that is told, or one that is not.
    pub fn new(told: bool) -> Self {
        Self { lines: VecDeque::new(), told }
    }

    /// One more line.
    pub fn add(&mut self, line: impl FnOnce() -> String) {
        if self.told {
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line());
        }
    }

    /// What is kept.
    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
