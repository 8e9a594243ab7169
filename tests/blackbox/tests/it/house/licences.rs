//! Every package we build has a licence from the allow list of `deny.toml`.
//!
//! An expression holds when its `OR`s leave a way through allowed licences only. What this small
//! reader does not know is refused, not guessed. `cargo deny check licenses` reads the same list
//! and also sees the packages of other platforms.

use std::collections::BTreeSet;

use super::assert_clean;
use super::tree::{denied, packages};

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed: BTreeSet<String> = denied("licenses", "allow").into_iter().collect();
    let mut findings = Vec::new();
    for package in packages().values() {
        let (name, version) = (&package.name, &package.version);
        let Some(expression) = &package.license else {
            findings.push(format!("{name} {version} names no licence"));
            continue;
        };
        match permits(expression, &allowed) {
            Ok(true) => {}
            Ok(false) => findings.push(format!(
                "{name} {version} is `{expression}`: not in deny.toml [licenses] allow"
            )),
            Err(why) => findings.push(format!("{name} {version} is `{expression}`: {why}")),
        }
    }
    assert_clean("licences of what we build: take another crate, or argue for the list", &findings);
}

#[test]
fn expressions_are_read_strictly() {
    let allowed: BTreeSet<String> =
        ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (expression, expected) in [
        ("MIT", Ok(true)),
        ("GPL-3.0-only", Ok(false)),
        ("GPL-3.0-only OR MIT", Ok(true)),
        ("GPL-3.0-only/MIT", Ok(true)),
        ("GPL-3.0-only AND MIT", Ok(false)),
        ("MIT AND (GPL-3.0-only OR Zlib)", Ok(true)),
        ("MIT OR GPL-3.0-only AND GPL-2.0-only", Ok(true)),
        ("(MIT OR GPL-3.0-only) AND GPL-2.0-only", Ok(false)),
        ("Apache-2.0", Ok(false)),
        ("Apache-2.0 WITH LLVM-exception", Ok(true)),
        ("MIT WITH LLVM-exception", Ok(false)),
        ("", Err("the expression ends where a licence should stand")),
        ("(MIT", Err("a parenthesis is not closed")),
        ("MIT Zlib", Err("two licences stand side by side without OR or AND")),
        ("MIT or Zlib", Err("two licences stand side by side without OR or AND")),
    ] {
        assert_eq!(permits(expression, &allowed), expected, "{expression}");
    }
}

/// Whether the expression leaves a way through allowed licences only.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, &'static str> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut reader = Reader { words: spaced.split_whitespace().peekable(), allowed };
    let holds = reader.any_of()?;
    if reader.words.next().is_some() {
        return Err("two licences stand side by side without OR or AND");
    }
    Ok(holds)
}

/// Recursive descent over the words of an expression: OR binds weaker than AND.
struct Reader<'a> {
    words: std::iter::Peekable<std::str::SplitWhitespace<'a>>,
    allowed: &'a BTreeSet<String>,
}

impl Reader<'_> {
    fn any_of(&mut self) -> Result<bool, &'static str> {
        let mut holds = self.all_of()?;
        while self.words.next_if_eq(&"OR").is_some() {
            holds |= self.all_of()?;
        }
        Ok(holds)
    }

    fn all_of(&mut self) -> Result<bool, &'static str> {
        let mut holds = self.one()?;
        while self.words.next_if_eq(&"AND").is_some() {
            holds &= self.one()?;
        }
        Ok(holds)
    }

    fn one(&mut self) -> Result<bool, &'static str> {
        let missing = "the expression ends where a licence should stand";
        let word = self.words.next().ok_or(missing)?;
        if word == "(" {
            let holds = self.any_of()?;
            return match self.words.next() {
                Some(")") => Ok(holds),
                _ => Err("a parenthesis is not closed"),
            };
        }
        if self.words.next_if_eq(&"WITH").is_some() {
            let exception = self.words.next().ok_or(missing)?;
            return Ok(self.allowed.contains(&format!("{word} WITH {exception}")));
        }
        Ok(self.allowed.contains(word))
    }
}
