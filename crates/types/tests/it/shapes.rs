//! The JSON shapes, pinned: whoever changes a snapshot here changes what receivers and clients get.

use groundswell_types::payload::CampaignReward;
use groundswell_types::{
    ApiError, AttemptView, Currency, DeliveryDetail, DeliveryId, DeliveryState, DeliveryView, ErrorCode,
    EventId, EventKind, FailureClass, HeaderView, Problem, Program, ProgramId, ProgramStatus, ProgramType,
    RequestHead, RequestView, ResponseView, TestId, TestView, Webhook, WebhookId, WebhookName,
    WebhookTestResponse, WebhookTestResult, WebhookTimeout,
};
use insta::assert_json_snapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::events::{self, NOW_MS};

const EVENT: EventId = EventId::from_number(1_234_567_890_123);

/// What is shown must read back as what it was, or clients written with this crate lose something.
fn assert_reads_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("views are JSON");
    let back: T = serde_json::from_str(&text).expect("views read back");
    assert_eq!(&back, value);
}

#[test]
fn the_seven_events_have_the_documented_shape() {
    for kind in EventKind::ALL {
        let envelope = events::envelope(kind, events::program_type(kind));
        assert_json_snapshot!(format!("event-{kind}"), envelope);
    }
}

#[test]
fn the_envelope_has_exactly_its_three_members_in_order() {
    for envelope in events::all() {
        let value = serde_json::to_value(&envelope).expect("an envelope is JSON");
        let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["event", "createdAt", "data"]);
        assert_reads_back(&envelope);
    }
    let with_a_fourth = r#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":{"id":"p"},"more":[]}"#;
    let read: groundswell_types::Envelope =
        serde_json::from_str(with_a_fourth).expect("receivers ignore the rest");
    assert_eq!(events::text(&read), r#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":{"id":"p"}}"#);
}

#[test]
fn a_program_has_the_shape_clients_parse() {
    let program = Program {
        id: ProgramId::parse("pied4piper").expect("valid"),
        name: "Pied Piper".to_owned(),
        kind: ProgramType::Referral,
        status: ProgramStatus::InProgress,
        currency: Currency::parse("eur").expect("valid"),
        participant_count: 2,
        referral_count: 3,
        impression_count: 240,
        invite_count: 4,
        winner_count: 1,
        rewards: vec![CampaignReward { id: "crew_a1b2c3".to_owned(), ..CampaignReward::default() }],
        retention_days: None,
    };
    assert_json_snapshot!(program);
    assert_reads_back(&program);
}

#[test]
fn a_webhook_has_the_shape_clients_parse() {
    let webhook = Webhook {
        id: WebhookId::parse("primary").expect("valid"),
        payload_url: Some("https://example.com/hooks".to_owned()),
        events: vec![EventKind::ParticipantReachedAGoal, EventKind::NewParticipantAdded],
        is_enabled: true,
        auto_disabled_due_to_failures: false,
        failure_count: 3,
        last_failure_at: Some(NOW_MS),
        timeout_seconds: Some(WebhookTimeout::try_from(20).expect("valid")),
        header_names: vec!["authorization".to_owned(), "x-api-key".to_owned()],
        old_secret_ends_at: Some(NOW_MS + 3_600_000),
        new_secret_accepted_at: Some(NOW_MS),
        name: Some(WebhookName::parse("CRM").expect("valid")),
    };
    assert_json_snapshot!(webhook);
    assert_reads_back(&webhook);
    let empty = Webhook {
        payload_url: None,
        events: Vec::new(),
        failure_count: 0,
        last_failure_at: None,
        timeout_seconds: None,
        header_names: Vec::new(),
        old_secret_ends_at: None,
        new_secret_accepted_at: None,
        name: None,
        ..webhook
    };
    assert_json_snapshot!("a_webhook_without_url_and_events", empty);
    assert_reads_back(&empty);
}

#[test]
fn the_answer_to_a_test_over_rest_has_the_shape_clients_parse() {
    let answered = WebhookTestResponse {
        success: true,
        payload: serde_json::json!({ "event": "CAMPAIGN_ENDED", "createdAt": NOW_MS, "data": { "id": "pied4piper" } }),
        response: WebhookTestResult { status_code: Some(204), msg: "The receiver answered 204.".to_owned() },
    };
    assert_json_snapshot!(answered);
    assert_reads_back(&answered);
    let unreachable = WebhookTestResponse {
        success: false,
        response: WebhookTestResult { status_code: None, msg: "Nobody listens there.".to_owned() },
        ..answered
    };
    assert_json_snapshot!("a_test_that_reached_nobody", unreachable);
}

#[test]
fn a_delivery_has_its_shape() {
    let waiting = DeliveryView {
        id: DeliveryId::new(EVENT, 1),
        event_id: EVENT,
        event: EventKind::NewParticipantAdded,
        webhook_id: Some(WebhookId::parse("primary").expect("valid")),
        payload_url: Some("https://example.com/hooks".to_owned()),
        state: DeliveryState::Retrying,
        attempts: 1,
        accepted_at: NOW_MS,
        created_at: NOW_MS - 1000,
        last_attempt_at: Some(NOW_MS + 12),
        last_status_code: Some(503),
        last_failure: Some(FailureClass::Status),
        next_attempt_at: Some(NOW_MS + 5012),
        deadline_at: Some(NOW_MS + 432_000_000),
        resend_of: None,
    };
    let ended = DeliveryView {
        webhook_id: None,
        payload_url: None,
        state: DeliveryState::Cancelled,
        attempts: 0,
        last_attempt_at: None,
        last_status_code: None,
        last_failure: None,
        next_attempt_at: None,
        deadline_at: None,
        resend_of: Some(DeliveryId::from_number(8)),
        ..waiting.clone()
    };
    assert_json_snapshot!("a_delivery_that_ended", ended);
    assert_reads_back(&ended);

    let detail = DeliveryDetail {
        delivery: waiting,
        body: r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1699999999000,"data":{"id":"p1"}}"#.to_owned(),
        request: Some(RequestHead {
            url: "https://example.com/hook".to_owned(),
            headers: vec![HeaderView::masked("webhook-signature")],
        }),
        attempt_log: vec![failed_attempt(), broken_attempt()],
        schedule: vec![NOW_MS + 5012, NOW_MS + 20_012],
        resends: vec![DeliveryId::of_resend(EventId::from_number(99))],
        reason: None,
    };
    assert_json_snapshot!("a_delivery_in_full", detail);
    assert_reads_back(&detail);
}

fn response() -> ResponseView {
    ResponseView {
        headers: vec![HeaderView { name: "retry-after".to_owned(), value: "120".to_owned() }],
        body: "Down for maintenance\n".to_owned(),
        truncated: true,
        ..ResponseView::of(503)
    }
}

fn failed_attempt() -> AttemptView {
    AttemptView {
        number: 1,
        started_at: NOW_MS + 12,
        duration_ms: 48,
        success: false,
        failure: Some(FailureClass::Status),
        message: "The receiver answered 503.".to_owned(),
        response: Some(response()),
        possibly_sent_before: false,
    }
}

fn broken_attempt() -> AttemptView {
    AttemptView {
        number: 2,
        failure: Some(FailureClass::Connect),
        message: "Nobody listens there.".to_owned(),
        response: None,
        possibly_sent_before: true,
        ..failed_attempt()
    }
}

#[test]
fn a_test_delivery_has_its_shape() {
    let failed = TestView {
        id: TestId::from_number(77),
        event: EventKind::CampaignEnded,
        started_at: NOW_MS,
        duration_ms: 31,
        success: false,
        failure: Some(FailureClass::Status),
        message: "The receiver answered 503.".to_owned(),
        advice: Some("Look into the receiver's own log.".to_owned()),
        request: RequestView {
            url: "https://example.com/hooks".to_owned(),
            headers: vec![HeaderView {
                name: "webhook-id".to_owned(),
                value: TestId::from_number(77).to_string(),
            }],
            body: "{}".to_owned(),
        },
        response: Some(response()),
    };
    assert_json_snapshot!(failed);
    assert_reads_back(&failed);
}

#[test]
fn an_error_has_the_shape_clients_parse() {
    let error = ApiError {
        name: ErrorCode::BadRequest.name().to_owned(),
        code: ErrorCode::BadRequest,
        message: "The event is not valid.".to_owned(),
        status: ErrorCode::BadRequest.status(),
        timestamp: NOW_MS,
        support_url: "https://example.com/docs/errors".to_owned(),
        request_id: Some("req_1".to_owned()),
        errors: vec![Problem::new("/data/id", "is required: a string that is not empty")],
    };
    assert_json_snapshot!(error);
    assert_reads_back(&error);
    let bare = ApiError { request_id: None, errors: Vec::new(), ..error };
    assert_json_snapshot!("an_error_without_details", bare);
    assert_reads_back(&bare);
}

#[test]
fn every_error_code_keeps_its_name_and_status() {
    let codes = [
        ErrorCode::BadRequest,
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::NotFound,
        ErrorCode::MethodNotAllowed,
        ErrorCode::RequestTimeout,
        ErrorCode::IdempotencyConflict,
        ErrorCode::Conflict,
        ErrorCode::PayloadTooLarge,
        ErrorCode::UnsupportedMediaType,
        ErrorCode::EventNotAccepted,
        ErrorCode::WebhookLimit,
        ErrorCode::RateLimit,
        ErrorCode::NotImplemented,
        ErrorCode::Overloaded,
        ErrorCode::OutcomeUnknown,
        ErrorCode::StorageFull,
        ErrorCode::Internal,
    ];
    let table: Vec<(ErrorCode, u16, &str)> = codes.map(|code| (code, code.status(), code.name())).to_vec();
    assert_json_snapshot!(table);
}

#[test]
fn states_and_failures_are_written_as_they_are_read() {
    for state in DeliveryState::ALL {
        assert_eq!(serde_json::to_value(state).expect("JSON"), state.as_str());
        assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
    }
    for failure in FailureClass::ALL {
        assert_eq!(serde_json::to_value(failure).expect("JSON"), failure.as_str());
    }
    for kind in EventKind::ALL {
        assert_eq!(serde_json::to_value(kind).expect("JSON"), kind.name());
        assert_eq!(EventKind::parse(kind.name()), Some(kind));
    }
    for status in ProgramStatus::ALL {
        assert_eq!(serde_json::to_value(status).expect("JSON"), status.as_str());
        assert_eq!(ProgramStatus::parse(status.as_str()), Some(status));
    }
}

fn restricted() -> ResponseView {
    ResponseView {
        headers: vec![HeaderView { name: "location".to_owned(), value: "http://internal/token".to_owned() }],
        body: "hunter2".to_owned(),
        truncated: true,
        restricted: true,
        ..ResponseView::of(302)
    }
}

/// Everything but status and time is gone, and that is said.
#[test]
fn a_restricted_answer_is_withheld_from_others_and_a_public_one_is_not() {
    let message =
        "The receiver redirected to http://internal/token with 302 Found. Redirects are not followed.";
    let attempt = AttemptView {
        failure: Some(FailureClass::Redirect),
        message: message.to_owned(),
        response: Some(restricted()),
        ..failed_attempt()
    };
    let for_others = attempt.clone().for_others();
    let shown = serde_json::to_string(&for_others).expect("is written");
    assert!(!shown.contains("internal") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(for_others.message, "The receiver redirected with 302 Found. Redirects are not followed.");
    let response = for_others.response.expect("there was an answer");
    assert_json_snapshot!("a_withheld_answer", response);
    assert_eq!(response.clone().for_others(), response);
    assert_eq!((for_others.duration_ms, for_others.started_at), (attempt.duration_ms, attempt.started_at));
    assert_eq!(failed_attempt().for_others(), failed_attempt());
    assert_eq!(broken_attempt().for_others(), broken_attempt());
}
