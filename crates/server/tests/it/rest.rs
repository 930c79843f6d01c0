//! The REST API, rule by rule, as the official clients and the delivery contract have it.

mod access;
mod batches;
mod campaigns;
#[cfg(target_os = "linux")]
mod compressed;
mod deliveries;
mod description;
mod egress;
mod events;
mod idempotency;
mod incidents;
mod keys;
mod log;
mod overload;
mod urls;
mod webhooks;
