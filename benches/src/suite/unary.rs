//! Unary calls, against the echo in the same shape.

use crate::fault::Bench;
use crate::load::{Calls, Spread, Stage};
use crate::report::Section;
use crate::setup::Setup;
use crate::shape::Shape;
use crate::suite::session::{compare, table};

/// Measures.
///
/// # Errors
/// A server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let stage = Stage::new(Spread::Zipf(0.8));
    let shape = setup.shape.unwrap_or(Shape::new(1, 1, 64));
    let compared = compare(setup, Calls::Unary, shape, &stage)?;
    let mut section = Section { suite: "unary", title: "Unary".into(), ..Section::default() };
    section.tables.push(table(&compared, &format!("unary {shape}, 1,000 runs, Zipf 0.8")));
    Ok(section)
}
