//! Where a quota's passengers may board or alight, by rule: the same words fit every route.

use berth_inventory::{StationCode, StopEntry};

/// What [`Window::parse`] reads.
pub(crate) const WINDOW: &str = "a window: any, origin, terminus, after origin, before terminus, \
     at CODE, from CODE, to CODE (CODE#2 for the second visit), first N% or last N% of the kilometres";

/// A station of a route: its code and which visit, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its code.
    pub code: StationCode,
    /// Which visit, from 1.
    pub visit: u8,
}

impl Station {
    fn parse(text: &str) -> Option<Self> {
        let (code, visit) = text.split_once('#').unwrap_or((text, "1"));
        let visit = visit.parse().ok().filter(|visit| *visit > 0)?;
        Some(Self { code: code.parse().ok()?, visit })
    }

    /// Its 1-based stop.
    fn stop(self, stops: &[StopEntry]) -> Result<u16, String> {
        let here = |(_, stop): &(usize, &StopEntry)| stop.code == self.code.as_str();
        let mut visits = stops.iter().enumerate().filter(here);
        let found = visits.nth(usize::from(self.visit) - 1);
        found.map(|(place, _)| place as u16 + 1).ok_or_else(|| {
            let codes: Vec<&str> = stops.iter().map(|stop| stop.code.as_str()).collect();
            let visit = if self.visit == 1 { String::new() } else { format!("#{}", self.visit) };
            format!("{}{visit} is not on its route {}", self.code, codes.join(" "))
        })
    }
}

/// Stops of a route, by rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Every stop.
    Any,
    /// The first.
    Origin,
    /// The last.
    Terminus,
    /// All but the first.
    AfterOrigin,
    /// All but the last.
    BeforeTerminus,
    /// One station.
    At(Station),
    /// That station and what comes behind it.
    From(Station),
    /// What comes before that station, and it.
    To(Station),
    /// Stops within the first per cent of the kilometres; the origin always is.
    First(u8),
    /// Stops within the last per cent of the kilometres; the terminus always is.
    Last(u8),
}

impl Window {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let percent = |text: &str| {
            text.strip_suffix('%')?.parse().ok().filter(|percent| (1..=99).contains(percent))
        };
        Some(match text {
            "any" => Self::Any,
            "origin" => Self::Origin,
            "terminus" => Self::Terminus,
            "after origin" => Self::AfterOrigin,
            "before terminus" => Self::BeforeTerminus,
            _ => match text.split_once(' ')? {
                ("at", code) => Self::At(Station::parse(code)?),
                ("from", code) => Self::From(Station::parse(code)?),
                ("to", code) => Self::To(Station::parse(code)?),
                ("first", share) => Self::First(percent(share)?),
                ("last", share) => Self::Last(percent(share)?),
                _ => return None,
            },
        })
    }

    /// Whether it names a station, so that it fits some routes only.
    pub(crate) const fn names_a_station(self) -> bool {
        matches!(self, Self::At(_) | Self::From(_) | Self::To(_))
    }

    /// First and last stop on a route, 1-based; `None` = any. Routes have two stops at least.
    pub(crate) fn on(self, stops: &[StopEntry]) -> Result<Option<(u16, u16)>, String> {
        let last = stops.len() as u16;
        let (from, to) = match self {
            Self::Any => return Ok(None),
            Self::Origin => (1, 1),
            Self::Terminus => (last, last),
            Self::AfterOrigin => (2.min(last), last),
            Self::BeforeTerminus => (1, last.saturating_sub(1).max(1)),
            Self::At(station) => {
                let stop = station.stop(stops)?;
                (stop, stop)
            }
            Self::From(station) => (station.stop(stops)?, last),
            Self::To(station) => (1, station.stop(stops)?),
            Self::First(share) => {
                let km = length(stops) * u64::from(share) / 100;
                let inside = stops.iter().take_while(|stop| u64::from(stop.km) <= km).count();
                (1, (inside as u16).max(1))
            }
            Self::Last(share) => {
                let km = length(stops) - length(stops) * u64::from(share) / 100;
                let outside = stops.iter().take_while(|stop| u64::from(stop.km) < km).count();
                ((outside as u16 + 1).min(last), last)
            }
        };
        Ok(Some((from, to)))
    }
}

fn length(stops: &[StopEntry]) -> u64 {
    stops.last().map_or(0, |stop| u64::from(stop.km))
}
