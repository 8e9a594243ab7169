//! Tests of the whole machine: `world` drives one run and checks what must always hold, `table` is
//! the language of the tests beside the commands, `property` states laws over random histories.

mod forget;
mod precedence;
mod property;
pub(crate) mod table;
mod views;
pub(crate) mod world;

/// How many cases of a property: the night asks for more than `usual`.
pub(crate) fn cases(usual: u32) -> u32 {
    let more = option_env!("BERTH_TEST_CASES").and_then(|cases| cases.parse().ok());
    more.unwrap_or(usual)
}
