//! The OpenAPI document, made from the types that are answered and read, and from the table of operations.

use models::decline::Decline;
use models::ids::{MERCHANT_ID_BYTES_MAX, ORDER_ID_BYTES_MAX};
use models::money::Currency;
use models::refusal::Rule;
use models::status::Status;
use models::view::{OrderPage, OrderView, Problem, ProblemCode, RefundBody, ResolutionBody};
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::call::{KEY_BYTES_MAX, PAGE_ORDERS_DEFAULT, PAGE_ORDERS_MAX};
use crate::route::Operation;

/// What an operation answers and takes, for the document.
struct Told {
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    /// Statuses of success, and what each means.
    successes: &'static [(u16, &'static str)],
    problems: &'static [ProblemCode],
}

/// Problems that any call may meet.
const OF_ALL: &[ProblemCode] = &[
    ProblemCode::NotYourMerchant,
    ProblemCode::NotFound,
    ProblemCode::MethodNotAllowed,
    ProblemCode::Internal,
    ProblemCode::StoreUnavailable,
];
/// Problems that any call with a body may meet.
const OF_BODIES: &[ProblemCode] =
    &[ProblemCode::Malformed, ProblemCode::TooLarge, ProblemCode::UnsupportedMediaType];

const fn told(operation: Operation) -> Told {
    match operation {
        Operation::ListOrders => Told {
            id: "listOrders",
            summary: "List a merchant's orders",
            description: "By the time they were received, oldest first. The list is written a moment after the orders are.",
            successes: &[(200, "A page")],
            problems: &[ProblemCode::Malformed],
        },
        Operation::SubmitDecline => Told {
            id: "submitDecline",
            summary: "Submit a decline",
            description: "The same message, screening and way as on the declines queue. The same decline again is no second order.",
            successes: &[(201, "It is an order now"), (200, "It was this order before")],
            problems: &[
                ProblemCode::IdempotencyKeyMissing,
                ProblemCode::DeclineConflict,
                ProblemCode::MerchantMismatch,
            ],
        },
        Operation::ReadOrder => Told {
            id: "readOrder",
            summary: "Read an order with its history",
            description: "As of all that was written before.",
            successes: &[(200, "The order")],
            problems: &[ProblemCode::OrderNotFound],
        },
        Operation::CancelOrder => Told {
            id: "cancelOrder",
            summary: "Cancel an order",
            description: "The wish is kept in the order and pursued until it is confirmed, too late, or handed back to people: `cancel.state` says how far it got. Takes no body.",
            successes: &[(202, "It is wanted, or was before")],
            problems: &[
                ProblemCode::Malformed,
                ProblemCode::IdempotencyKeyMissing,
                ProblemCode::OrderNotFound,
                ProblemCode::OrderApproved,
                ProblemCode::TooLarge,
            ],
        },
        Operation::CaptureOrder => Told {
            id: "captureOrder",
            summary: "Capture an order",
            description: "Takes the whole authorised amount of an order that is `capture_required`: `capture.state` says how far it got. Takes no body.",
            successes: &[(202, "It is wanted, or was before")],
            problems: &[
                ProblemCode::Malformed,
                ProblemCode::IdempotencyKeyMissing,
                ProblemCode::OrderNotFound,
                ProblemCode::NotCapturable,
                ProblemCode::TooLarge,
            ],
        },
        Operation::RefundOrder => Told {
            id: "refundOrder",
            summary: "Refund an order, in part or in full",
            description: "Reserves the amount, calls FlexFactor once, and settles. The same key with the same amount is the same refund and tells how far it got; a new refund needs a new key.",
            successes: &[
                (201, "It was made"),
                (202, "Its outcome is not known yet; the amount stays reserved until it is"),
            ],
            problems: &[
                ProblemCode::IdempotencyKeyMissing,
                ProblemCode::OrderNotFound,
                ProblemCode::NotRefundable,
                ProblemCode::RefundInFlight,
                ProblemCode::OrderDisputed,
                ProblemCode::RefundInvalid,
                ProblemCode::RefundTooLarge,
                ProblemCode::RefundRefusedByProvider,
                ProblemCode::RefundNotMade,
                ProblemCode::IdempotencyKeyReused,
                ProblemCode::ProviderUnavailable,
            ],
        },
        Operation::ResolveRefund => Told {
            id: "resolveRefund",
            summary: "Say what became of a refund",
            description: "For people who looked an `unresolved` refund up in FlexFactor's portal.",
            successes: &[(200, "It is settled so")],
            problems: &[
                ProblemCode::IdempotencyKeyMissing,
                ProblemCode::OrderNotFound,
                ProblemCode::RefundNotFound,
                ProblemCode::NotUnresolved,
            ],
        },
    }
}

/// Schemas for answers or for bodies, which differ in what must be there.
struct Schemas {
    generator: SchemaGenerator,
}

impl Schemas {
    fn new(contract: Contract) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.contract = contract;
        });
        Self { generator: settings.into_generator() }
    }

    fn of<T: JsonSchema>(&mut self) -> Schema {
        self.generator.subschema_for::<T>()
    }
}

/// The document. It says the same each time.
#[must_use]
pub fn document() -> Value {
    let (mut answers, mut bodies) = (Schemas::new(Contract::Serialize), Schemas::new(Contract::Deserialize));
    let mut paths = Map::new();
    for operation in Operation::ALL.iter().copied() {
        let (method, path) = operation.address();
        let entry = paths.entry(path).or_insert_with(|| json!({ "parameters": path_parameters(path) }));
        entry[method.to_lowercase()] = described(operation, &mut answers, &mut bodies);
    }
    let mut schemas = bodies.generator.take_definitions(true);
    schemas.extend(answers.generator.take_definitions(true));
    refine(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rebill-rescue: orders",
            "version": "1",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "Orders that are rescued by FlexFactor: read, list, submit, cancel, capture, refund. Calls are signed \
                            with AWS Signature Version 4 for the service execute-api, or carry a bearer token where the deployment \
                            has an issuer."
        },
        "servers": [{ "url": "https://{host}", "variables": { "host": {
            "default": "api-id.execute-api.us-east-1.amazonaws.com", "description": "The stack's output OrderApiUrl, without https://"
        } } }],
        "security": [{ "sigv4": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "sigv4": { "type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4" },
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }
            },
            "schemas": schemas
        }
    })
}

fn described(operation: Operation, answers: &mut Schemas, bodies: &mut Schemas) -> Value {
    let Told { id, summary, description, successes, problems } = told(operation);
    let answer = match operation {
        Operation::ListOrders => answers.of::<OrderPage>(),
        Operation::SubmitDecline
        | Operation::ReadOrder
        | Operation::CancelOrder
        | Operation::CaptureOrder
        | Operation::RefundOrder
        | Operation::ResolveRefund => answers.of::<OrderView>(),
    };
    let body = match operation {
        Operation::SubmitDecline => Some(bodies.of::<Decline>()),
        Operation::RefundOrder => Some(bodies.of::<RefundBody>()),
        Operation::ResolveRefund => Some(bodies.of::<ResolutionBody>()),
        Operation::ListOrders | Operation::ReadOrder | Operation::CancelOrder | Operation::CaptureOrder => {
            None
        }
    };
    let mut responses = Map::new();
    for (status, meaning) in successes {
        let content = json!({ "application/json": { "schema": answer } });
        responses.insert(status.to_string(), json!({ "description": meaning, "content": content }));
    }
    let of_bodies = if body.is_some() { OF_BODIES } else { &[] };
    for (status, codes) in by_status(operation, problems.iter().chain(of_bodies).chain(OF_ALL)) {
        let problem = answers.of::<Problem>();
        let mut content = json!({ "application/problem+json": { "schema": problem } });
        // API Gateway's own answers are no problems: 403 without a right, 404 beside its route.
        if status == 403 || status == 404 {
            content["application/json"] = json!({ "schema": gateway_message() });
        }
        responses.insert(status.to_string(), json!({ "description": codes, "content": content }));
    }
    for (status, meaning) in
        [(401, "API Gateway: the token is missing or not valid"), (429, "API Gateway: too many calls")]
    {
        let content = json!({ "application/json": { "schema": gateway_message() } });
        responses.insert(status.to_string(), json!({ "description": meaning, "content": content }));
    }
    let mut parameters = if operation == Operation::ListOrders { query_parameters() } else { Vec::new() };
    if operation.address().0 == "POST" {
        parameters.push(key_parameter());
    }
    let mut described = json!({
        "operationId": id, "summary": summary, "description": description, "parameters": parameters, "responses": responses
    });
    if let Some(schema) = body {
        described["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    described
}

fn gateway_message() -> Value {
    json!({ "type": "object", "properties": { "message": { "type": "string" } }, "required": ["message"] })
}

/// The codes of each status; for a decline, the rules' own codes as well.
fn by_status<'a>(
    operation: Operation,
    problems: impl Iterator<Item = &'a ProblemCode>,
) -> std::collections::BTreeMap<u16, String> {
    let mut by_status: std::collections::BTreeMap<u16, Vec<&str>> = std::collections::BTreeMap::new();
    for problem in problems {
        by_status.entry(problem.status()).or_default().push(problem.code());
    }
    if operation == Operation::SubmitDecline {
        by_status.entry(422).or_default().extend(Rule::ALL.iter().map(|rule| rule.code()));
    }
    let shown =
        |codes: Vec<&str>| codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    by_status.into_iter().map(|(status, codes)| (status, shown(codes))).collect()
}

fn path_parameters(path: &str) -> Value {
    let all = [
        (
            "merchant",
            json!({ "type": "string", "pattern": "^[a-z0-9-]+$", "maxLength": MERCHANT_ID_BYTES_MAX }),
        ),
        ("order_id", json!({ "type": "string", "pattern": "^[!-~]+$", "maxLength": ORDER_ID_BYTES_MAX })),
        ("refund_id", json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })),
    ];
    let there = all.into_iter().filter(|(name, _)| path.contains(&format!("{{{name}}}")));
    there
        .map(|(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema }))
        .collect()
}

fn query_parameters() -> Vec<Value> {
    let words: Vec<&str> = Status::ALL.iter().map(|status| status.word()).collect();
    let time = json!({ "type": "string", "format": "date-time" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_ORDERS_MAX, "default": PAGE_ORDERS_DEFAULT });
    [
        ("status", "Only orders of this status.", json!({ "type": "string", "enum": words })),
        ("from", "Only orders that were received at this time or later.", time.clone()),
        ("to", "Only orders that were received before this time.", time),
        ("limit", "Most orders of the page.", limit),
        ("cursor", "`next_cursor` of the page before, as it was given.", json!({ "type": "string" })),
    ]
    .into_iter()
    .map(|(name, description, schema)| {
        json!({ "name": name, "in": "query", "description": description, "schema": schema })
    })
    .collect()
}

fn key_parameter() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": true,
        "description": "The same for each try of one call; it counts for one order and operation.",
        "schema": { "type": "string", "pattern": "^[!-~]([ -~]*[!-~])?$", "minLength": 1, "maxLength": KEY_BYTES_MAX }
    })
}

/// What the types say in their parsers and not in their shapes.
fn refine(schemas: &mut Map<String, Value>) {
    let reason = schemas.get_mut("RefundBody").and_then(|schema| schema.pointer_mut("/properties/reason"));
    if let Some(reason) = reason {
        reason["maxLength"] = crate::refunds::REASON_CHARS_MAX.into();
        reason["pattern"] = r"^[^\x00-\x1f\x7f-\x9f]*$".into();
    }
    if let Some(currency) = schemas.get_mut("Currency") {
        currency["enum"] = currencies().into();
    }
}

/// All codes that are read.
fn currencies() -> Vec<String> {
    let letters = || 'A'..='Z';
    let codes = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
    codes.map(String::from_iter).filter(|code| code.parse::<Currency>().is_ok()).collect()
}
