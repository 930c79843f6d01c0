//! The words for states and numbers, each with the tone it is shown in.

use groundswell_types::editor::{FieldValue, LiveStatus, ProgramSummary};
use groundswell_types::{
    DeliveryState, DeliveryView, EventKind, FailureClass, MAX_WEBHOOKS, ProgramStatus, ProgramType,
};

use crate::failure::Failure;
use crate::intent::Done;
use crate::texts::Texts;

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

/// Counts of waiting deliveries stop at 10,000.
pub fn capped(texts: Texts, number: i64) -> String {
    const MOST: i64 = 10_000;
    if number >= MOST {
        format!("{}+", texts.language().number(MOST))
    } else {
        texts.language().number(number)
    }
}

/// The word for a program's type.
pub fn program_type(texts: Texts, kind: ProgramType) -> &'static str {
    match kind {
        ProgramType::Referral => texts.program_referral(),
        ProgramType::Affiliate => texts.program_affiliate(),
        ProgramType::Operations => texts.program_operations(),
    }
}

/// The word for a program's status.
pub fn program_status(texts: Texts, status: ProgramStatus) -> (Tone, &'static str) {
    match status {
        ProgramStatus::Draft => (Tone::Quiet, texts.program_status_draft()),
        ProgramStatus::InProgress => (Tone::Ok, texts.program_status_in_progress()),
        ProgramStatus::Pending => (Tone::Info, texts.program_status_pending()),
        ProgramStatus::Cancelled => (Tone::Quiet, texts.program_status_cancelled()),
        ProgramStatus::Complete => (Tone::Quiet, texts.program_status_complete()),
        ProgramStatus::Deleted => (Tone::Error, texts.program_status_deleted()),
    }
}

/// A program's webhooks at a glance.
pub fn webhooks_at_a_glance(texts: Texts, summary: &ProgramSummary) -> (Tone, String) {
    let live = summary.webhooks;
    if live == 0 {
        return (Tone::Quiet, texts.program_no_webhooks().to_owned());
    }
    let of_webhooks = texts.program_of_webhooks(live, MAX_WEBHOOKS);
    match summary.needing_attention {
        0 => (Tone::Ok, of_webhooks),
        several => (Tone::Error, texts.program_needing_attention(several, &of_webhooks)),
    }
}

/// What happens to a program that it tells about.
pub fn event_title(texts: Texts, event: EventKind) -> &'static str {
    match event {
        EventKind::ParticipantReachedAGoal => texts.event_goal(),
        EventKind::NewParticipantAdded => texts.event_participant(),
        EventKind::ParticipantFraudStatusUpdated => texts.event_fraud(),
        EventKind::NewCommissionAdded => texts.event_commission(),
        EventKind::CommissionAdjusted => texts.event_adjusted(),
        EventKind::NewPayoutIssued => texts.event_payout(),
        EventKind::CampaignEnded => texts.event_ended(),
        EventKind::WebhookFailing => texts.event_failing(),
        EventKind::WebhookDisabled => texts.event_disabled(),
        EventKind::DeliveriesUndeliverable => texts.event_undeliverable(),
        EventKind::ParkedDeliveriesExpiring => texts.event_expiring(),
        EventKind::WebhookSecretReplaced => texts.event_secret(),
        EventKind::NewSignIn => texts.event_sign_in(),
    }
}

/// When an event happens, in a sentence.
pub fn event_meaning(texts: Texts, event: EventKind) -> &'static str {
    match event {
        EventKind::ParticipantReachedAGoal => texts.event_goal_means(),
        EventKind::NewParticipantAdded => texts.event_participant_means(),
        EventKind::ParticipantFraudStatusUpdated => texts.event_fraud_means(),
        EventKind::NewCommissionAdded => texts.event_commission_means(),
        EventKind::CommissionAdjusted => texts.event_adjusted_means(),
        EventKind::NewPayoutIssued => texts.event_payout_means(),
        EventKind::CampaignEnded => texts.event_ended_means(),
        EventKind::WebhookFailing => texts.event_failing_means(),
        EventKind::WebhookDisabled => texts.event_disabled_means(),
        EventKind::DeliveriesUndeliverable => texts.event_undeliverable_means(),
        EventKind::ParkedDeliveriesExpiring => texts.event_expiring_means(),
        EventKind::WebhookSecretReplaced => texts.event_secret_means(),
        EventKind::NewSignIn => texts.event_sign_in_means(),
    }
}

/// Why a page or an action failed, in a sentence.
pub fn failure(texts: Texts, failure: &Failure) -> String {
    match failure {
        Failure::Conflict(why) | Failure::Refused(why) | Failure::Forbidden(why) => return why.clone(),
        Failure::SignedOut => texts.failure_signed_out(),
        Failure::NotFound => texts.failure_not_found(),
        Failure::Invalid(_) => texts.failure_invalid(),
        Failure::Offline => texts.failure_offline(),
        Failure::Internal { .. } => texts.failure_internal(),
    }
    .to_owned()
}

/// A field that two changed: what it is called, and what one of them made of it.
pub fn field(texts: Texts, value: &FieldValue) -> (&'static str, String) {
    let or_none = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    match value {
        FieldValue::Removed => (texts.webhooks_field_whole(), texts.webhooks_field_removed().to_owned()),
        FieldValue::Changed => (texts.webhooks_field_whole(), texts.webhooks_field_changed().to_owned()),
        FieldValue::Url(url) => (texts.webhooks_field_url(), or_none(url)),
        FieldValue::IsEnabled(true) => (texts.webhooks_field_enabled(), texts.webhook_on().to_owned()),
        FieldValue::IsEnabled(false) => (texts.webhooks_field_enabled(), texts.webhook_off().to_owned()),
        FieldValue::Events(events) => {
            let titles: Vec<_> = events.iter().map(|event| event_title(texts, *event)).collect();
            (texts.webhook_events(), or_none(&titles.join(", ")))
        }
        FieldValue::Timeout(seconds) => (texts.webhook_timeout(), or_none(seconds)),
        FieldValue::Name(name) => (texts.webhook_name_label(), or_none(name)),
        FieldValue::Headers(names) => (texts.header_title(), or_none(&names.join(", "))),
    }
}

/// What was just done, in a sentence.
pub fn done(texts: Texts, done: Done) -> &'static str {
    match done {
        Done::Published => texts.webhooks_published(),
        Done::OldSecretEnded => texts.secret_old_ended(),
        Done::Enabled => texts.webhook_enabled(),
        Done::Restored => texts.history_restored(),
    }
}

/// How a webhook is doing; none when it is not live yet.
pub fn webhook_status(texts: Texts, live: Option<&LiveStatus>) -> (Tone, &'static str) {
    match live {
        None => (Tone::Quiet, texts.webhook_not_published()),
        Some(live) if live.is_auto_disabled => (Tone::Error, texts.webhook_auto_disabled()),
        Some(live) if !live.is_enabled => (Tone::Quiet, texts.webhook_switched_off()),
        Some(live) if live.failure_count > 0 => (Tone::Error, texts.webhook_failing()),
        Some(live) if live.last_success_at.is_some() => (Tone::Ok, texts.webhook_working()),
        Some(_) => (Tone::Quiet, texts.webhook_nothing_sent()),
    }
}

/// The word for a delivery's state.
pub fn delivery_state(texts: Texts, state: DeliveryState) -> (Tone, &'static str) {
    match state {
        DeliveryState::Waiting => (Tone::Info, texts.delivery_waiting()),
        DeliveryState::Sending => (Tone::Info, texts.delivery_sending()),
        DeliveryState::Delivered => (Tone::Ok, texts.delivery_delivered()),
        DeliveryState::Retrying => (Tone::Warn, texts.delivery_retrying()),
        DeliveryState::Held => (Tone::Warn, texts.delivery_held()),
        DeliveryState::Parked => (Tone::Quiet, texts.delivery_parked()),
        DeliveryState::Undeliverable => (Tone::Error, texts.delivery_undeliverable()),
        DeliveryState::Cancelled => (Tone::Quiet, texts.delivery_cancelled()),
    }
}

/// The same for a delivery: what is sent again is queued until its first attempt.
pub fn state_of(texts: Texts, delivery: &DeliveryView) -> (Tone, &'static str) {
    match delivery.state {
        DeliveryState::Waiting if delivery.resend_of.is_some() => (Tone::Info, texts.delivery_queued()),
        state => delivery_state(texts, state),
    }
}

/// What a delivery's state means, in a sentence.
pub fn delivery_state_meaning(texts: Texts, state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => texts.delivery_waiting_means(),
        DeliveryState::Sending => texts.delivery_sending_means(),
        DeliveryState::Delivered => texts.delivery_delivered_means(),
        DeliveryState::Retrying => texts.delivery_retrying_means(),
        DeliveryState::Held => texts.delivery_held_means(),
        DeliveryState::Parked => texts.delivery_parked_means(),
        DeliveryState::Undeliverable => texts.delivery_undeliverable_means(),
        DeliveryState::Cancelled => texts.delivery_cancelled_means(),
    }
}

/// Why an attempt failed, in two words at most.
pub fn failure_class(texts: Texts, failure: FailureClass) -> &'static str {
    match failure {
        FailureClass::Dns => texts.delivery_dns(),
        FailureClass::Blocked => texts.delivery_blocked(),
        FailureClass::Connect => texts.delivery_connect(),
        FailureClass::Tls => texts.delivery_tls(),
        FailureClass::Timeout => texts.delivery_timeout(),
        FailureClass::Broken => texts.delivery_broken(),
        FailureClass::Redirect => texts.delivery_redirect(),
        FailureClass::Status => texts.delivery_status(),
        FailureClass::Misconfigured => texts.delivery_misconfigured(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn counts_stop_where_counting_does() {
        for (language, wanted) in [
            (Language::English, ["9,999", "10,000+"]),
            (Language::German, ["9.999", "10.000+"]),
            (Language::Spanish, ["9999", "10.000+"]),
        ] {
            assert_eq!([9999, 10_000].map(|number| capped(Texts::of(language), number)), wanted);
        }
    }

    #[test]
    fn what_needs_somebody_is_said_first() {
        let texts = Texts::of(Language::English);
        let mut live = LiveStatus {
            webhook_id: groundswell_types::WebhookId::parse("primary").expect("valid"),
            is_enabled: true,
            is_auto_disabled: false,
            failure_count: 0,
            last_failure_at: None,
            last_success_at: None,
            next_attempt_at: None,
            waiting: 0,
            parked: 0,
            disabled: None,
            has_secret: false,
            old_secret: None,
            activity: groundswell_types::Activity::default(),
        };
        assert_eq!(webhook_status(texts, None).1, "Not published yet");
        assert_eq!(webhook_status(texts, Some(&live)).1, "Nothing sent yet");
        live.last_success_at = Some(1);
        assert_eq!(webhook_status(texts, Some(&live)), (Tone::Ok, "Working"));
        live.failure_count = 1;
        assert_eq!(webhook_status(texts, Some(&live)), (Tone::Error, "Failing"));
        live.is_enabled = false;
        assert_eq!(webhook_status(texts, Some(&live)), (Tone::Quiet, "Off"));
        live.is_auto_disabled = true;
        assert_eq!(webhook_status(texts, Some(&live)).0, Tone::Error);
    }
}
