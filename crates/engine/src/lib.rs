//! Everything durable and everything that delivers.
//!
//! Adapters reach the use cases through [`acting`], which asks [`access`] who may. The use cases ([`programs`], [`webhooks`], [`drafts`], [`events`], [`deliveries`], [`tests`](test_deliveries), [`inbox`])
//! are called by REST and editor alike. They read through [`store`] and [`directory`], and write through the one
//! task that commits ([`delivery::writer`]). Knows neither HTTP servers nor pages nor the environment.

pub mod access;
pub mod acting;
mod activity;
pub mod api_keys;
pub mod audit;
pub mod changes;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod deliveries;
pub mod delivery;
pub mod directory;
pub mod drafts;
mod emitted;
mod engine;
pub mod erasures;
pub mod error;
pub mod events;
pub mod feeds;
mod first_steps;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod health;
pub mod id;
pub mod inbox;
pub mod incidents;
mod leading;
pub mod meters;
pub mod nodes;
pub mod notices;
mod old_secrets;
mod operations;
pub mod people;
pub mod programs;
pub mod queue_depth;
pub mod randomness;
pub mod resends;
mod retention;
pub mod store;
pub mod telling;
pub mod test_deliveries;
pub mod traces;
pub mod webhooks;

pub use engine::{Engine, EngineParts, Outside};
pub use error::EngineError;
