//! The waiting room of a sale: who comes in, in which order, and when.
//!
//! A room gives out numbers, not places in memory: a ticket is a signed number, the order of those who
//! came before the opening is a keyed permutation drawn then, and who was admitted is one mark. So a
//! room costs a few words, however many wait; what cannot be derived (one ticket a person, who left,
//! whose turn it is) is kept small.
//!
//! Map: `room` is the machine; `order` is the draw at the opening, `marks` a set of places, `people`
//! one number a person, `turns` whose turn it is and what was spent, `pace` how many come in,
//! `record` what survives a restart. `seal` signs, `letters` are what is signed: ticket, admission
//! token, proof of a challenge.
//!
//! Always true: no I/O, clock, threads or chance; time and seeds are arguments. Nothing is told that
//! a restart could take back: views speak of what is durable.

mod letters;
mod marks;
mod order;
mod pace;
mod people;
mod record;
mod room;
mod seal;
mod turns;

pub use letters::{NotAdmitted, Pass, Ticket, caller_mark, person_mark, proof, prove, room_mark};
pub use marks::Marks;
pub use order::Order;
pub use pace::{Load, Pace, PaceRules};
pub use people::{PEOPLE_MAX, People};
pub use record::{Opening, Record, RecordFault};
pub use room::{
    Basis, Counts, Estimate, Joined, NoTicket, Resuming, Room, RoomSize, Rules, Standing, Taken,
};
pub use seal::{KeyFault, Keys, SECRET_BYTES_MIN, Sealer};
pub use turns::{Settled, Turnout};
