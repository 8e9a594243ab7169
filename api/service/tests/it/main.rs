//! A real node behind real listeners on free ports, spoken to with the generated clients.

mod bad_input;
mod enquiry;
mod history;
mod operating;
mod selling;
mod session;
mod waiting;
mod world;
