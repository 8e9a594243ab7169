//! Every scene under both schedulers, and the faults that they must see.

mod exhaustive;
mod random;
