//! Bad books by line and field, the books that come with berth, and what books make of trains.

mod bad;
mod made;
mod shipped;

use berth_inventory::Date;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
