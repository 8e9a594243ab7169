//! The judges at work: a sound history passes, and one that was doctored does not.

mod doctored;
mod fake;
mod sound;
