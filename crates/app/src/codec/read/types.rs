//! The types that travel and are declared without a word of the codec: those of other crates, and one that the fuzzers include
//! as it stands.

use groundswell_types::editor::{
    ChangedBy, Conflict, DeliveryPage, DisabledStatus, DraftRow, DraftSaved, FieldValue, FirstStep,
    FirstSteps, HeaderDraft, HeaderState, History, HistoryVersion, LiveStatus, LogNews, OldSecretStatus,
    Panel, PanelRow, ProgramSummary, SecretDraft, TypedValue,
};
use groundswell_types::{
    Activity, AttemptView, Currency, DeliveryDetail, DeliveryId, DeliveryState, DeliveryView, EventId,
    EventKind, FailureClass, HeaderView, HourCount, Inbox, InboxRequest, InboxRequestDetail, InboxRequestId,
    Problem, Program, ProgramId, ProgramStatus, ProgramType, RequestHead, RequestView, ResendJob,
    ResendJobId, ResendState, ResponseView, RetentionDays, Role, SchemeCheck, SecretOverlap, SignatureCheck,
    TeamId, TestId, TestView, WebhookId,
};

use crate::intent::Done;

use super::value::{Fields, FromFields, FromJson, Value, read_fields, read_variants, read_words};

/// Has something read that is a text, or a number, in JSON.
macro_rules! read_as {
    ($($type:ident: $of:ty, $make:expr;)+) => {
        $(impl FromJson for $type {
            fn from_json(value: Value) -> Option<Self> {
                let make: fn($of) -> Option<Self> = $make;
                make(FromJson::from_json(value)?)
            }
        })+
    };
}

read_as! {
    DeliveryId: String, |text| Self::parse(&text).ok();
    EventId: String, |text| Self::parse(&text).ok();
    InboxRequestId: String, |text| Self::parse(&text).ok();
    ProgramId: String, |text| Self::parse(&text).ok();
    ResendJobId: String, |text| Self::parse(&text).ok();
    TeamId: String, |text| Self::parse(&text).ok();
    TestId: String, |text| Self::parse(&text).ok();
    WebhookId: String, |text| Self::parse(&text).ok();
    Currency: String, |text| Self::parse(&text);
    TypedValue: String, |text| Some(Self(text));
    RetentionDays: i64, |days| Self::try_from(days).ok();
    SecretOverlap: i64, |seconds| Self::try_from(seconds).ok();
    Activity: Vec<HourCount>, |hours| Some(Self { hours: hours.try_into().ok()? });
}

read_words!(ChangedBy { Editor, Rest, Server });
read_words!(DeliveryState { Waiting, Sending, Delivered, Retrying, Held, Parked, Undeliverable, Cancelled });
read_words!(Done { Published, OldSecretEnded, Enabled, Restored });
read_words!(EventKind {
    ParticipantReachedAGoal,
    NewParticipantAdded,
    ParticipantFraudStatusUpdated,
    NewCommissionAdded,
    CommissionAdjusted,
    NewPayoutIssued,
    CampaignEnded,
    WebhookFailing,
    WebhookDisabled,
    DeliveriesUndeliverable,
    ParkedDeliveriesExpiring,
    WebhookSecretReplaced,
    NewSignIn,
});
read_words!(FailureClass { Dns, Blocked, Connect, Tls, Timeout, Broken, Redirect, Status, Misconfigured });
read_words!(FirstStep { AddUrl, ChooseEvents, Test, Publish, Verify });
read_words!(HeaderState { Missing, Kept, New });
read_words!(ProgramStatus { Draft, InProgress, Pending, Cancelled, Complete, Deleted });
read_words!(ProgramType { Referral, Affiliate, Operations });
read_words!(ResendState { Running, Done, Cancelled });
read_words!(Role { Viewer, Editor, Owner });
read_words!(SchemeCheck {
    Verified,
    NoWebhook,
    NoSecret,
    Missing,
    Malformed,
    Expired,
    BodyChanged,
    WrongSecret,
    Mismatch,
});
read_words!(SecretDraft { None, Kept, New, Removed });

read_variants!(FieldValue {
    Removed,
    Changed,
    Url(String),
    IsEnabled(bool),
    Events(Vec<EventKind>),
    Timeout(String),
    Name(String),
    Headers(Vec<String>),
});

read_fields!(AttemptView {
    number,
    started_at,
    duration_ms,
    success,
    failure,
    message,
    response,
    possibly_sent_before or default,
});
read_fields!(Conflict { key, url, mine, theirs });
read_fields!(DeliveryDetail: flat delivery {
    body,
    request,
    attempt_log,
    schedule,
    resends or default,
    reason,
});
read_fields!(DeliveryPage { deliveries, next_id, searched_until });
read_fields!(DeliveryView {
    id,
    event_id,
    event,
    webhook_id,
    payload_url,
    state,
    attempts,
    accepted_at,
    created_at,
    last_attempt_at,
    last_status_code,
    last_failure,
    next_attempt_at,
    deadline_at,
    resend_of,
});
read_fields!(DisabledStatus { at, last_error });
read_fields!(DraftRow {
    key,
    url,
    is_enabled,
    events,
    secret,
    name,
    secret_overlap,
    timeout or default,
    headers,
});
read_fields!(DraftSaved { version, saved_at, problems, changes });
read_fields!(FirstSteps { done });
read_fields!(HeaderDraft { key, name, value, state });
read_fields!(HeaderView { name, value });
read_fields!(History { program, versions, next_before, draft_version, may_edit });
read_fields!(HistoryVersion { version, at, by, changes, webhooks, is_live });
read_fields!(HourCount { delivered, failed, undeliverable });
read_fields!(Inbox { url, requests });
read_fields!(InboxRequest { id, received_at, method, is_own, webhook_id, event, body_bytes, signature });
read_fields!(InboxRequestDetail { request, headers, body, is_text });
read_fields!(LiveStatus {
    webhook_id,
    is_enabled,
    is_auto_disabled,
    failure_count,
    last_failure_at,
    last_success_at,
    next_attempt_at,
    waiting,
    parked,
    disabled,
    has_secret or default,
    old_secret,
    activity,
});
read_fields!(LogNews { deliveries or default, newer or default });
read_fields!(OldSecretStatus { ends_at, new_accepted_at });
read_fields!(Panel {
    program,
    rows,
    draft_version,
    draft_saved_at,
    changes,
    live_version,
    conflicts,
    may_edit
});
read_fields!(PanelRow { row, problems, live });
read_fields!(Problem { pointer, message });
read_fields!(ProgramSummary { program, webhooks, needing_attention, has_draft, activity, may_edit });
read_fields!(RequestHead { url, headers });
read_fields!(RequestView { url, headers, body });
read_fields!(ResendJob { id, state, total, queued, created_at, ended_at });
read_fields!(ResponseView {
    status_code,
    headers,
    body,
    truncated,
    restricted or default,
    withheld or default,
    withheld_reason,
});
read_fields!(SignatureCheck { webhook_id, product, standard });
read_fields!(TestView {
    id,
    event,
    started_at,
    duration_ms,
    success,
    failure,
    message,
    advice,
    request,
    response,
});

impl FromFields for Program {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            id: fields.take("id")?,
            name: fields.take("name")?,
            kind: fields.take("type")?,
            status: fields.take("status")?,
            currency: fields.take("currencyISO")?,
            participant_count: fields.take("participantCount")?,
            referral_count: fields.take("referralCount")?,
            impression_count: fields.take("impressionCount")?,
            invite_count: fields.take("inviteCount")?,
            winner_count: fields.take("winnerCount")?,
            // No page shows them, and reading them takes as much as reading everything else.
            rewards: Vec::new(),
            retention_days: fields.take("retentionDays")?,
        })
    }
}

impl FromJson for Program {
    fn from_json(value: Value) -> Option<Self> {
        Self::from_fields(&mut Fields::of(value)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::codec::read;
    use crate::failure::Failure;

    /// Reads `text` with serde_json, and what that writes of it here. Pages are full of the other types.
    fn is_read<T: Serialize + DeserializeOwned + FromJson + PartialEq + Debug>(text: &str) {
        let value: T = serde_json::from_str(text).expect("serde_json reads it");
        let written = serde_json::to_string(&value).expect("it is written");
        assert_eq!(read(&written), Ok(value), "{written}");
    }

    fn are_read<T: Serialize + DeserializeOwned + FromJson + PartialEq + Debug>(all: &[T]) {
        for one in all {
            let written = serde_json::to_string(one).expect("it is written");
            assert_eq!(read::<T>(&written).as_ref(), Ok(one), "{written}");
        }
    }

    #[test]
    fn answers_are_read_as_serde_json_reads_them() {
        is_read::<DraftSaved>(
            r#"{"version":3,"savedAt":4,"problems":[[],[{"pointer":"/url","message":"m"}]],"changes":["c"]}"#,
        );
        is_read::<LogNews>("{}");
        is_read::<ResendJob>(
            r#"{"id":"rsj_0000000000001","state":"running","total":2,"queued":1,"createdAt":5,"endedAt":null}"#,
        );
        is_read::<TestView>(
            r#"{"id":"test_0000000000001","event":"NEW_SIGN_IN","startedAt":1,"durationMs":2,"success":false,
            "failure":"dns","message":"m","advice":null,"request":{"url":"u","headers":[{"name":"n","value":"v"}],
            "body":"b"},"response":{"statusCode":500,"headers":[],"body":"","truncated":true,"restricted":true,
            "withheld":true,"withheldReason":"r"}}"#,
        );
    }

    #[test]
    fn all_words_and_variants_are_read() {
        are_read(&ProgramStatus::ALL);
        are_read(&SecretOverlap::ALL);
        are_read(&EventKind::ALL);
        are_read(&[ProgramType::Referral, ProgramType::Affiliate, ProgramType::Operations]);
        are_read(&[SecretDraft::None, SecretDraft::Kept, SecretDraft::New, SecretDraft::Removed]);
        are_read(&[SchemeCheck::NoWebhook, SchemeCheck::BodyChanged, SchemeCheck::WrongSecret]);
        are_read(&[FirstStep::AddUrl, FirstStep::ChooseEvents]);
        are_read(&[
            FieldValue::Removed,
            FieldValue::IsEnabled(true),
            FieldValue::Events(vec![EventKind::CampaignEnded]),
            FieldValue::Headers(vec!["x".to_owned()]),
        ]);
        are_read(&[
            Failure::SignedOut,
            Failure::Refused("why".to_owned()),
            Failure::Invalid(vec![Problem::new("/name", "m")]),
            Failure::Internal { request_id: Some("id".to_owned()) },
        ]);
    }
}
