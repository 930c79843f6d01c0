//! The engine's integration tests: one binary, a module per subject.

mod engine;
mod standing;
mod store;
