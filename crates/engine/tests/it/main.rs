//! The engine's integration tests: one binary, a module per subject.

mod accounts;
mod audit;
mod changed_url;
mod drafts;
mod editor_links;
mod egress;
mod engine;
mod erasures;
mod feeds;
mod health;
mod incidents;
mod large_bodies;
mod moves;
mod old_secrets;
mod own_headers;
mod provider;
mod receiver;
mod resends;
mod standing;
mod store;
mod team;
mod telling;
