//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::section::Section;
use crate::{Bench, cost, cpu, growth, size, start};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Start,
    Cpu,
    Cost,
    Growth,
    Size,
}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 5] = [Self::Start, Self::Cpu, Self::Cost, Self::Growth, Self::Size];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Start => "start and memory",
            Self::Cpu => "CPU of the hot paths",
            Self::Cost => "cost of an order",
            Self::Growth => "growth with what is stored",
            Self::Size => "size",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Start => start::run(bench).await,
            Self::Cpu => cpu::run(bench).await,
            Self::Cost => cost::run(bench).await,
            Self::Growth => growth::run(bench).await,
            Self::Size => size::run(bench),
        }
    }
}
