//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::section::Section;
use crate::{Bench, cost, cpu, growth, intake, size, start, webhook};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// From a process's start to its first answer, and memory.
    Start,
    /// Webhooks through the local stack.
    Webhook,
    /// Declines from the queue to the table.
    Intake,
    /// What the functions' own work costs in CPU.
    Cpu,
    /// What an order costs, by life.
    Cost,
    /// Whether work grows with what is stored.
    Growth,
    /// Packages as they are deployed.
    Size,
}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 7] =
        [Self::Start, Self::Webhook, Self::Intake, Self::Cpu, Self::Cost, Self::Growth, Self::Size];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Start => "Start and memory",
            Self::Webhook => "Webhooks",
            Self::Intake => "Intake",
            Self::Cpu => "CPU",
            Self::Cost => "Cost of an order",
            Self::Growth => "Growth",
            Self::Size => "Size",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Start => start::run(bench).await,
            Self::Webhook => webhook::run(bench).await,
            Self::Intake => intake::run(bench).await,
            Self::Cpu => cpu::run(bench).await,
            Self::Cost => cost::run(bench).await,
            Self::Growth => growth::run(bench).await,
            Self::Size => size::run(bench),
        }
    }
}
