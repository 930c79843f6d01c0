//! The REST API, rule by rule, as the official clients and the delivery contract have it.

mod access;
mod batches;
mod campaigns;
mod deliveries;
mod description;
mod events;
mod idempotency;
mod log;
mod overload;
mod urls;
mod webhooks;
