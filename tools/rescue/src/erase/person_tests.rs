use super::*;
use serde_json::json;

fn person() -> Person {
    Person {
        merchant: "acme".parse().unwrap(),
        emails: ["pat@example.com", "o'connor99@example.com"].map(str::to_owned).into(),
        customers: ["cus-7", "4711", "auth0|77"].map(str::to_owned).into(),
        orders: ["INV/1", "INV-1"].map(|id| id.parse().unwrap()).into(),
    }
}

#[test]
fn a_message_is_a_person_s_by_address_id_or_order() {
    for (message, expected) in [
        (json!({ "merchant": "acme", "customer": { "email": "Pat@Example.com " } }), Match::Theirs),
        (json!({ "merchant": "acme", "customer": { "id": "cus-7" } }), Match::Theirs),
        (json!({ "merchant": "acme", "customer": { "id": 4711 } }), Match::Theirs),
        (json!({ "merchant": "acme", "order_id": "INV-1" }), Match::Theirs),
        (json!({ "ExternalOrderId": "INV/1" }), Match::Theirs),
        (json!({ "Data": [{ "payer": { "mail": "Pat <pat@example.com>" } }] }), Match::Theirs),
        (json!({ "customer": { "email": "pat@example.com" } }), Match::Theirs),
        (json!({ "Message": json!({ "customer": { "id": "cus-7" } }).to_string() }), Match::Theirs),
        (
            json!({ "Message": json!({ "merchant": "other", "customer": { "id": "cus-7" } }).to_string() }),
            Match::No,
        ),
        (json!({ "merchant": "other", "customer": { "email": "pat@example.com" } }), Match::No),
        (json!({ "merchant": "other", "order_id": "INV-1" }), Match::No),
        (
            json!({ "merchant": "acme", "customer": { "email": "chris.pat@example.com", "id": "cus-77" } }),
            Match::No,
        ),
        (
            json!({ "merchant": "acme", "transaction": { "id": "cus-7" }, "amount": { "minor": 4711 } }),
            Match::No,
        ),
        (json!({ "merchant": "acme", "customer": { "email": "", "id": " " } }), Match::No),
    ] {
        assert_eq!(person().is_in(&message.to_string()), expected, "{message}");
    }
}

#[test]
fn what_is_not_json_is_a_person_s_by_address_and_may_be_by_an_id() {
    for (text, expected) in [
        ("merchant=acme;email=PAT@example.com;", Match::Theirs),
        ("mail to pat@example.com.", Match::Theirs),
        ("'o'connor99@example.com'", Match::Theirs),
        ("\"pat@example.com\"", Match::Theirs),
        ("{\"customer\": {\"id\": \"cus-7\", ", Match::Perhaps),
        ("order INV/1 of auth0|77", Match::Perhaps),
        ("postal code 4711", Match::Perhaps),
        // As the copy of it is kept, with its digits masked.
        ("{\"customer\": {\"id\": \"cus-#\", ", Match::Perhaps),
        ("o'connor##@example.com", Match::Perhaps),
        ("cus-77, INV-12, a.pat@example.com, pat@example.com.au, x4711, connor99@example.com", Match::No),
        ("cus-##, INV-##, connor##@example.com", Match::No),
        ("", Match::No),
        ("4711", Match::Perhaps),
    ] {
        assert_eq!(person().is_in(text), expected, "{text}");
    }
}
