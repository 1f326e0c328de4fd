//! The deployed stack with the sandbox as its FlexFactor and two merchants set up: what the demo and the end-to-end tests
//! stand on. What came of a run is judged from the sandbox's ledger and the table, never from counts of our own.

mod compare;
mod control;
mod declines;
mod histories;
mod merchants;
mod observe;
mod outcomes;
mod provider;
mod proxies;
mod proxy;
mod sending;
mod transmissions;
mod up;

pub use compare::{Finding, FindingKind, compare};
pub use control::Control;
pub use declines::{Decline, order_id};
pub use histories::broken_histories;
pub use merchants::{Account, MANAGED, UNMANAGED, WEBHOOK_HOST, account, rotated};
pub use observe::{Answer, Call, Observe};
pub use order_store::dynamo::{Books, ParkedItem};
pub use outcomes::unpublished;
pub use proxies::Proxies;
pub use proxy::{Fault, Proxy};
pub use sandbox::{Ledger, OrderEntry, TransmittedEntry};
pub use sending::send_to;
pub use transmissions::Transmission;
pub use up::{Rig, RigOptions};
