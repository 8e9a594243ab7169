//! A server of a suite's own: its trains, its data, and nothing of them left when it ends.

use std::path::{Path, PathBuf};

use berth_inventory::Entry;
use berth_persistence::{entry_to_json, header_to_json};

use crate::fault::{Bench, BenchError};
use crate::server::Server;
use crate::setup::Setup;

/// See the module.
pub struct Stand {
    /// The server.
    pub server: Server,
    catalogue: PathBuf,
    data: PathBuf,
    flags: Vec<String>,
}

impl Stand {
    /// Starts one that sells `trains`, with default flags but for those of the command line and
    /// `more`. It takes holds however full the disk is.
    ///
    /// # Errors
    /// A file cannot be written, or the server does not start.
    pub fn new(
        setup: &Setup,
        name: &str,
        trains: impl Iterator<Item = Entry>,
        more: &[&str],
    ) -> Bench<Self> {
        let catalogue = setup.place.root().join(format!("{name}.jsonl"));
        let lines = core::iter::once(header_to_json("Asia/Kolkata"));
        let lines: Vec<_> = lines.chain(trains.map(|train| entry_to_json(&train))).collect();
        std::fs::write(&catalogue, lines.join("\n"))
            .map_err(BenchError::io(format!("write {}", catalogue.display())))?;
        let flags = ["--min-free-bytes", "0"].iter().chain(more).map(|flag| (*flag).to_owned());
        let flags: Vec<_> = flags.chain(setup.server_flags.iter().cloned()).collect();
        let data = setup.place.fresh(name);
        let server = start(&setup.server_bin, &catalogue, &data, &flags)?;
        Ok(Self { server, catalogue, data, flags })
    }

    /// Stops the server in order, so that every run is in a snapshot, and starts it again.
    ///
    /// # Errors
    /// It does not start, or does not stop in time.
    pub fn again(self, setup: &Setup) -> Bench<Self> {
        let Self { server, catalogue, data, flags } = self;
        server.stop()?;
        let server = start(&setup.server_bin, &catalogue, &data, &flags)?;
        Ok(Self { server, catalogue, data, flags })
    }

    /// Ends it at once: what was answered is in its journal. Its data are still there.
    pub fn stop(self) -> Left {
        self.server.kill();
        Left { data: self.data }
    }

    /// Ends it at once and removes its data.
    ///
    /// # Errors
    /// There was more than may be, or it stays.
    pub fn end(self, setup: &Setup) -> Bench<()> {
        self.stop().end(setup)
    }
}

fn start(bin: &Path, catalogue: &Path, data: &Path, flags: &[String]) -> Bench<Server> {
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Server::berth(bin, catalogue, data, &flags)
}

/// What a server that has stopped leaves.
pub struct Left {
    /// Its data directory.
    pub data: PathBuf,
}

impl Left {
    /// Removes it.
    ///
    /// # Errors
    /// There was more than may be, or it stays.
    pub fn end(self, setup: &Setup) -> Bench<()> {
        setup.place.check()?;
        std::fs::remove_dir_all(&self.data)
            .map_err(BenchError::io(format!("remove {}", self.data.display())))
    }
}
