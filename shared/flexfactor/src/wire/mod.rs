//! FlexFactor's JSON, as it goes over the wire. Unknown fields of its answers are ignored, as it asks of its clients
//! (documented: ff/order-apis).

pub mod evaluate;
pub mod order;
pub mod token;
pub mod transmit;
