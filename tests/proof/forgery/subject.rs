//! Who is put to the proof: the handler, the verifier alone, and a verifier written here that can be broken on purpose.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use flexfactor::webhook::{Delivery, Notice, Policy, WebhookKey, verify};
use jiff::SignedDuration;
use models::merchant::Environment;

use super::letter::{SCHEME, hash_of, mac, now};
use super::wire::{SIGNED, Wire};
use super::worlds::{HOST, PARTIES, Party, WINDOW_SECONDS, World};
use super::{handler, vary};

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The sender was told that all is well.
    pub(crate) is_taken: bool,
    /// The table was asked to write something.
    pub(crate) is_written: bool,
    /// There is something in the table that was not there before.
    pub(crate) is_kept: bool,
}

impl Seen {
    const fn all(is_it: bool) -> Self {
        Self { is_taken: is_it, is_written: is_it, is_kept: is_it }
    }
}

/// A protection that the reference can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    ContentHash,
    DateForm,
    DateWindow,
    NonceForm,
    Signature,
    ExpectedHost,
    OwnKeys,
    RemovedKeys,
    TestFlag,
    OnlyOneHeader,
    SchemeForm,
    StrictBase64,
    ExactDate,
    // Too strict: each of these refuses what is genuine.
    SecondKey,
    Base64Transport,
    TrailingSlash,
    HeaderNameCase,
    UnknownEvents,
    WholeWindow,
}

impl Protection {
    pub(crate) const ALL: [Self; 19] = [
        Self::ContentHash,
        Self::DateForm,
        Self::DateWindow,
        Self::NonceForm,
        Self::Signature,
        Self::ExpectedHost,
        Self::OwnKeys,
        Self::RemovedKeys,
        Self::TestFlag,
        Self::OnlyOneHeader,
        Self::SchemeForm,
        Self::StrictBase64,
        Self::ExactDate,
        Self::SecondKey,
        Self::Base64Transport,
        Self::TrailingSlash,
        Self::HeaderNameCase,
        Self::UnknownEvents,
        Self::WholeWindow,
    ];
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Handler,
    Verifier,
    Reference(Option<Protection>),
}

impl Subject {
    pub(crate) fn seen(self, wire: &Wire, world: World) -> Seen {
        match self {
            Self::Handler => handler::seen(wire, world),
            Self::Verifier => Seen::all(verifier(wire, world).is_some()),
            Self::Reference(without) => Seen::all(reference(wire, world, without).is_some()),
        }
    }
}

fn addressee(merchant: Option<&str>) -> Option<&'static Party> {
    PARTIES.into_iter().find(|party| Some(party.id) == merchant)
}

fn verifier(wire: &Wire, world: World) -> Option<()> {
    let meaning = wire.meaning();
    let party = addressee(meaning.merchant.as_deref())?;
    let keys: Vec<_> =
        world.keys(party.id).1.into_iter().map(|key| WebhookKey::from_base64(key).unwrap()).collect();
    let [authorization, content_sha512, date, nonce] = &meaning.headers;
    let body = meaning.body?;
    let delivery = Delivery {
        authorization: authorization.as_deref(),
        content_sha512: content_sha512.as_deref(),
        date: date.as_deref(),
        nonce: nonce.as_deref(),
        body: &body,
    };
    let policy = Policy { host: HOST, date_window: SignedDuration::from_secs(WINDOW_SECONDS) };
    let verified = verify(&delivery, &keys, &policy, now()).ok()?;
    let environment = if party.is_test { Environment::Sandbox } else { Environment::Production };
    Notice::read(verified, environment).ok().map(drop)
}

/// The rules of docs/flexfactor.md once more, in other words; without one of them where that is asked for.
fn reference(wire: &Wire, world: World, without: Option<Protection>) -> Option<()> {
    use Protection as P;
    let lacks = |protection| without == Some(protection);
    let must = |holds: bool, protection| (holds || lacks(protection)).then_some(());

    let meaning = wire.meaning();
    let party = addressee(meaning.merchant.as_deref())?;
    let mut headers = meaning.headers;
    if lacks(P::OnlyOneHeader) {
        let first = |name: &str| wire.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        headers = SIGNED.map(|name| first(name).and_then(|(_, values)| values.first().cloned()));
    }
    let [authorization, claimed_hash, date, nonce] = headers;
    let (authorization, claimed_hash, date, nonce) = (authorization?, claimed_hash?, date?, nonce?);
    let body = meaning.body?;

    let hash = hash_of(&body);
    must(claimed_hash == hash, P::ContentHash)?;
    let hash = if lacks(P::ContentHash) { claimed_hash } else { hash };

    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    must(!nonce.is_empty() && nonce.len() <= 128 && nonce.chars().all(plain), P::NonceForm)?;

    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&date).ok();
    must(parsed.is_some(), P::DateForm)?;
    let off = parsed.unwrap_or_else(now).as_second() - now().as_second();
    must(off.abs() <= WINDOW_SECONDS, P::DateWindow)?;
    // Signs the moment and not the text, as if all ways to write it were one.
    let date = if lacks(P::ExactDate) { super::letter::http_date(parsed?) } else { date };

    let (scheme, signature) = authorization.split_once("Signature=").unwrap_or(("", ""));
    must(format!("{scheme}Signature=") == SCHEME, P::SchemeForm)?;
    let signature = match lacks(P::StrictBase64) {
        true => {
            LENIENT.decode(signature.trim().replace('-', "+").replace('_', "/").trim_end_matches('=')).ok()?
        }
        false => STANDARD.decode(signature).ok()?,
    };

    let host = match lacks(P::ExpectedHost) {
        true => wire.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"))?.1.first()?,
        false => HOST,
    };
    let mut keys = world.keys(party.id).1;
    if lacks(P::OwnKeys) {
        keys.extend(PARTIES.iter().flat_map(|party| world.keys(party.id).1));
    }
    if lacks(P::RemovedKeys) && party.id == "acme" {
        keys.extend(World::Before.keys(party.id).1);
    }
    if lacks(P::SecondKey) {
        keys.truncate(1);
    }
    let signed = format!("POST\n{nonce};{date};{host};{hash}");
    let is_signed = keys.iter().any(|key| {
        let key = STANDARD.decode(key).unwrap();
        STANDARD.decode(mac(&key, signed.as_bytes())).unwrap() == signature
    });
    must(is_signed, P::Signature)?;

    let flag = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let flag = flag.as_ref().and_then(|body| body.get("IsTestMode")?.as_bool());
    must(flag.is_none_or(|flag| flag == party.is_test), P::TestFlag)?;

    let is_too_strict = match without {
        Some(P::Base64Transport) => wire.transport == super::wire::Transport::Base64,
        Some(P::TrailingSlash) => wire.path.ends_with('/'),
        Some(P::HeaderNameCase) => wire.headers.iter().any(|(name, _)| *name != name.to_ascii_lowercase()),
        Some(P::UnknownEvents) => !vary::is_known_event(&body),
        Some(P::WholeWindow) => off.abs() == WINDOW_SECONDS,
        _ => false,
    };
    (!is_too_strict).then_some(())
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
