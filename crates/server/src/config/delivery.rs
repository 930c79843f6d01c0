//! How much is sent at once, and how long an attempt may take.

use serde::Deserialize;

use super::given::{Given, over};

/// Flags about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct DeliveryArgs {
    /// Requests under way at once, to all webhooks together.
    #[arg(long, env = "GROUNDSWELL_DELIVERY_SLOTS", value_name = "COUNT")]
    delivery_slots: Option<Given<usize>>,
    /// Requests under way at once to one webhook.
    #[arg(long, env = "GROUNDSWELL_ENDPOINT_SLOTS", value_name = "COUNT")]
    endpoint_slots: Option<Given<usize>>,
    /// How long connecting to a receiver may take, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_CONNECT_TIMEOUT_MS", value_name = "MS")]
    connect_timeout_ms: Option<Given<u64>>,
    /// How long a whole attempt may take, in milliseconds, unless the webhook has a time of its own.
    #[arg(long, env = "GROUNDSWELL_TOTAL_TIMEOUT_MS", value_name = "MS")]
    total_timeout_ms: Option<Given<u64>>,
}

/// The same in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DeliverySection {
    pub(super) slots: Option<usize>,
    pub(super) endpoint_slots: Option<usize>,
    pub(super) connect_timeout_ms: Option<u64>,
    pub(super) total_timeout_ms: Option<u64>,
}

impl DeliveryArgs {
    /// The flags before the file.
    pub(super) fn over(&self, file: &DeliverySection) -> anyhow::Result<DeliverySection> {
        Ok(DeliverySection {
            slots: over(self.delivery_slots.as_ref(), file.slots)?,
            endpoint_slots: over(self.endpoint_slots.as_ref(), file.endpoint_slots)?,
            connect_timeout_ms: over(self.connect_timeout_ms.as_ref(), file.connect_timeout_ms)?,
            total_timeout_ms: over(self.total_timeout_ms.as_ref(), file.total_timeout_ms)?,
        })
    }
}
