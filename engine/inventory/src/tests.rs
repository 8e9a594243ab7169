//! Tests of the whole machine: `world` drives one run and checks what must always hold, `table` is
//! the language of the tests beside the commands, `property` states laws over random histories.

mod forget;
mod precedence;
mod property;
pub(crate) mod table;
pub(crate) mod world;
