//! The deployed system on one machine: MiniStack (docs/local-stack.md) with `infra/template.yaml` on it.
//!
//! What is started here is stopped here: a [`Stack`] that goes out of scope takes MiniStack and every function's
//! process with it, unless it was asked to [`Options::keep`].
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use local_stack::{MerchantSetup, Options, Stack};
//!
//! let options = Options::new("example").parameter("FlexFactorSandboxUrl", "http://127.0.0.1:9000/v1");
//! let stack = Stack::up(options).await?;
//! stack
//!     .put_merchant(&MerchantSetup {
//!         id: "acme".to_owned(),
//!         config: serde_json::json!({ "enabled": true }),
//!         secret: serde_json::json!({ "app_key": "key" }),
//!     })
//!     .await?;
//! let declines = &stack.outputs().declines_queue_url;
//! stack.sqs().send_message().queue_url(declines).message_body("{}").send().await?;
//! stack.down()
//! # }
//! ```

mod clients;
mod deploy;
mod emulator;
mod invocations;
mod invoke;
mod mappings;
mod merchants;
mod options;
mod server;
mod stack;
mod versions;

pub use deploy::{FUNCTIONS, Outputs};
pub use emulator::Emulator;
pub use invocations::Invocation;
pub use merchants::MerchantSetup;
pub use options::Options;
pub use stack::Stack;
pub use stack_process::{Process, stop_group};
