//! Changes of one signed or signing header on its way.

use fastrand::Rng;

/// What is changed of a header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderChange {
    Joined,
    Empty,
    Bit,
    Insert,
    Delete,
    Swap,
    Space,
    Percent,
    Alphabet,
    Padding,
    Append,
    Case,
}

impl HeaderChange {
    pub(crate) const ALL: [Self; 12] = [
        Self::Joined,
        Self::Empty,
        Self::Bit,
        Self::Insert,
        Self::Delete,
        Self::Swap,
        Self::Space,
        Self::Percent,
        Self::Alphabet,
        Self::Padding,
        Self::Append,
        Self::Case,
    ];

    pub(crate) fn spoil(self, value: &mut String, rng: &mut Rng) {
        let at = rng.usize(..value.len().max(1));
        let (before, after) = value.split_at_checked(at).unwrap_or((value, ""));
        *value = match self {
            Self::Joined => [format!("{value},{value}"), format!("{value}, x"), format!(",{value}")]
                [rng.usize(..3)]
            .clone(),
            Self::Empty => String::new(),
            Self::Bit => {
                let flip = 1 << rng.u8(..7);
                value
                    .char_indices()
                    .map(|(index, c)| if index == at { flipped(c, flip) } else { c })
                    .collect()
            }
            Self::Insert => format!("{before}{}{after}", char::from(rng.u8(32..127))),
            Self::Delete => format!("{before}{}", after.chars().skip(1).collect::<String>()),
            Self::Swap => {
                let mut chars: Vec<char> = value.chars().collect();
                if !chars.is_empty() {
                    let (one, two) = (rng.usize(..chars.len()), rng.usize(..chars.len()));
                    chars.swap(one, two);
                }
                chars.into_iter().collect()
            }
            Self::Space => {
                [format!(" {value}"), format!("{value} "), format!("\t{value}"), format!("\"{value}\"")]
                    [rng.usize(..4)]
                .clone()
            }
            Self::Percent => {
                value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace(' ', "%20")
            }
            Self::Alphabet => value.replace('+', "-").replace('/', "_"),
            Self::Padding => match rng.bool() {
                true => value.trim_end_matches('=').to_owned(),
                false => format!("{value}="),
            },
            Self::Append => format!("{value}{}", [";", "&a=b", "A", "0", " GMT", "\n"][rng.usize(..6)]),
            Self::Case => match rng.u8(..3) {
                0 => value.to_ascii_lowercase(),
                1 => value.to_ascii_uppercase(),
                _ => value
                    .char_indices()
                    .map(|(i, c)| if i == at && c.is_ascii_alphabetic() { flipped(c, 0x20) } else { c })
                    .collect(),
            },
        };
    }
}

fn flipped(c: char, bits: u8) -> char {
    u8::try_from(c).map_or(c, |byte| char::from(byte ^ bits))
}
