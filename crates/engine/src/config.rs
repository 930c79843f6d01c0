//! The engine's settings, plain: where they come from is the server's business.

use std::net::SocketAddr;

use url::Url;

use crate::delivery::guard::Rule;
use crate::health::HealthPolicy;
use crate::telling::TellingPolicy;

/// All settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    pub retry: RetryPolicy,
    pub breaker: BreakerPolicy,
    pub sending: SendingConfig,
    pub health: HealthPolicy,
    pub telling: TellingPolicy,
    /// What this server is reached at from outside. Without it programs have no inboxes.
    pub public_url: Option<Url>,
    /// What deliveries may reach besides public addresses.
    pub egress_allow: Vec<Rule>,
    /// Where this server listens, be it for metrics; deliveries never go there.
    pub own_listeners: Vec<SocketAddr>,
    /// Requests under way at once, over all endpoints.
    pub slots: usize,
    /// Events, deliveries and attempts are kept for so long after acceptance, and what is parked, too.
    pub retention_ms: i64,
    /// Requests under way at once to one endpoint.
    pub endpoint_slots: usize,
    /// How long a shard stays with a node that is not heard of any more, where there are several.
    pub lease_ms: i64,
}

/// When a failed delivery is tried again: `base × factor^(n−1)` after the n-th attempt, at most `cap`, ± 10 %, until
/// `deadline` after acceptance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    pub base_ms: i64,
    pub factor: f64,
    pub cap_ms: i64,
    pub deadline_ms: i64,
}

/// When an endpoint counts as failing, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// So many failures in a row, of at least three different deliveries, open the breaker.
    pub failures: i64,
    /// The wait before the first probe; each further one is twice as long.
    pub probe_base_ms: i64,
    /// The longest wait between probes.
    pub probe_cap_ms: i64,
    /// A webhook without a success for so long is disabled; its owner is warned after 1/7 and 3/7 of it.
    pub autodisable_ms: i64,
}

impl Default for BreakerPolicy {
    /// The delivery contract.
    fn default() -> Self {
        Self { failures: 10, probe_base_ms: 30_000, probe_cap_ms: 900_000, autodisable_ms: 7 * 86_400_000 }
    }
}

/// Limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct SendingConfig {
    pub connect_timeout_ms: u64,
    /// For everything from the first byte out to the last byte in.
    pub total_timeout_ms: u64,
}

impl Default for RetryPolicy {
    /// The delivery contract: 5 s, 15 s, 45 s … 12 h, until 5 days after acceptance.
    fn default() -> Self {
        Self { base_ms: 5_000, factor: 3.0, cap_ms: 12 * 3_600_000, deadline_ms: 5 * 86_400_000 }
    }
}

impl Default for SendingConfig {
    fn default() -> Self {
        Self { connect_timeout_ms: 5_000, total_timeout_ms: 15_000 }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            breaker: BreakerPolicy::default(),
            sending: SendingConfig::default(),
            health: HealthPolicy::default(),
            telling: TellingPolicy::default(),
            public_url: None,
            egress_allow: Vec::new(),
            own_listeners: Vec::new(),
            slots: 1024,
            retention_ms: 30 * 86_400_000,
            endpoint_slots: 64,
            lease_ms: 15_000,
        }
    }
}
