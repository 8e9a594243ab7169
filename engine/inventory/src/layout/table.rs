//! The reader of the layout tables. Their form is described at their head.

use super::{BAY_BERTHS_MAX, COACH_BERTHS_MAX, Layout, LayoutBerth};
use crate::{BerthType, Side, TravelClass};

/// A line of the layout table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layout table line {line}: {fault}")]
pub(super) struct TableError {
    /// 1-based line.
    line: usize,
    /// What is wrong with it.
    fault: Box<str>,
}

/// A layout being read, with what its head promised.
struct Draft {
    line: usize,
    layout: Layout,
    promised: usize,
    class: Option<TravelClass>,
    bays: u8,
    rows: u8,
}

/// Reads a layout table.
pub(super) fn layouts(text: &str) -> Result<Vec<Layout>, TableError> {
    let mut done: Vec<Layout> = Vec::new();
    let mut draft: Option<Draft> = None;
    for (index, text) in text.lines().enumerate() {
        let line = index + 1;
        let fault = |fault: String| TableError { line, fault: fault.into() };
        let text = text.split('#').next().unwrap_or_default().trim();
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["layout", name, count] => {
                finish(&mut done, draft.take())?;
                draft = Some(begin(&done, line, name, count).map_err(fault)?);
            }
            ["same", name, "as", other] => {
                finish(&mut done, draft.take())?;
                let copy = same(&done, name, other).map_err(fault)?;
                done.push(copy);
            }
            ["class", code] => {
                let class = code.parse().map_err(|e: crate::CodeError| fault(e.to_string()))?;
                let draft = draft.as_mut().ok_or_else(|| fault("class outside a layout".into()))?;
                draft.class = Some(class);
            }
            ["bays", count, "x", types @ ..] => {
                let draft = draft.as_mut().ok_or_else(|| fault("bays outside a layout".into()))?;
                let count: u8 = count.parse().map_err(|_| fault(format!("{count:?} bays")))?;
                for _ in 0..count {
                    bay(draft, types).map_err(fault)?;
                }
            }
            _ => return Err(fault(format!("{text:?} is not a row of a layout table"))),
        }
    }
    finish(&mut done, draft)?;
    Ok(done)
}

/// Reads a table of codes and meanings.
pub(super) fn meanings(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().map(|l| l.split('#').next().unwrap_or_default().trim());
    lines.filter_map(|l| l.split_once(' ')).map(|(code, m)| (code, m.trim())).collect()
}

fn begin(done: &[Layout], line: usize, name: &str, count: &str) -> Result<Draft, String> {
    unused(done, name)?;
    let promised = count.parse().map_err(|_| format!("{count:?} is not a number of berths"))?;
    if !(1..=COACH_BERTHS_MAX).contains(&promised) {
        return Err(format!("{promised} berths; 1 to {COACH_BERTHS_MAX} allowed"));
    }
    let layout = Layout { name: name.into(), berths: Vec::with_capacity(promised) };
    Ok(Draft { line, layout, promised, class: None, bays: 0, rows: 0 })
}

fn same(done: &[Layout], name: &str, other: &str) -> Result<Layout, String> {
    unused(done, name)?;
    let found = done.iter().find(|l| l.name() == other);
    let found = found.ok_or_else(|| format!("no layout {other:?} above"))?;
    Ok(Layout { name: name.into(), berths: found.berths.clone() })
}

fn unused(done: &[Layout], name: &str) -> Result<(), String> {
    if done.iter().any(|l| l.name() == name) {
        return Err(format!("layout {name:?} twice"));
    }
    Ok(())
}

fn bay(draft: &mut Draft, types: &[&str]) -> Result<(), String> {
    let class = draft.class.ok_or("bays before their class")?;
    draft.bays = draft.bays.checked_add(1).ok_or("more than 255 bays")?;
    draft.rows = draft.rows.checked_add(1).ok_or("more than 255 rows")?;
    let mut side = Side::Left;
    let before = draft.layout.berths.len();
    for word in types {
        match *word {
            "/" => {
                draft.rows = draft.rows.checked_add(1).ok_or("more than 255 rows")?;
                side = Side::Left;
            }
            "|" => side = Side::Right,
            code => {
                let berth_type: BerthType = code.parse().map_err(|e| format!("{e}"))?;
                let number = draft.layout.berths.len() as u16 + 1;
                let (bay, row) = (draft.bays, draft.rows);
                let berth = LayoutBerth { number, class, berth_type, bay, row, side };
                draft.layout.berths.push(berth);
            }
        }
    }
    match draft.layout.berths.len() - before {
        1..=BAY_BERTHS_MAX => Ok(()),
        n => Err(format!("a bay of {n} berths; 1 to {BAY_BERTHS_MAX} allowed")),
    }
}

fn finish(done: &mut Vec<Layout>, draft: Option<Draft>) -> Result<(), TableError> {
    let Some(draft) = draft else { return Ok(()) };
    let (has, name) = (draft.layout.berths.len(), draft.layout.name());
    if has != draft.promised {
        let fault = format!("layout {name:?} promises {} berths, has {has}", draft.promised);
        return Err(TableError { line: draft.line, fault: fault.into() });
    }
    done.push(draft.layout);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_row_is_named_with_its_line() {
        let cases = [
            ("class SL", 1, "class outside a layout"),
            ("layout A/X 2\nclass SL\nbays 1 x LB", 1, "layout \"A/X\" promises 2 berths, has 1"),
            ("layout A/X 1\nbays 1 x LB", 2, "bays before their class"),
            ("layout A/X 1\nclass SL\nbays 1 x XX", 3, "\"XX\" is not a berth type"),
            ("layout A/X 0", 1, "0 berths; 1 to 255 allowed"),
            ("layout A/X 1\nclass SL\nbays 1 x", 3, "a bay of 0 berths; 1 to 16 allowed"),
            ("same A as B", 1, "no layout \"B\" above"),
            ("berth 1", 1, "\"berth 1\" is not a row of a layout table"),
            (
                "layout A/X 1\nclass SL\nbays 1 x LB\nlayout A/X 1\nclass SL\nbays 1 x LB",
                4,
                "layout \"A/X\" twice",
            ),
        ];
        for (text, line, fault) in cases {
            let error = layouts(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.fault.starts_with(fault), "{error}");
        }
    }
}
