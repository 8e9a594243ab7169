//! Unary calls, one a command, against the echo in the same shape.

mod rows;

use crate::fault::Bench;
use crate::load::{Calls, Spread, Stage};
use crate::open_loop::{climb, plots, table as ladder_table};
use crate::report::Section;
use crate::server::Flavour;
use crate::setup::Setup;
use crate::shape::Shape;
use crate::suite::session::{cycles, notes, spread_word, table};
use crate::versus::{Bed, Echoes, versus};

pub use rows::goals;

/// 1, 64 and 1,024 in flight over 1 to 8 connections.
const SHAPES: [Shape; 5] = [
    Shape::new(1, 1, 1),
    Shape::new(1, 1, 64),
    Shape::new(4, 1, 16),
    Shape::new(4, 1, 256),
    Shape::new(8, 1, 128),
];
/// Shapes whose latency is told.
const LADDERS: [Shape; 2] = [Shape::new(1, 1, 64), Shape::new(8, 1, 128)];

/// Measures; with one shape only that.
///
/// # Errors
/// A server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let stage = Stage::new(Spread::Zipf(setup.zipf));
    let mut section = Section {
        suite: "unary",
        title: "Unary calls".into(),
        notes: notes(setup),
        ..Section::default()
    };
    let bed = Bed::new(setup, &[])?;
    let echoes = Echoes::new(setup, &Flavour::ALL)?;
    // The first round makes runs of trains that nobody asked for before.
    cycles(setup, Calls::Session, Shape::new(4, 16, 8), &stage).run(&bed.server)?;
    for shape in setup.shapes(&SHAPES) {
        let load = cycles(setup, Calls::Unary, shape, &stage);
        let compared = versus(setup, &bed.server, &load, &echoes, &load)?;
        let caption = format!("unary {shape}, 1,000 runs, {}", spread_word(setup.zipf));
        section.tables.push(table(&compared, &caption));
    }
    let ladders: Vec<_> = setup
        .ladders(&LADDERS)
        .map(|shape| {
            let load = cycles(setup, Calls::Unary, shape, &stage);
            climb(&bed.server, &load, &format!("unary {shape}"))
        })
        .collect::<Bench<_>>()?;
    if !ladders.is_empty() {
        section.tables.push(ladder_table(&ladders));
        section.plots = plots("unary", &ladders);
    }
    bed.stop(setup)?;
    Ok(section)
}
