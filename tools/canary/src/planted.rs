//! The values that are planted. None of them belongs to anybody.

/// What a canary stands for, and so where it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A card number with a right check digit: nowhere, in any dress.
    CardNumber,
    /// A CVV, credential or bearer token: nowhere.
    Secret,
    /// The same, in base64: its bytes give it away as well.
    Key,
    /// Personal data or a card token: in the order while FlexFactor's answer is not known, in no log at all.
    Personal,
}

/// A value that is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// What findings call it.
    pub name: &'static str,
    /// What it stands for.
    pub kind: Kind,
    /// The value.
    pub value: &'static str,
}

const fn canary(name: &'static str, kind: Kind, value: &'static str) -> Canary {
    Canary { name, kind, value }
}

/// All of them.
pub const CANARIES: &[Canary] = &[
    canary("visa", Kind::CardNumber, "4539824591510222"),
    canary("mastercard", Kind::CardNumber, "5412552295655915"),
    canary("mastercard 2-series", Kind::CardNumber, "2720361715213352"),
    canary("amex", Kind::CardNumber, "374305860339226"),
    canary("discover", Kind::CardNumber, "6011499556697645"),
    canary("jcb", Kind::CardNumber, "3566803937876776"),
    canary("diners", Kind::CardNumber, "36211795161752"),
    canary("maestro", Kind::CardNumber, "6759412434096574502"),
    // Longer than any CVV, so that nothing else is taken for it; it is known by its field's name.
    canary("cvv", Kind::Secret, "975318642"),
    // The credentials of the rig's merchants.
    canary("acme next app key", Kind::Secret, "q7Jd0VtYx2mNnR8cLwUeB5sZ/oHkP3fGa1TiXy6A"),
    canary("acme next app secret", Kind::Secret, "Zr4+uMb1WqKs9EoTj6XvYc3pDhLg8NfQw2RaSi5B"),
    canary("acme app key", Kind::Secret, "UlxWFsBCw660IMWfe7/aMnGcKX549S0yINBH/q3W"),
    canary(
        "acme app secret",
        Kind::Secret,
        "AQAAAAEAACcQ3uvb675lrGRtqxXjHP9kQFc9wCorUFJUroynu5MV5ecpEcKwplz+gjS7brbM1GURxwDuYA==",
    ),
    canary(
        "acme webhook key",
        Kind::Key,
        "YWNtZS13ZWJob29rLWtleS1vZi02NC1ieXRlcy0tZm9yLWxvY2FsLXRlc3RzLW9ubHktLS0tLS0tLS0tLS0tLS0tLQ==",
    ),
    canary("globex app key", Kind::Secret, "KxqDVg8lFY1TQ4vP7kupQ6ri0y7/KGRjHyyItBS7"),
    canary(
        "globex app secret",
        Kind::Secret,
        "AQAAAAEAACcQ+EdVHXdnX3puKqyJLMcSg91Hgb4eg2CePuQDjCWtLYJ7O+R+/6W3s3azuvOVzy9M29OOCg==",
    ),
    canary(
        "globex webhook key",
        Kind::Key,
        "Z2xvYmV4LXdlYmhvb2sta2V5LW9mLTY0LWJ5dGVzLWZvci1sb2NhbC10ZXN0cy1vbmx5LS0tLS0tLS0tLS0tLS0tLQ==",
    ),
    // How every bearer token of the sandbox begins: the header of its JWT.
    canary("bearer token", Kind::Secret, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"),
    // What every decline of the rig carries.
    canary("email", Kind::Personal, "canary.person@rebill-rescue.test"),
    canary("phone", Kind::Personal, "+15550104477"),
    canary("holder", Kind::Personal, "Canaria Testperson"),
    canary("street", Kind::Personal, "77 Canary Wharf Lane"),
    // How the token of every card in them begins.
    canary("card token", Kind::Personal, "ca4a47ca-4a47-4"),
];

/// The value of the canary with this name; empty if there is none.
#[must_use]
pub const fn planted(name: &str) -> &'static str {
    let mut index = 0;
    while index < CANARIES.len() {
        if is(CANARIES[index].name, name) {
            return CANARIES[index].value;
        }
        index += 1;
    }
    ""
}

const fn is(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_known_by_its_name() {
        for canary in CANARIES {
            assert_eq!(planted(canary.name), canary.value);
        }
        assert_eq!(planted("vis"), "");
    }
}
