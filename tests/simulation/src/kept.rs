//! Seeds that once failed, as they are kept for ever: one file each, named after its bug.
//!
//! A line `seed=N clients=N steps=N without=KIND,KIND`, and lines that begin with `#`.

use std::path::Path;

use crate::fault::{Fault, Faults};
use crate::world::Setup;

/// The line that lives a setup again.
pub fn line(setup: &Setup) -> String {
    let without: Vec<_> =
        Fault::ALL.iter().filter(|fault| !setup.faults.has(**fault)).map(|f| f.name()).collect();
    let Setup { seed, clients, steps, .. } = setup;
    let without = without.join(",");
    format!("seed={seed} clients={clients} steps={steps} without={without}")
}

/// Reads a line again.
///
/// # Errors
/// What is wrong with it.
pub fn setup(line: &str) -> Result<Setup, String> {
    let mut setup = Setup::of(0);
    for word in line.split_whitespace() {
        let (key, value) =
            word.split_once('=').ok_or_else(|| format!("{word:?} is no KEY=VALUE"))?;
        let number = || value.parse::<u64>().map_err(|why| format!("{word:?}: {why}"));
        match key {
            "seed" => setup.seed = number()?,
            "clients" => setup.clients = number()?.max(1) as usize,
            "steps" => setup.steps = number()? as u32,
            "without" => setup.faults = without(value)?,
            _ => return Err(format!("{key:?} is not one of seed, clients, steps, without")),
        }
    }
    Ok(setup)
}

/// Every kind but those named.
///
/// # Errors
/// A name that is no kind.
pub fn without(names: &str) -> Result<Faults, String> {
    let mut faults = Faults::ALL;
    for name in names.split(',').filter(|name| !name.is_empty()) {
        let fault = Fault::ALL.iter().find(|fault| fault.name() == name);
        let fault = fault.ok_or_else(|| format!("{name:?} is no kind of fault"))?;
        faults = faults.without(*fault);
    }
    Ok(faults)
}

/// Every seed kept in a directory, by the name of its file.
///
/// # Errors
/// A file that cannot be read.
pub fn all(dir: &Path) -> Result<Vec<(String, Setup)>, String> {
    let words = |why: std::io::Error| format!("{}: {why}", dir.display());
    let mut kept = Vec::new();
    for file in std::fs::read_dir(dir).map_err(words)? {
        let path = file.map_err(words)?.path();
        if path.extension().is_none_or(|extension| extension != "seed") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(words)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            kept.push((name.clone(), setup(line).map_err(|why| format!("{name}: {why}"))?));
        }
    }
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_line_is_read_as_it_was_written() {
        let faults = Faults::ALL.without(Fault::Crash).without(Fault::Rush);
        let kept = Setup { seed: 7, clients: 3, steps: 99, faults };
        assert_eq!(setup(&line(&kept)), Ok(kept));
        assert!(setup("seed=1 without=nonsense").is_err());
        assert!(setup("seed").is_err());
    }
}
