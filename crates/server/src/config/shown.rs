//! The settings as they count, for people to look at: in the words of the TOML file, secrets masked.

use serde_json::{Map, Value, json};
use url::Url;

use super::{Config, Database, LogFormat};

/// What stands for a secret.
const MASK: &str = "***";

impl Config {
    /// Every setting as it counts, with the keys of the file.
    pub fn shown(&self) -> Value {
        let engine = &self.engine;
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("listen", json!(self.listen));
        if let Some(address) = self.metrics_listen {
            put("metrics_listen", json!(address));
        }
        put("database_url", json!(self.database.shown()));
        if self.admin_key.is_some() {
            put("admin_key", json!(MASK));
        }
        if let Some(url) = &self.public_url {
            put("public_url", json!(url));
        }
        put("trusted_proxies", json!(self.trusted_proxies.texts()));
        let limit = self.rate_limit;
        put("rate_limit", json!(limit.map_or_else(|| "off".to_owned(), |limit| limit.to_string())));
        put("allow_core_dumps", json!(self.allow_core_dumps));
        put("log", json!(self.log_filter));
        put("log_format", json!(if self.log_format == LogFormat::Json { "json" } else { "human" }));
        put("embed", json!({ "origins": self.embed_origins }));
        if let Some(oidc) = &self.oidc {
            put("oidc", oidc.shown(MASK));
        }
        if let Some(traces) = &self.traces {
            put("traces", traces.shown(MASK));
        }
        let telling = match &self.mail {
            Some(mail) => mail.shown(engine.telling, MASK),
            None => Value::Object(super::mail::shown_policy(engine.telling)),
        };
        put("mail", telling);
        let networks: Vec<String> = engine.egress_allow.iter().map(ToString::to_string).collect();
        put("secrets", self.secrets.shown());
        put("egress", json!({ "allow": networks }));
        let (retry, breaker, sending) = (engine.retry, engine.breaker, engine.sending);
        put(
            "retry",
            json!({
                "base_ms": retry.base_ms, "factor": retry.factor, "cap_ms": retry.cap_ms,
                "deadline_ms": retry.deadline_ms,
            }),
        );
        put("retention", json!({ "ms": engine.retention_ms }));
        put(
            "breaker",
            json!({
                "failures": breaker.failures, "probe_base_ms": breaker.probe_base_ms,
                "probe_cap_ms": breaker.probe_cap_ms, "autodisable_ms": breaker.autodisable_ms,
            }),
        );
        put(
            "delivery",
            json!({
                "slots": engine.slots, "endpoint_slots": engine.endpoint_slots,
                "connect_timeout_ms": sending.connect_timeout_ms, "total_timeout_ms": sending.total_timeout_ms,
            }),
        );
        put(
            "node",
            match &self.node_address {
                Some(address) => json!({ "address": address, "lease_ms": engine.lease_ms }),
                None => json!({ "lease_ms": engine.lease_ms }),
            },
        );
        Value::Object(shown)
    }
}

impl Database {
    /// What kind it is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }

    /// Its URL without a password.
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => without_password(url),
        }
    }
}

/// A password is beside the user or among the parameters. What cannot be read is not shown.
fn without_password(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return format!("postgres://{MASK}") };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return format!("postgres://{MASK}");
    }
    let is_secret = |name: &str| name.to_ascii_lowercase().contains("password");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(name, _)| is_secret(name)) {
        let masked = pairs.into_iter().map(|(name, value)| {
            let value = if is_secret(&name) { MASK.to_owned() } else { value };
            (name, value)
        });
        url.query_pairs_mut().clear().extend_pairs(masked.collect::<Vec<_>>());
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_wherever_it_stands() {
        for (url, shown) in [
            ("postgres://me:s3cret@db:5432/g", "postgres://me:***@db:5432/g"),
            ("postgres:///g?host=/run&password=s3cret", "postgres:///g?host=%2Frun&password=***"),
            ("postgres://me@db/g?sslmode=require", "postgres://me@db/g?sslmode=require"),
        ] {
            assert_eq!(Database::Postgres(url.to_owned()).shown(), shown);
        }
    }
}
