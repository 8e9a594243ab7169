//! Builds the shim once, and says in its words what shall go wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::server::Home;

/// `shim/faults.c` has the words.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/faults.c");

/// See the module.
#[derive(Clone, Copy)]
pub struct Shim {
    library: &'static Path,
}

/// One thing that goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    rule: Option<String>,
    power: Option<String>,
    /// Answers after which the power fails.
    pub cut_after: Option<usize>,
}

impl Fault {
    /// The process dies there, or the disk does what `action` says.
    pub fn at(op: &str, pattern: &str, nth: u64, action: &str) -> Self {
        Self { rule: Some(format!("{op}@{pattern}@{nth}@{action}")), ..Self::default() }
    }

    /// The power fails there; `some`: the seed of what is not lost.
    pub fn cut(some: Option<u32>, op: &str, pattern: &str, nth: u64, action: &str) -> Self {
        Self { power: Some(power(some)), ..Self::at(op, pattern, nth, action) }
    }

    /// The power fails after so many answers.
    pub fn power(some: Option<u32>, answers: usize) -> Self {
        Self { rule: None, power: Some(power(some)), cut_after: Some(answers) }
    }
}

fn power(some: Option<u32>) -> String {
    some.map_or("lose".to_owned(), |seed| format!("some:{seed}"))
}

impl Shim {
    /// With the C compiler that built half of the dependencies.
    pub fn build() -> Self {
        Self { library: &LIBRARY.1 }
    }

    /// What the next server in this home must find in its environment.
    pub fn environment(&self, home: &Home, fault: &Fault) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("a path that is text").to_owned();
        let (fifo, log) = (home.beside("fifo"), home.beside("shim.log"));
        // Of the server before.
        let _ = std::fs::remove_file(&log);
        if !fifo.exists() {
            let mode = Mode::RUSR | Mode::WUSR;
            mknodat(CWD, &fifo, FileType::Fifo, mode, 0).expect("a fifo can be made");
        }
        let mut environment = vec![
            ("LD_PRELOAD", text(self.library)),
            ("BERTH_SHIM_DIR", text(&home.data())),
            ("BERTH_SHIM_LOG", text(&log)),
            ("BERTH_SHIM_FIFO", text(&fifo)),
        ];
        environment.extend(fault.rule.clone().map(|rule| ("BERTH_SHIM_RULE", rule)));
        environment.extend(fault.power.clone().map(|power| ("BERTH_SHIM_POWER", power)));
        environment
    }
}

/// Cuts the power of the server that was started with a fault of power, if it is there yet.
pub fn cut(home: &Home) {
    use rustix::fs::{OFlags, open};
    // Whoever reads it is the server; without one there is nobody to wait for.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if let Ok(fifo) = open(home.beside("fifo"), flags, Mode::empty()) {
        let _ = rustix::io::write(&fifo, b"!");
    }
}

/// Whether something has gone wrong since the last server was started.
pub fn struck(home: &Home) -> bool {
    let log = std::fs::read_to_string(home.beside("shim.log")).unwrap_or_default();
    assert!(!log.contains("no rule") && !log.contains("no watcher"), "{log}");
    !log.is_empty()
}

static LIBRARY: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let place = TempDir::new().expect("a temporary directory");
    let library = place.path().join("libfaults.so");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let built = Command::new(compiler)
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(SOURCE)
        .args(["-ldl", "-lpthread"])
        .output()
        .expect("a C compiler runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    (place, library)
});
