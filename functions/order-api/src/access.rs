//! Whose orders a caller may see and change. API Gateway has authenticated it before: by IAM, where the caller's policy says
//! which merchants' paths it may call, or by a JWT, whose claim is compared here.

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};
use models::ids::MerchantId;

/// How callers are authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// By AWS: the caller's policy allows paths, and so merchants.
    Iam,
    /// By a token: this claim of it names the merchant, or a list of them.
    Jwt {
        /// The claim's name.
        claim: String,
    },
}

impl Authorization {
    /// Whether the caller may see and change this merchant's orders.
    #[must_use]
    pub fn permits(&self, request: &Request, merchant: &MerchantId) -> bool {
        match self {
            Self::Iam => true,
            Self::Jwt { claim } => claimed(request, claim).is_some_and(|value| names(&value, merchant)),
        }
    }
}

/// The claim as API Gateway hands it on: a text, whatever it was in the token.
fn claimed(request: &Request, claim: &str) -> Option<String> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => {
            context.authorizer.as_ref()?.jwt.as_ref()?.claims.get(claim).cloned()
        }
        // Lambda's HTTP events have other kinds, which this function is not called with.
        _ => None,
    }
}

/// One id, or a list of them: API Gateway writes `["acme","globex"]` as `[acme globex]`. No id holds a bracket, a space, a
/// comma or a quotation mark.
fn names(value: &str, merchant: &MerchantId) -> bool {
    match value.strip_prefix('[').and_then(|value| value.strip_suffix(']')) {
        Some(list) => {
            let mut ids = list.split([' ', ',']).map(|id| id.trim_matches('"'));
            ids.any(|id| id == merchant.as_str())
        }
        None => value == merchant.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_one_id_or_a_list_and_never_a_part_of_an_id() {
        let acme = "acme".parse().unwrap();
        for value in ["acme", "[acme]", "[globex acme]", "[\"globex\",\"acme\"]", "[globex, acme]"] {
            assert!(names(value, &acme), "{value}");
        }
        for value in ["", "acme ", "acme globex", "acme-2", "[acme-2]", "[]", "[acme", "ACME", "*", "[*]"] {
            assert!(!names(value, &acme), "{value}");
        }
    }
}
