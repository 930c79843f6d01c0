//! The numbers of the delivery contract, checked.

use anyhow::bail;
use groundswell_engine::config::{BreakerPolicy, EngineConfig, RetryPolicy, SendingConfig};

use super::delivery::DeliverySection;
use super::{BreakerSection, RetrySection};

pub fn retention_ms(given: Option<i64>) -> anyhow::Result<i64> {
    let retention_ms = given.unwrap_or(EngineConfig::default().retention_ms);
    if retention_ms < 1_000 {
        bail!("retention must be at least 1000 ms");
    }
    Ok(retention_ms)
}

pub fn sending(file: &DeliverySection) -> anyhow::Result<SendingConfig> {
    let timeouts_ms = [file.connect_timeout_ms.unwrap_or(5_000), file.total_timeout_ms.unwrap_or(15_000)];
    if timeouts_ms.contains(&0) || [file.slots, file.endpoint_slots].contains(&Some(0)) {
        bail!("the slots and timeouts of delivery must be at least 1, else nothing could be sent");
    }
    let [connect_timeout_ms, total_timeout_ms] = timeouts_ms;
    Ok(SendingConfig { connect_timeout_ms, total_timeout_ms })
}

pub fn breaker_policy(given: &BreakerSection) -> anyhow::Result<BreakerPolicy> {
    let usual = BreakerPolicy::default();
    let policy = BreakerPolicy {
        failures: given.failures.unwrap_or(usual.failures),
        probe_base_ms: given.probe_base_ms.unwrap_or(usual.probe_base_ms),
        probe_cap_ms: given.probe_cap_ms.unwrap_or(usual.probe_cap_ms),
        autodisable_ms: given.autodisable_ms.unwrap_or(usual.autodisable_ms),
    };
    let BreakerPolicy { failures, probe_base_ms, probe_cap_ms, autodisable_ms } = policy;
    if [failures, probe_base_ms, probe_cap_ms, autodisable_ms].into_iter().any(|value| value < 1) {
        bail!("the breaker's failures, waits and time to disabling must be at least 1");
    }
    Ok(policy)
}

pub fn retry_policy(given: &RetrySection) -> anyhow::Result<RetryPolicy> {
    let usual = RetryPolicy::default();
    let policy = RetryPolicy {
        base_ms: given.base_ms.unwrap_or(usual.base_ms),
        factor: given.factor.unwrap_or(usual.factor),
        cap_ms: given.cap_ms.unwrap_or(usual.cap_ms),
        deadline_ms: given.deadline_ms.unwrap_or(usual.deadline_ms),
    };
    if policy.base_ms < 1 || policy.cap_ms < 1 || policy.deadline_ms < 1 {
        bail!("the retry policy's base, cap and deadline must be at least 1 ms");
    }
    if !(policy.factor.is_finite() && policy.factor >= 1.0) {
        bail!("the retry policy's factor must be at least 1");
    }
    Ok(policy)
}
