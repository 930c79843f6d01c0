//! The engine's integration tests: one binary, a module per subject.

mod engine;
mod moves;
mod own_headers;
mod standing;
mod store;
