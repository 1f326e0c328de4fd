//! Takes declined rebills from SQS, screens them and stores them as orders. The program only wires this.

pub mod handler;
pub mod settings;
