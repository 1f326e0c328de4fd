//! Texts packed for the table. DynamoDB charges a write by the kilobyte, and the names of a decline's fields are the longer part
//! of it: packed against a dictionary of them, an order with its request fits into one (docs/adr/0014).

use std::cell::RefCell;

use aws_sdk_dynamodb::primitives::Blob;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The first byte of what is packed: the dictionary that unpacks it.
const FIRST_DICTIONARY: u8 = 1;
/// Names and usual values of a decline, in the order in which they are written. What is stored is read by it: it is never
/// changed. Another one takes another number.
const DICTIONARY: &[u8] = br#""subscription_id","payments_total":12,"line2":"","phone":"+1555","window_days":14,"interval":"yearly","currency":"EUR","response_code_source":"processor","response_text":"Do Not Honor","status":"declined","kind":"DEBIT","brand":"MASTERCARD","state":"CA","country_code":"GB","card_not_present":false}}{"version":1,"merchant":"","order_id":"","declined_at":"2026-11-21T00:00:00Z","merchant_initiated":true,"recurring":true,"amount":{"minor":1999,"currency":"USD"},"site":"","window_days":21,"transaction":{"id":"","response_code":"51","response_code_source":"","response_text":"Insufficient funds","status":"DECLINED","processor":"","avs_result":"Y","cvv_result":"NA","cavv_result":"NA","card_not_present":true,"descriptor":""},"subscription":{"id":"","interval":"monthly","price":{"minor":1999,"currency":"USD"},"payment_number":1},"customer":{"id":"","email":".com","phone":"+1"},"billing_address":{"first_name":"","last_name":"","line1":"","city":"","state":"","postal_code":"","country_code":"US"},"card":{"token":"","holder":"","brand":"VISA","kind":"CREDIT","country":"US","bin":"400000","last4":"","expiry_month":1,"expiry_year":20},"metadata":{""#;
/// Most bytes that are unpacked: more than any text that is packed here.
const UNPACKED_BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// Kept from text to text: its tables are a quarter of a megabyte, and to make them anew costs more than to pack. Raw: no
    /// header and no checksum, which the table and TLS have already.
    static PACKER: RefCell<Compress> = RefCell::new(Compress::new(Compression::best(), false));
}

/// Packs a text.
pub(super) fn pack(text: &str) -> Option<Blob> {
    PACKER.with_borrow_mut(|packer| {
        // Whatever became of the text before.
        packer.reset();
        pack_with(packer, text)
    })
}

fn pack_with(packer: &mut Compress, text: &str) -> Option<Blob> {
    packer.set_dictionary(DICTIONARY).ok()?;
    // Deflate adds five bytes for each 16 KiB that it can't pack, and some for the end.
    let mut packed = Vec::with_capacity(text.len() + text.len() / 1024 + 64);
    packed.push(FIRST_DICTIONARY);
    let status = packer.compress_vec(text.as_bytes(), &mut packed, FlushCompress::Finish).ok()?;
    (status == Status::StreamEnd).then(|| Blob::new(packed))
}

/// Unpacks what [`pack`] made; `None` for anything else.
pub(super) fn unpack(packed: &Blob) -> Option<String> {
    let (&dictionary, packed) = packed.as_ref().split_first()?;
    if dictionary != FIRST_DICTIONARY {
        return None;
    }
    let mut unpacker = Decompress::new(false);
    unpacker.set_dictionary(DICTIONARY).ok()?;
    let mut text = Vec::with_capacity(packed.len() * 4);
    loop {
        let (read, written) = (unpacker.total_in(), unpacker.total_out());
        let rest = packed.get(usize::try_from(read).ok()?..)?;
        match unpacker.decompress_vec(rest, &mut text, FlushDecompress::Finish).ok()? {
            Status::StreamEnd => return String::from_utf8(text).ok(),
            // Neither is an end: there was no room, or the stream breaks off.
            Status::Ok | Status::BufError => {}
        }
        let is_full = text.len() == text.capacity();
        let is_stuck = (unpacker.total_in(), unpacker.total_out()) == (read, written);
        if (is_stuck && !is_full) || text.len() >= UNPACKED_BYTES_MAX {
            return None;
        }
        text.reserve(text.len().max(1024));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DECLINE: &str = include_str!("../../../../events/decline.json");

    fn sample() -> String {
        serde_json::from_str::<serde_json::Value>(DECLINE).unwrap().to_string()
    }

    #[test]
    fn a_decline_shrinks_to_less_than_half() {
        let (text, packed) = (sample(), pack(&sample()).unwrap());
        assert!(packed.as_ref().len() * 2 < text.len(), "{} of {}", packed.as_ref().len(), text.len());
        assert_eq!(unpack(&packed).unwrap(), text);
    }

    /// As an earlier version stored it. If this fails, orders that wait to be submitted can't be read any more.
    #[test]
    fn what_was_packed_once_is_read_for_ever() {
        let stored = Blob::new(unhex(STORED));
        assert_eq!(unpack(&stored).unwrap(), r#"{"version":1,"merchant":"acme","order_id":"INV-1"}"#);
    }

    const STORED: &str = "01c399a5129381de47c9569e7e61bac0100400";

    fn unhex(text: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn what_was_not_packed_here_is_not_read() {
        let packed = pack(&sample()).unwrap().into_inner();
        for length in 0..packed.len() {
            assert_eq!(unpack(&Blob::new(&packed[..length])), None, "cut after {length} bytes");
        }
        let mut other = packed;
        other[0] = FIRST_DICTIONARY + 1;
        assert_eq!(unpack(&Blob::new(other)), None);
        let endless = pack(&" ".repeat(UNPACKED_BYTES_MAX * 2)).unwrap();
        assert_eq!(unpack(&endless), None);
    }

    #[test]
    fn what_was_packed_before_does_not_show() {
        let first = pack(&sample()).unwrap();
        pack(&"another text ".repeat(1000)).unwrap();
        assert_eq!(pack(&sample()).unwrap(), first);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in ".{0,3000}", times in 1_usize..40) {
            let text = text.repeat(times);
            let packed = pack(&text).unwrap();
            prop_assert_eq!(unpack(&packed), Some(text));
        }

        #[test]
        fn no_bytes_at_all_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = FIRST_DICTIONARY;
            }
            unpack(&Blob::new(bytes));
        }
    }
}
