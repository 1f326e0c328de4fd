//! Inputs of the CPU benchmarks.
