//! Who is inside: places in all and by address.
//!
//! One lock, taken when a connection comes and when it goes, never for a call. Memory: one entry for
//! each address that has a connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bits of an IPv6 address that name a site; who has one has all the rest of it.
const SITE: u128 = !0 << 64;

/// See the module.
pub(super) struct Crowd {
    inside: Mutex<Inside>,
    most: usize,
    most_of_address: usize,
}

#[derive(Default)]
struct Inside {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why nobody more gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// As many are in as may be.
    House,
    /// As many of this address are in as may be.
    Address,
}

/// A connection's place; given back when it is dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

/// The address as limits count it: one for a site of IPv6, and IPv4 in IPv6 as IPv4.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & SITE).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl Crowd {
    pub fn new(most: usize, most_of_address: usize) -> Arc<Self> {
        Arc::new(Self { inside: Mutex::default(), most, most_of_address })
    }

    /// A place for a connection of this address.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let address = counted(address);
        let mut inside = self.lock();
        if inside.all >= self.most {
            return Err(Full::House);
        }
        let of_address = inside.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.most_of_address {
            return Err(Full::Address);
        }
        inside.by_address.insert(address, of_address + 1);
        inside.all += 1;
        Ok(Place { crowd: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.lock();
        inside.all -= 1;
        match inside.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(inside.by_address.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn places_are_counted_by_address_and_in_all() {
        let crowd = Crowd::new(3, 2);
        let near = address("192.0.2.1");
        let first = crowd.enter(near).expect("room");
        let second = crowd.enter(near).expect("room");
        assert_eq!(crowd.enter(near).err(), Some(Full::Address));
        let third = crowd.enter(address("192.0.2.2")).expect("room for others");
        assert_eq!(crowd.enter(address("192.0.2.3")).err(), Some(Full::House));
        drop(first);
        let fourth = crowd.enter(near).expect("a place came back");
        drop((second, third, fourth));
        let inside = crowd.lock();
        assert_eq!((inside.all, inside.by_address.len()), (0, 0), "nothing is left behind");
    }

    #[test]
    fn one_site_of_ipv6_is_one_address() {
        assert_eq!(counted(address("2001:db8::1")), counted(address("2001:db8::ffff:1:2:3")));
        assert_ne!(counted(address("2001:db8::1")), counted(address("2001:db8:0:1::1")));
        assert_eq!(counted(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}
