//! The engine's integration tests: one binary, a module per subject.

mod accounts;
mod audit;
mod drafts;
mod egress;
mod engine;
mod feeds;
mod moves;
mod old_secrets;
mod own_headers;
mod receiver;
mod standing;
mod store;
