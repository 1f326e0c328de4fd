//! From what our client would send to what the sandbox reads.

use jiff::Timestamp;
use sandbox::domain::refusal::Refusal;
use sandbox::domain::request::{self, EvaluateRequest};
use sandbox::domain::world::World;
use serde_json::Value;

/// Reads a request as the sandbox's HTTP side does.
pub(super) fn read(
    world: &World,
    mid: &str,
    request: &Value,
    now: Timestamp,
) -> Result<EvaluateRequest, Refusal> {
    let merchant = world.merchants().get(mid).ok_or_else(|| Refusal::new(403, "The merchant is unknown."))?;
    request::read(request, merchant, &world.settings().evaluate, &world.vault, now)
}
