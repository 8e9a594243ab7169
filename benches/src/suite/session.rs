//! Sessions: many commands a message, against the echo in the same shape.

use crate::fault::Bench;
use crate::load::{Calls, Load, Pressure, Spread, Stage, Style};
use crate::report::{Section, Table};
use crate::server::Flavour;
use crate::setup::Setup;
use crate::shape::Shape;
use crate::versus::{Bed, Echoes, Side, Versus, versus};

/// Measures.
///
/// # Errors
/// A server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let stage = Stage::new(Spread::Zipf(0.8));
    let shape = setup.shape.unwrap_or(Shape::new(8, 256, 8));
    let compared = compare(setup, Calls::Session, shape, &stage)?;
    let mut section = Section { suite: "session", title: "Sessions".into(), ..Section::default() };
    section.tables.push(table(&compared, &format!("session {shape}, 1,000 runs, Zipf 0.8")));
    Ok(section)
}

/// One shape, closed loop, against both echoes.
pub fn compare(setup: &Setup, calls: Calls, shape: Shape, stage: &Stage) -> Bench<Versus> {
    let load = Load {
        calls,
        shape,
        stage,
        style: Style::Cycle { paid: setup.paid },
        pressure: Pressure::Closed,
        seconds: setup.seconds,
    };
    let bed = Bed::new(setup, &[])?;
    let echoes = Echoes::new(setup, &Flavour::ALL)?;
    // The first round makes runs of trains that nobody asked for before.
    load.run(&bed.server)?;
    let compared = versus(setup, &bed.server, &load, &echoes, &load)?;
    bed.stop(setup)?;
    Ok(compared)
}

/// All sides of a comparison and the ratio.
pub fn table(compared: &Versus, caption: &str) -> Table {
    let ratio = &compared.ratio;
    let caption = format!(
        "{caption}: {:.3} of the better echo (90 %: {:.3} .. {:.3})",
        ratio.value, ratio.low, ratio.high
    );
    let mut table = Table::new(caption, &Side::HEAD);
    table.row(compared.ours.cells());
    compared.echoes.iter().for_each(|side| table.row(side.cells()));
    table
}
