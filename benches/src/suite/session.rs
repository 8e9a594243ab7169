//! Sessions: many commands a message, against the echo in the same shape.

mod rows;

use crate::fault::Bench;
use crate::goal::number;
use crate::load::{Calls, HOT_REAL, Load, Pressure, Spread, Stage, Style};
use crate::open_loop::{climb, plots, table as ladder_table};
use crate::report::{Section, Table};
use crate::server::{Flavour, Server};
use crate::setup::Setup;
use crate::shape::Shape;
use crate::versus::{Bed, Echoes, Side, Versus, versus};

pub use rows::{goals, latency, sold_out};

/// Shapes of the report: batches of 1, 16 and 256; 1, 64, 1,024 and more in flight.
const SHAPES: [Shape; 8] = [
    Shape::new(1, 1, 1),
    Shape::new(1, 1, 64),
    Shape::new(8, 1, 128),
    Shape::new(1, 16, 4),
    Shape::new(4, 16, 8),
    Shape::new(8, 16, 8),
    Shape::new(1, 256, 4),
    Shape::new(8, 256, 8),
];
/// Shapes whose latency is told.
const LADDERS: [Shape; 2] = [Shape::new(8, 256, 8), Shape::new(4, 16, 8)];
/// Requests for each berth of a train whose sale opens.
const TATKAL_WISHES: u64 = 50;
/// Berths of the general quota of a train of real shape, about.
const TATKAL_BERTHS: u64 = 1_000;

/// Measures; with one shape only that.
///
/// # Errors
/// A server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let mut section = Section {
        suite: "session",
        title: "Sessions".into(),
        notes: notes(setup),
        ..Section::default()
    };
    let bed = Bed::new(setup, &[])?;
    let echoes = Echoes::new(setup, &Flavour::ALL)?;
    let spread = Stage::new(Spread::Zipf(setup.zipf));
    // The first round makes runs of trains that nobody asked for before.
    cycles(setup, Calls::Session, Shape::new(4, 16, 8), &spread).run(&bed.server)?;
    for shape in setup.shapes(&SHAPES) {
        let load = cycles(setup, Calls::Session, shape, &spread);
        let compared = versus(setup, &bed.server, &load, &echoes, &load)?;
        let caption = format!("session {shape}, 1,000 runs, {}", spread_word(setup.zipf));
        section.tables.push(table(&compared, &caption));
    }
    if setup.shape.is_none() {
        let zipf = Stage::new(Spread::Zipf(0.8));
        for shape in LADDERS {
            let load = cycles(setup, Calls::Session, shape, &zipf);
            let compared = versus(setup, &bed.server, &load, &echoes, &load)?;
            let caption = format!("session {shape}, 1,000 runs, {}", spread_word(0.8));
            section.tables.push(table(&compared, &caption));
        }
        section.tables.push(tatkal(setup, &bed.server)?);
    }
    let ladders: Vec<_> = setup
        .ladders(&LADDERS)
        .map(|shape| {
            let load = cycles(setup, Calls::Session, shape, &spread);
            climb(&bed.server, &load, &format!("session {shape}"))
        })
        .collect::<Bench<_>>()?;
    if !ladders.is_empty() {
        section.tables.push(ladder_table(&ladders));
        section.plots = plots("session", &ladders);
    }
    bed.stop(setup)?;
    Ok(section)
}

/// What must be known about the load.
pub fn notes(setup: &Setup) -> Vec<String> {
    let released = 100 - setup.paid;
    let notes = [
        "Shapes are connections x commands a message x messages in flight. 1,000 trains of real \
         shape (24 legs, 1,212 berths in four classes, default pools), one run each; journeys of 1 \
         to 9 legs, one adult, request ids of their own, durability `power`, all flags default; \
         client and server share the machine."
            .to_owned(),
        format!(
            "A customer reserves; of a hundred holds {} are paid for and then cancelled, {released} \
             are released: so a round can go on for ever and trains stay nearly empty. A round in \
             which less than 99 % is granted is void. Each table names the server, then the echoes, \
             the better first; CPU is user and system time a command.",
            setup.paid
        ),
    ];
    notes.to_vec()
}

/// A closed loop of customers that pay or give back.
pub fn cycles<'a>(setup: &Setup, calls: Calls, shape: Shape, stage: &'a Stage) -> Load<'a> {
    Load {
        calls,
        shape,
        stage,
        style: Style::Cycle { paid: setup.paid },
        pressure: Pressure::Closed,
        seconds: setup.seconds,
        limit: None,
    }
}

/// A spread in words.
pub fn spread_word(zipf: f64) -> String {
    if zipf == 0.0 { "uniform".into() } else { format!("Zipf {zipf}") }
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

/// Sale of one train opens: 50 requests a berth, everybody at once.
fn tatkal(setup: &Setup, server: &Server) -> Bench<Table> {
    let head = ["shape", "answers", "answers/s", "server us", "p50 ms", "p99 ms", "max ms"];
    let caption = "Tatkal: one train, 50 requests a berth at once, until all are answered.";
    let mut table = Table::new(caption, &head);
    // No more at once than a run lets wait: beyond, the server turns callers away.
    let shapes = [Shape::new(1, 16, 4), Shape::new(4, 16, 16), Shape::new(8, 64, 8)];
    for (day, shape) in (1..).zip(shapes) {
        let stage = Stage::new(Spread::Fresh(HOT_REAL, day));
        let load = Load {
            style: Style::Tatkal,
            limit: Some(TATKAL_WISHES * TATKAL_BERTHS),
            seconds: std::time::Duration::from_secs(30),
            ..cycles(setup, Calls::Session, shape, &stage)
        };
        let found = load.run(server)?;
        table.row(vec![
            shape.to_string(),
            number(found.latency.len() as f64),
            number(found.rate),
            format!("{:.3}", found.server_us),
            format!("{:.2}", found.ms(50.0)),
            format!("{:.2}", found.ms(99.0)),
            format!("{:.2}", found.ms(100.0)),
        ]);
    }
    Ok(table)
}
