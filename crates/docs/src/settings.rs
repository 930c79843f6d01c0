//! What the pages say of the server they are on.

/// What the pages are made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the server is reached at, without a slash at its end: the examples call it.
    pub public_url: String,
    /// The path of the style sheet; none where the site is not built.
    pub style_sheet: Option<String>,
    /// How this server delivers.
    pub delivery: DeliverySettings,
    /// The command line of the program that serves the pages.
    pub command: clap::Command,
    /// What its operator can set.
    pub configuration: Vec<Setting>,
}

/// Something that the operator of a server can set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// With its hyphens.
    pub flag: String,
    /// In the environment.
    pub variable: String,
    /// In the TOML file, with dots between tables and what is in them; none where the file cannot have it.
    pub key: Option<String>,
    /// What counts when nobody says anything, as JSON; none where that is nothing.
    pub default: Option<serde_json::Value>,
    /// What kind of value it takes, in capitals.
    pub value: String,
    /// In sentences.
    pub meaning: String,
}

/// The numbers of the delivery contract that an operator can change. Times in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliverySettings {
    /// The wait after the first failed attempt.
    pub retry_base_ms: i64,
    /// How much longer each wait is than the one before.
    pub retry_factor: f64,
    /// The longest wait.
    pub retry_cap_ms: i64,
    /// When the last attempt is made, counted from acceptance.
    pub retry_deadline_ms: i64,
    /// How long a connection may take.
    pub connect_timeout_ms: i64,
    /// How long a whole attempt may take.
    pub total_timeout_ms: i64,
    /// So many failures in a row open an endpoint's breaker.
    pub breaker_failures: i64,
    /// The wait before the first probe.
    pub probe_base_ms: i64,
    /// The longest wait between probes.
    pub probe_cap_ms: i64,
    /// A webhook without a success for so long is disabled.
    pub autodisable_ms: i64,
    /// How long events, deliveries and attempts are kept.
    pub retention_ms: i64,
    /// Requests under way at once.
    pub slots: i64,
    /// Requests under way at once to one endpoint.
    pub endpoint_slots: i64,
}

impl Default for DeliverySettings {
    /// The delivery contract.
    fn default() -> Self {
        const SECOND: i64 = 1_000;
        const HOUR: i64 = 3_600 * SECOND;
        const DAY: i64 = 24 * HOUR;
        Self {
            retry_base_ms: 5 * SECOND,
            retry_factor: 3.0,
            retry_cap_ms: 12 * HOUR,
            retry_deadline_ms: 5 * DAY,
            connect_timeout_ms: 5 * SECOND,
            total_timeout_ms: 15 * SECOND,
            breaker_failures: 10,
            probe_base_ms: 30 * SECOND,
            probe_cap_ms: 900 * SECOND,
            autodisable_ms: 7 * DAY,
            retention_ms: 30 * DAY,
            slots: 1024,
            endpoint_slots: 64,
        }
    }
}
