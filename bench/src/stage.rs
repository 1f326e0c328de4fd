//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::Bench;
use crate::section::Section;
use crate::{intake, webhook};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// Webhooks through the local stack.
    Webhook,
    /// Declines from the queue to the table.
    Intake,
}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 2] = [Self::Webhook, Self::Intake];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Webhook => "Webhooks",
            Self::Intake => "Intake",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Webhook => webhook::run(bench).await,
            Self::Intake => intake::run(bench).await,
        }
    }
}
