//! What a request to DynamoDB consumes, by the rules in AWS's documentation: no emulator is asked.
//!
//! Sources, all in the Amazon DynamoDB Developer Guide: "DynamoDB item sizes and formats", "DynamoDB read and write
//! operations" (capacity of reads and writes, of a write whose condition fails), "Using Global Secondary Indexes in DynamoDB"
//! (capacity of an index). What the guide leaves open is said where it is decided.

mod size;
mod table;

pub use size::{Item, item_bytes};
pub use table::{Entry, Index, Projection, TableRules, WriteUnits};

/// One write unit writes so much of an item.
pub const WRITE_UNIT_BYTES: u64 = 1024;
/// One read unit reads so much, strongly consistent.
pub const READ_UNIT_BYTES: u64 = 4096;

/// Write units of an item of this size; nothing takes less than one.
#[must_use]
pub const fn write_units(bytes: u64) -> u64 {
    let units = bytes.div_ceil(WRITE_UNIT_BYTES);
    if units == 0 { 1 } else { units }
}

/// Half read units of what was read: an eventually consistent read takes half of a strongly consistent one. A query reads
/// all its items together. What is not there takes as much as the smallest item.
#[must_use]
pub const fn half_read_units(bytes: u64, is_consistent: bool) -> u64 {
    let units = bytes.div_ceil(READ_UNIT_BYTES);
    let units = if units == 0 { 1 } else { units };
    if is_consistent { units * 2 } else { units }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide: "a standard write request of a 1 KB item would require one WCU, of a 3 KB item three"; "a strongly
    /// consistent read of an 8 KB item two RCUs, an eventually consistent one of an 8 KB item one".
    #[test]
    fn units_are_as_in_the_guide_s_examples() {
        assert_eq!([0, 1, 1023, 1024, 1025, 3072].map(write_units), [1, 1, 1, 1, 2, 3]);
        assert_eq!([0, 1, 4096, 4097, 8192].map(|bytes| half_read_units(bytes, true)), [2, 2, 2, 4, 4]);
        assert_eq!([0, 1, 4096, 4097, 8192].map(|bytes| half_read_units(bytes, false)), [1, 1, 1, 2, 2]);
    }
}
