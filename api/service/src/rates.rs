//! How much a caller and an address may ask for: buckets of tokens with bounded memory.
//!
//! Nobody who set no rate pays for any. A bucket is found once for a call and once for a session; a
//! command of a session then takes its token by one atomic step. Commands that end or keep what is
//! already held may overdraw by one more burst: they are refused last.

mod bucket;
mod table;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use berth_inventory::Millis;
use tonic::Code;

use self::bucket::Bucket;
use self::table::Table;
use crate::access::{Caller, Tier};
use crate::turned_away::{Shut, TurnedAway};
use crate::wire::Trouble;

/// Callers with a bucket of their own; beyond, they share one by chance. 100 bytes each.
const CALLERS_MAX: usize = 65_536;
/// Addresses with a bucket of their own.
const ADDRESSES_MAX: usize = 65_536;

/// So many commands a second, and so many at once: `500` or `500:2000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no rate: expected commands a second and at once, such as 500 or 500:2000, each 1 to 1000000"
)]
pub struct NoRate(pub String);

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let wrong = || NoRate(text.to_owned());
        let number = |word: &str| {
            let number: u32 = word.parse().map_err(|_| wrong())?;
            (1..=1_000_000).contains(&number).then_some(number).ok_or_else(wrong)
        };
        let (per_second, burst) = text.split_once(':').unwrap_or((text, text));
        Ok(Self { per_second: number(per_second)?, burst: number(burst)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands a second, {} at once", self.per_second, self.burst)
    }
}

/// What was set; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSettings {
    /// Of a caller, by the tier in his credential; premium and basic are as standard unless set.
    pub standard: Option<Rate>,
    /// Of a caller of the tier premium.
    pub premium: Option<Rate>,
    /// Of a caller of the tier basic.
    pub basic: Option<Rate>,
    /// Of all connections of one address.
    pub address: Option<Rate>,
}

impl RateSettings {
    /// Whether a caller has a limit.
    pub fn has_callers(&self) -> bool {
        self.standard.or(self.premium).or(self.basic).is_some()
    }

    fn of(&self, tier: Tier) -> Option<Rate> {
        match tier {
            Tier::Premium => self.premium.or(self.standard),
            Tier::Standard => self.standard,
            Tier::Basic => self.basic.or(self.standard),
        }
    }
}

/// See the module.
pub(crate) struct Rates {
    settings: RateSettings,
    begun: Instant,
    callers: Table<Arc<str>>,
    addresses: Table<IpAddr>,
    away: Arc<TurnedAway>,
}

/// One bucket with its rate, and what it is of.
struct Purse {
    bucket: Arc<Bucket>,
    rate: Rate,
    shut: Shut,
}

/// Where the commands of a call or a session take their tokens from. An extension of the request.
#[derive(Clone)]
pub(crate) struct Toll {
    purses: Arc<[Purse]>,
    rates: Arc<Rates>,
}

impl Rates {
    /// `None` if no rate is set.
    pub fn new(settings: RateSettings, away: Arc<TurnedAway>) -> Option<Arc<Self>> {
        if settings == RateSettings::default() {
            return None;
        }
        let (callers, addresses) = (Table::new(CALLERS_MAX), Table::new(ADDRESSES_MAX));
        Some(Arc::new(Self { settings, begun: Instant::now(), callers, addresses, away }))
    }

    /// What pays for the commands of this caller from this address.
    pub fn toll(self: &Arc<Self>, caller: Option<&Caller>, address: IpAddr) -> Toll {
        let now = self.now();
        let of_caller = caller.and_then(|caller| {
            let rate = self.settings.of(caller.tier)?;
            let bucket = self.callers.find(&caller.subject, now);
            Some(Purse { bucket, rate, shut: Shut::CallerRate })
        });
        let of_address = self.settings.address.map(|rate| {
            let bucket = self.addresses.find(&address, now);
            Purse { bucket, rate, shut: Shut::AddressRate }
        });
        let purses = of_caller.into_iter().chain(of_address).collect();
        Toll { purses, rates: Arc::clone(self) }
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Toll {
    /// Takes the tokens of one command, or says when there will be some.
    pub fn pay(&self, may_overdraw: bool) -> Result<(), Trouble> {
        let now = self.rates.now();
        for Purse { bucket, rate, shut } in &*self.purses {
            if let Err(wait) = bucket.take(*rate, may_overdraw, now) {
                self.rates.away.shut(*shut);
                return Err(spent(*shut, *rate, wait));
            }
        }
        Ok(())
    }
}

fn spent(shut: Shut, rate: Rate, wait: Duration) -> Trouble {
    let whose = match shut {
        Shut::AddressRate => "this address",
        _ => "this caller",
    };
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let why = format!("{whose} has used what it may ask for, {rate}; ask again in {ms} ms");
    Trouble::new(Code::ResourceExhausted, why).retry_after(Millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Roles;
    use berth_proto::RETRY_PUSHBACK_HEADER;

    fn caller(name: &str, tier: Tier) -> Caller {
        Caller { tier, ..Caller::of_certificate(name, Roles::BOOKING) }
    }

    fn granted(toll: &Toll) -> usize {
        (0..10_000).take_while(|_| toll.pay(false).is_ok()).count()
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        assert_eq!("500".parse(), Ok(Rate { per_second: 500, burst: 500 }));
        assert_eq!("500:2000".parse(), Ok(Rate { per_second: 500, burst: 2_000 }));
        for wrong in ["", "0", "1:0", "-1", "1:2:3", "1000001", "many"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn callers_have_what_their_tier_has_and_an_address_what_is_left() {
        let away = Arc::default();
        assert!(Rates::new(RateSettings::default(), Arc::clone(&away)).is_none());
        let slow = |burst| Some(Rate { per_second: 1, burst });
        let settings =
            RateSettings { standard: slow(10), premium: slow(50), basic: None, address: slow(100) };
        let rates = Rates::new(settings, away).expect("some are set");
        let near = IpAddr::from([192, 0, 2, 1]);
        let toll = |name, tier| rates.toll(Some(&caller(name, tier)), near);
        assert_eq!(granted(&toll("a", Tier::Standard)), 10);
        assert_eq!(granted(&toll("a", Tier::Standard)), 0, "it is the same caller");
        assert_eq!(granted(&toll("b", Tier::Premium)), 50);
        assert_eq!(granted(&toll("c", Tier::Basic)), 10, "as standard");
        assert_eq!(granted(&rates.toll(None, near)), 30, "the rest of the address");
        let why = rates.toll(None, near).pay(false).expect_err("spent").into_status();
        assert_eq!(why.code(), Code::ResourceExhausted);
        let hint = why.metadata().get(RETRY_PUSHBACK_HEADER).expect("a hint");
        let hint: u64 = hint.to_str().expect("text").parse().expect("a number");
        assert!((900..1_600).contains(&hint), "{hint}");
        assert_eq!(
            granted(&rates.toll(None, IpAddr::from([192, 0, 2, 2]))),
            100,
            "another address"
        );
    }
}
