//! The card vault. It keeps what the triggers need and never a card number.

use std::collections::HashMap;

/// Test cards that decide fates (recorded: ActiveMerchant's remote tests).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TestCard {
    /// 4000002760003184
    Approving,
    /// 4111111111111111
    Challenging,
    /// 4000300011112220
    Declining,
}

impl TestCard {
    /// Recognises a test card by its number.
    #[must_use]
    pub fn by_number(number: &str) -> Option<Self> {
        match number {
            "4000002760003184" => Some(Self::Approving),
            "4111111111111111" => Some(Self::Challenging),
            "4000300011112220" => Some(Self::Declining),
            _ => None,
        }
    }

    /// Recognises it by the first six and the last four digits: all there is beside a token from elsewhere.
    #[must_use]
    pub fn by_ends(bin: &str, last4: &str) -> Option<Self> {
        match (bin.get(..6)?, last4) {
            ("400000", "3184") => Some(Self::Approving),
            ("411111", "1111") => Some(Self::Challenging),
            ("400030", "2220") => Some(Self::Declining),
            _ => None,
        }
    }
}

/// What the vault keeps of a card.
#[derive(Clone, Debug)]
pub struct Card {
    /// A test card, if it is one.
    pub test_card: Option<TestCard>,
    /// Whether it came with a CVV.
    pub had_cvv: bool,
}

/// Cards by token.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    cards: HashMap<String, Card>,
}

impl Vault {
    /// Keeps a card under its token.
    pub fn put(&mut self, token: String, card: Card) {
        self.cards.insert(token, card);
    }

    /// The card of a token issued here.
    #[must_use]
    pub fn get(&self, token: &str) -> Option<&Card> {
        self.cards.get(token)
    }

    /// How many cards it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cards.len() as u64
    }
}
