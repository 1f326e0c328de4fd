//! Text to fill bodies with: words and short numbers, as descriptors and remarks have them, and nothing that looks like a card
//! number.

const WORDS: &str = "payment 4 of 12 for the plus plan, billed monthly to the card on file; ";

/// So many bytes of it.
pub(crate) fn text(bytes: usize) -> String {
    let mut text: String = WORDS.chars().cycle().take(bytes).collect();
    // A text that ends in a space may be cut by whoever trims.
    if text.ends_with(' ') {
        text.pop();
        text.push('.');
    }
    text
}
