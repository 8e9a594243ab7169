//! What threads share: atomics and swapped pointers, under one name.
//!
//! `tests/interleavings` compiles the files that say `super::sync` a second time, over atomics that
//! a scheduler watches, and runs them in every order there is. In the product these are the plain
//! ones.

pub(crate) use arc_swap::ArcSwapOption;
pub(crate) use core::hint::spin_loop;
pub(crate) use core::sync::atomic;
pub(crate) use std::sync::OnceLock;
