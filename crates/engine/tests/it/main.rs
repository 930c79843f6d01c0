//! The engine's integration tests: one binary, a module per subject.

mod engine;
mod moves;
mod standing;
mod store;
