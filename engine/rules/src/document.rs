//! A TOML text as tables and values that know where they stand.
//!
//! Whoever reads a table takes its fields one by one and then says that he is done: what is left is a
//! field that nobody knows. Every fault names file, line and field.

use core::ops::RangeInclusive;

use berth_inventory::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::RuleFault;
use crate::fault::At;

/// The text that is read.
#[derive(Clone, Copy)]
struct Source<'t> {
    file: &'t str,
    text: &'t str,
}

impl Source<'_> {
    fn line(self, offset: usize) -> u32 {
        // A span of a well-read text ends where a character ends; of another one it may be past the end.
        let before = self.text.get(..offset).unwrap_or(self.text);
        before.split('\n').count() as u32
    }

    /// The field in whose line an offset lies: the word before the last `=`, for a text that is no
    /// TOML at all.
    fn field_near(self, offset: usize) -> Box<str> {
        let line = self.text.lines().nth(self.line(offset) as usize - 1).unwrap_or_default();
        let field = line.split('=').next().unwrap_or_default().trim();
        if field.is_empty() { "toml".into() } else { field.chars().take(40).collect() }
    }
}

/// Reads a TOML text and hands its root to `read`.
pub(crate) fn read<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(&mut Table<'_, '_>) -> Result<T, RuleFault>,
) -> Result<T, RuleFault> {
    let source = Source { file, text };
    let document = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let at = At { line: source.line(offset), field: source.field_near(offset) };
        at.fault(file, error.message())
    })?;
    let mut root = Table {
        source,
        at: At { line: 1, field: "".into() },
        fields: document.get_ref(),
        asked: Vec::new(),
    };
    let made = read(&mut root)?;
    root.done()?;
    Ok(made)
}

/// A table whose fields are taken one by one.
pub(crate) struct Table<'t, 'd> {
    source: Source<'t>,
    at: At,
    fields: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

impl<'t, 'd> Table<'t, 'd> {
    /// Where it begins.
    pub(crate) const fn at(&self) -> &At {
        &self.at
    }

    /// The file's name.
    pub(crate) const fn file(&self) -> &'t str {
        self.source.file
    }

    /// A field that may be left out.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value<'t, 'd>> {
        self.asked.push(name);
        let (key, value) = self.fields.iter().find(|(key, _)| key.get_ref() == name)?;
        let field = match &*self.at.field {
            "" => name.into(),
            table => format!("{table}.{name}").into(),
        };
        let at = At { line: self.source.line(key.span().start), field };
        Some(Value { source: self.source, at, found: value })
    }

    /// A field that must be there.
    pub(crate) fn need(&mut self, name: &'static str) -> Result<Value<'t, 'd>, RuleFault> {
        let missing = match &*self.at.field {
            "" => At { field: name.into(), ..self.at.clone() },
            _ => self.at.of(name),
        };
        let file = self.source.file;
        self.take(name).ok_or_else(|| missing.fault(file, "is missing"))
    }

    /// The tables of `[[name]]`, or none.
    pub(crate) fn tables(&mut self, name: &'static str) -> Result<Vec<Table<'t, 'd>>, RuleFault> {
        let list = self.take(name).map_or_else(|| Ok(Vec::new()), |value| value.list())?;
        list.into_iter().map(Value::table).collect()
    }

    /// Every field, for a table whose names are the author's own.
    pub(crate) fn all(&self) -> Vec<(&'d str, Value<'t, 'd>)> {
        let mut all: Vec<_> = self.fields.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        let value = |(key, value): (&'d Spanned<_>, &'d Spanned<DeValue<'d>>)| {
            let key: (&'d std::borrow::Cow<'d, str>, usize) = (key.get_ref(), key.span().start);
            let field = format!("{}.{}", self.at.field, key.0).into();
            let at = At { line: self.source.line(key.1), field };
            (key.0.as_ref(), Value { source: self.source, at, found: value })
        };
        all.into_iter().map(value).collect()
    }

    /// Nothing else is expected.
    pub(crate) fn done(&self) -> Result<(), RuleFault> {
        let unknown = |key: &&Spanned<_>| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            !self.asked.contains(&name.as_ref())
        };
        let first = self.fields.keys().filter(unknown).min_by_key(|key| key.span().start);
        let Some(key) = first else { return Ok(()) };
        let start: String = key.get_ref().chars().take(40).collect();
        let field = match &*self.at.field {
            "" => start,
            table => format!("{table}.{start}"),
        };
        let at = At { line: self.source.line(key.span().start), field: field.into() };
        let what = format!("is not a field here; known: {}", self.asked.join(" "));
        Err(at.fault(self.source.file, what))
    }
}

/// A value that knows where it stands.
#[derive(Clone)]
pub(crate) struct Value<'t, 'd> {
    source: Source<'t>,
    at: At,
    found: &'d Spanned<DeValue<'d>>,
}

impl<'t, 'd> Value<'t, 'd> {
    pub(crate) fn fault(&self, what: impl Into<Box<str>>) -> RuleFault {
        self.at.fault(self.source.file, what)
    }

    fn kind(&self) -> &'static str {
        match self.found.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a broken number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn not(&self, expected: &str) -> RuleFault {
        self.fault(format!("is {}; {expected} expected", self.kind()))
    }

    pub(crate) fn text(&self) -> Result<&'d str, RuleFault> {
        match self.found.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.not("a text")),
        }
    }

    /// A text or a whole number, as text: `6` and `"6"` mean the same.
    pub(crate) fn word(&self) -> Result<&'d str, RuleFault> {
        match self.found.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str()),
            _ => self.text(),
        }
    }

    pub(crate) fn number(&self, range: RangeInclusive<u32>) -> Result<u32, RuleFault> {
        let DeValue::Integer(number) = self.found.get_ref() else {
            return Err(self.not("a whole number"));
        };
        let found = u32::from_str_radix(number.as_str(), number.radix()).ok();
        found.filter(|found| range.contains(found)).ok_or_else(|| {
            let (number, from, to) = (number.as_str(), range.start(), range.end());
            self.fault(format!("{number} is not in {from} to {to}"))
        })
    }

    pub(crate) fn flag(&self) -> Result<bool, RuleFault> {
        match self.found.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.not("true or false")),
        }
    }

    pub(crate) fn date(&self) -> Result<Date, RuleFault> {
        let DeValue::Datetime(found) = self.found.get_ref() else {
            return Err(self.not("a date such as 2025-06-28, without quotes,"));
        };
        let only_date = found.date.filter(|_| found.time.is_none() && found.offset.is_none());
        let date = only_date
            .and_then(|date| Date::from_ymd(date.year.into(), date.month.into(), date.day.into()));
        date.ok_or_else(|| self.fault(format!("{found} is not a date such as 2025-06-28")))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.found.get_ref(), DeValue::Array(_))
    }

    /// Its elements, counted from 1.
    pub(crate) fn list(&self) -> Result<Vec<Self>, RuleFault> {
        let DeValue::Array(elements) = self.found.get_ref() else {
            return Err(self.not("a list"));
        };
        let element = |(place, value): (usize, &'d Spanned<DeValue<'d>>)| {
            let field = format!("{}[{}]", self.at.field, place + 1).into();
            let at = At { line: self.source.line(value.span().start), field };
            Self { source: self.source, at, found: value }
        };
        Ok(elements.iter().enumerate().map(element).collect())
    }

    pub(crate) fn table(self) -> Result<Table<'t, 'd>, RuleFault> {
        match self.found.get_ref() {
            DeValue::Table(fields) => {
                Ok(Table { source: self.source, at: self.at, fields, asked: Vec::new() })
            }
            _ => Err(self.not("a table")),
        }
    }

    /// What `parse` makes of its text; else the text is not `expected`.
    pub(crate) fn parsed<T>(
        &self,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, RuleFault> {
        let text = self.word()?;
        parse(text).ok_or_else(|| {
            let start: String = text.chars().take(40).collect();
            self.fault(format!("{start:?} is not {expected}"))
        })
    }

    /// Each element through `read`; no element twice.
    pub(crate) fn each<T: PartialEq>(
        &self,
        read: impl Fn(&Self) -> Result<T, RuleFault>,
    ) -> Result<Vec<T>, RuleFault> {
        let mut all = Vec::new();
        for element in self.list()? {
            let one = read(&element)?;
            if let Some(first) = all.iter().position(|known| *known == one) {
                return Err(element.fault(format!("says the same as element {}", first + 1)));
            }
            all.push(one);
        }
        if all.is_empty() {
            return Err(self.fault("is an empty list; leave it out or name something"));
        }
        Ok(all)
    }
}
