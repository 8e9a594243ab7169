//! The echo alone: what tonic, the protos and the client cost on this machine without an engine.

use crate::echo::Reading;
use crate::fault::Bench;
use crate::goal::number;
use crate::load::{Calls, Load, Pressure, Spread, Stage, Style};
use crate::report::{Section, Table};
use crate::server::{Flavour, Server};
use crate::setup::Setup;
use crate::shape::Shape;

/// Connections that are told.
const CONNECTIONS: [usize; 3] = [1, 4, 8];

/// Measures every variant, so that a slow one helps nobody.
///
/// # Errors
/// An echo that does not start or answer.
pub fn run(setup: &Setup) -> Bench<Section> {
    let stage = Stage::new(Spread::Zipf(setup.zipf));
    let head = [
        "load",
        "shape",
        "decodes",
        "runtime",
        "commands/s",
        "server us",
        "client us",
        "p50 ms",
        "p99 ms",
    ];
    let mut table = Table::new("", &head);
    let loads = |connections| {
        [
            (Calls::Session, Shape::new(connections, 256, 8)),
            (Calls::Session, Shape::new(connections, 16, 8)),
            (Calls::Unary, Shape::new(connections, 1, 64 / connections)),
            (Calls::Unary, Shape::new(connections, 1, 128)),
        ]
    };
    for reading in Reading::ALL {
        for flavour in Flavour::ALL {
            let server = Server::echo(flavour, &["--reading", reading.word()])?;
            for (calls, shape) in CONNECTIONS.into_iter().flat_map(loads) {
                let load = Load {
                    calls,
                    shape,
                    stage: &stage,
                    style: Style::Cycle { paid: setup.paid },
                    pressure: Pressure::Closed,
                    seconds: setup.seconds,
                    limit: None,
                };
                let found = load.run(&server)?;
                table.row(vec![
                    calls.word().into(),
                    shape.to_string(),
                    reading.word().into(),
                    flavour.word().into(),
                    number(found.rate),
                    format!("{:.3}", found.server_us),
                    format!("{:.3}", found.client_us),
                    format!("{:.3}", found.ms(50.0)),
                    format!("{:.3}", found.ms(99.0)),
                ]);
            }
            server.stop()?;
        }
    }
    let notes = vec![
        "A tonic server with the same protos, message sizes and limits and no engine. Its answers \
         are bytes encoded once, of the size of a granted command's answer. `prost` decodes all of a \
         request into the generated types, as any tonic server does, and is the reference of the \
         ratios; `frames` reads correlation ids only: less than a server can do. Shapes are \
         connections x commands a message x messages in flight."
            .to_owned(),
    ];
    let title = "Echo: what is there without an engine".into();
    Ok(Section { suite: "echo", title, notes, tables: vec![table], plots: Vec::new() })
}
