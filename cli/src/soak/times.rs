//! How long the holds of a soak live, within the bounds of the server that it plays on.
//!
//! Always true: whatever time a client asks for, the server may not call it out of bounds.

use std::time::Duration;

use berth_client::v1;
use berth_client::{Admin, Client, ClientError};
use berth_inventory::{HOLD_LIFE_MAX_MS, HOLD_TTL_MIN_MS};

use super::SoakError;
use super::scenario::Scenario;
use crate::view::duration;

/// So much longer than the soak its ordinary holds live, where the server lets them.
const REST: Duration = Duration::from_secs(5 * 60);
/// Extensions, and other contents under the same id, ask for up to so much more.
const ROOM: Duration = Duration::from_secs(3);
/// The step from one content to another.
const STEP: Duration = Duration::from_secs(1);

/// The shortest and the longest time that a caller may ask a hold for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldBounds {
    min: Duration,
    max: Duration,
}

impl Default for HoldBounds {
    /// Those of a server that was not set otherwise.
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { min: ms(HOLD_TTL_MIN_MS), max: ms(HOLD_LIFE_MAX_MS) }
    }
}

impl HoldBounds {
    /// As the server tells them; what it does not tell is as usual.
    pub async fn of(admin: &Admin) -> Result<Self, SoakError> {
        let info = admin.get_server_info(v1::GetServerInfoRequest {}).await?;
        let span = |told: Option<prost_types::Duration>| Duration::try_from(told?).ok();
        let usual = Self::default();
        Ok(Self {
            min: span(info.hold_ttl_min).unwrap_or(usual.min),
            max: span(info.hold_ttl_max).unwrap_or(usual.max),
        })
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long an ordinary hold lives.
    pub ttl: Duration,
    bounds: HoldBounds,
}

impl Times {
    /// The shortest there is, or longer than the soak.
    pub fn new(scenario: Scenario, duration: Duration, bounds: HoldBounds) -> Self {
        let ttl = match scenario {
            Scenario::Expiry => bounds.min,
            Scenario::Tatkal | Scenario::Spread | Scenario::Retry => {
                (duration + REST).min(bounds.max.saturating_sub(ROOM)).max(bounds.min)
            }
        };
        Self { ttl, bounds }
    }

    /// A little longer than an ordinary hold, if that is allowed.
    pub fn longer(&self, by: Duration) -> Duration {
        (self.ttl + by.min(ROOM)).min(self.bounds.max)
    }

    /// Another time, if there is one.
    pub fn another(&self, than: Duration) -> Option<Duration> {
        if than + STEP <= self.bounds.max {
            return Some(than + STEP);
        }
        than.checked_sub(STEP).filter(|shorter| *shorter >= self.bounds.min)
    }

    /// Whether the server takes these times, by a question that leaves no trace: for one that was
    /// not asked for its bounds.
    pub async fn try_on(&self, client: &Client) -> Result<(), SoakError> {
        for ttl in [self.ttl, self.longer(ROOM)] {
            let nobodys = v1::ExtendRequest {
                request_id: berth_client::new_request_id(),
                hold_id: "0".repeat(32),
                ttl: Some(duration(ttl)),
            };
            match client.extend(nobodys).await {
                Err(ClientError::Invalid { violations, .. }) => {
                    let why = violations.first().map_or("", |first| &first.description).to_owned();
                    return Err(SoakError::Bounds { ttl, why });
                }
                other => drop(other?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn no_time_is_out_of_bounds() {
        let usual = HoldBounds::default();
        assert_eq!((usual.min, usual.max), (secs(10), secs(900)));
        let other = |min, max| HoldBounds { min: secs(min), max: secs(max) };
        for (scenario, soak, bounds, ttl) in [
            (Scenario::Expiry, 60, usual, 10),
            (Scenario::Expiry, 60, other(2, 4), 2),
            (Scenario::Expiry, 60, other(60, 900), 60),
            (Scenario::Spread, 60, usual, 360),
            (Scenario::Spread, 600, usual, 897),
            (Scenario::Retry, 86_400, usual, 897),
            (Scenario::Tatkal, 60, other(2, 20), 17),
            (Scenario::Retry, 60, other(19, 20), 19),
            (Scenario::Retry, 60, other(5, 5), 5),
        ] {
            let times = Times::new(scenario, secs(soak), bounds);
            assert_eq!(times.ttl, secs(ttl), "{scenario:?} {soak} {bounds:?}");
            let allowed = bounds.min..=bounds.max;
            for by in [0, 1, 2, 3, 60] {
                let longer = times.longer(secs(by));
                assert!(allowed.contains(&longer), "{longer:?} in {bounds:?}");
                match times.another(longer) {
                    Some(another) => assert!(another != longer && allowed.contains(&another)),
                    None => assert_eq!(bounds.min, bounds.max, "there is only one"),
                }
            }
        }
    }
}
