//! The words for states and numbers, each with the tone it is shown in.

use groundswell_types::editor::{LiveStatus, ProgramSummary};
use groundswell_types::{DeliveryState, FailureClass, MAX_WEBHOOKS, ProgramStatus, ProgramType};

/// How something is doing; decides the colour and the shape of its dot. Never shown without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Ok,
    /// Under way.
    Info,
    /// Needs an eye kept on it.
    Warn,
    /// Needs somebody to act.
    Error,
    /// Nothing to say.
    Quiet,
}

impl Tone {
    /// The value of `data-tone`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Quiet => "quiet",
        }
    }
}

/// `1 webhook`, `2 webhooks`.
pub fn count(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Digits in groups of three: `10,000`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// Counts of waiting deliveries stop at 10,000.
pub fn capped(number: i64) -> String {
    if number >= 10_000 { "10,000+".to_owned() } else { grouped(number) }
}

/// Why there can be no further webhook.
pub fn at_most_webhooks() -> String {
    format!("A program has at most {MAX_WEBHOOKS} webhooks. Remove one to add another.")
}

/// The word for a program's type.
pub const fn program_type(kind: ProgramType) -> &'static str {
    match kind {
        ProgramType::Referral => "Referral",
        ProgramType::Affiliate => "Affiliate",
    }
}

/// The word for a program's status.
pub const fn program_status(status: ProgramStatus) -> (Tone, &'static str) {
    match status {
        ProgramStatus::Draft => (Tone::Quiet, "Draft"),
        ProgramStatus::InProgress => (Tone::Ok, "In progress"),
        ProgramStatus::Pending => (Tone::Info, "Pending"),
        ProgramStatus::Cancelled => (Tone::Quiet, "Cancelled"),
        ProgramStatus::Complete => (Tone::Quiet, "Complete"),
        ProgramStatus::Deleted => (Tone::Error, "Deleted"),
    }
}

/// A program's webhooks at a glance.
pub fn webhooks_at_a_glance(summary: &ProgramSummary) -> (Tone, String) {
    let live = summary.webhooks;
    if live == 0 {
        return (Tone::Quiet, "No webhooks yet".to_owned());
    }
    let text = format!("{live} of {MAX_WEBHOOKS} webhooks");
    match summary.needing_attention {
        0 => (Tone::Ok, text),
        1 => (Tone::Error, format!("{text}, 1 needs attention")),
        several => (Tone::Error, format!("{text}, {several} need attention")),
    }
}

/// How a webhook is doing; none when it is not live yet.
pub fn webhook_status(live: Option<&LiveStatus>) -> (Tone, &'static str) {
    match live {
        None => (Tone::Quiet, "Not published yet"),
        Some(live) if live.is_auto_disabled => (Tone::Error, "Disabled after failing for days"),
        Some(live) if !live.is_enabled => (Tone::Quiet, "Off"),
        Some(live) if live.failure_count > 0 => (Tone::Error, "Failing"),
        Some(live) if live.last_success_at.is_some() => (Tone::Ok, "Working"),
        Some(_) => (Tone::Quiet, "Nothing sent yet"),
    }
}

/// The word for a delivery's state.
pub const fn delivery_state(state: DeliveryState) -> (Tone, &'static str) {
    match state {
        DeliveryState::Waiting => (Tone::Info, "Waiting"),
        DeliveryState::Sending => (Tone::Info, "Sending"),
        DeliveryState::Delivered => (Tone::Ok, "Delivered"),
        DeliveryState::Retrying => (Tone::Warn, "Retrying"),
        DeliveryState::Held => (Tone::Warn, "Held"),
        DeliveryState::Parked => (Tone::Quiet, "Parked"),
        DeliveryState::Undeliverable => (Tone::Error, "Undeliverable"),
        DeliveryState::Cancelled => (Tone::Quiet, "Cancelled"),
    }
}

/// What a delivery's state means, in a sentence.
pub const fn delivery_state_meaning(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "The first attempt was not made yet.",
        DeliveryState::Sending => "An attempt is on its way.",
        DeliveryState::Delivered => "The receiver answered with a 2xx status.",
        DeliveryState::Retrying => "The last attempt failed. There will be another.",
        DeliveryState::Held => "The endpoint is failing. Single attempts find out when it is back.",
        DeliveryState::Parked => "The webhook is off. Nothing is sent until it is on again.",
        DeliveryState::Undeliverable => "No attempt succeeded. No further one will be made.",
        DeliveryState::Cancelled => "The webhook was removed, or what waited was discarded.",
    }
}

/// Why an attempt failed, in two words at most.
pub const fn failure_class(failure: FailureClass) -> &'static str {
    match failure {
        FailureClass::Dns => "DNS error",
        FailureClass::Blocked => "Address blocked",
        FailureClass::Connect => "No connection",
        FailureClass::Tls => "TLS error",
        FailureClass::Timeout => "Timeout",
        FailureClass::Broken => "Broken answer",
        FailureClass::Redirect => "Redirect",
        FailureClass::Status => "Error status",
        FailureClass::Misconfigured => "Not sendable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1_234_567, -1000].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-1,000"]
        );
        assert_eq!(
            [count(1, "change", "changes"), count(1000, "change", "changes")],
            ["1 change", "1,000 changes"]
        );
        assert_eq!([capped(9999), capped(10_000)], ["9,999", "10,000+"]);
    }

    #[test]
    fn what_needs_somebody_is_said_first() {
        let mut live = LiveStatus {
            webhook_id: groundswell_types::WebhookId::parse("primary").expect("valid"),
            is_enabled: true,
            is_auto_disabled: false,
            failure_count: 0,
            last_failure_at: None,
            last_success_at: None,
            waiting: 0,
            parked: 0,
            old_secret: None,
        };
        assert_eq!(webhook_status(None).1, "Not published yet");
        assert_eq!(webhook_status(Some(&live)).1, "Nothing sent yet");
        live.last_success_at = Some(1);
        assert_eq!(webhook_status(Some(&live)), (Tone::Ok, "Working"));
        live.failure_count = 1;
        assert_eq!(webhook_status(Some(&live)), (Tone::Error, "Failing"));
        live.is_enabled = false;
        assert_eq!(webhook_status(Some(&live)), (Tone::Quiet, "Off"));
        live.is_auto_disabled = true;
        assert_eq!(webhook_status(Some(&live)).0, Tone::Error);
    }
}
