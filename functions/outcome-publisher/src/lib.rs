//! Publishes what became of orders and declines to an EventBridge bus. The program only wires this.

pub mod bus;
pub mod handler;
pub mod settings;
