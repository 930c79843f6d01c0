//! Programs, webhooks, deliveries and tests to be shown.

use groundswell_types::editor::{DraftRow, LiveStatus, PanelRow, ProgramSummary, SecretDraft};
use groundswell_types::{
    Activity, AttemptView, Currency, DeliveryDetail, DeliveryId, DeliveryState, DeliveryView, EventId,
    EventKind, FailureClass, HeaderView, InboxRequest, InboxRequestDetail, InboxRequestId, Program,
    ProgramId, ProgramStatus, ProgramType, RequestHead, RequestView, ResendJob, ResendJobId, ResendState,
    ResponseView, SchemeCheck, SecretOverlap, SessionView, SignatureCheck, TestId, TestView, WebhookId,
};

/// When everything happened: 26 July 2026, 12:04:05 UTC.
pub const NOW: i64 = 1_785_067_445_123;

/// A program without webhooks.
pub fn summary(id: &str, name: &str, kind: ProgramType) -> ProgramSummary {
    let program = Program {
        id: ProgramId::parse(id).expect("a valid id"),
        name: name.to_owned(),
        kind,
        status: ProgramStatus::InProgress,
        currency: Currency::default(),
        participant_count: 0,
        referral_count: 0,
        impression_count: 0,
        invite_count: 0,
        winner_count: 0,
        rewards: Vec::new(),
        retention_days: None,
    };
    ProgramSummary {
        program,
        webhooks: 0,
        needing_attention: 0,
        has_draft: false,
        activity: activity(117, 3),
        may_edit: true,
    }
}

/// A live webhook that works.
pub fn live_row(key: &str, url: &str) -> PanelRow {
    let row = DraftRow {
        key: key.to_owned(),
        url: url.to_owned(),
        is_enabled: true,
        events: EventKind::fitting(ProgramType::Referral).collect(),
        secret: SecretDraft::Kept,
        timeout: String::new(),
        name: Some(String::new()),
        secret_overlap: Some(SecretOverlap::None),
        headers: Some(Vec::new()),
    };
    PanelRow { row, problems: Vec::new(), live: Some(status(key)) }
}

pub fn failing_row() -> PanelRow {
    let mut row = live_row("wh2", "https://crm.example.org/hooks/groundswell?tenant=42");
    row.row.events.truncate(1);
    row.row.secret = SecretDraft::None;
    row.live = row.live.map(|live| LiveStatus {
        failure_count: 7,
        last_failure_at: Some(NOW - 60_000),
        last_success_at: Some(NOW - 7_200_000),
        next_attempt_at: Some(NOW + 90_000),
        waiting: 12,
        parked: 3,
        has_secret: false,
        activity: Activity::default(),
        ..live
    });
    row
}

pub fn status(key: &str) -> LiveStatus {
    LiveStatus {
        webhook_id: WebhookId::parse(key).expect("a valid id"),
        is_enabled: true,
        is_auto_disabled: false,
        failure_count: 0,
        last_failure_at: None,
        last_success_at: Some(NOW),
        next_attempt_at: None,
        waiting: 0,
        parked: 0,
        disabled: None,
        has_secret: true,
        old_secret: None,
        activity: activity(3, 0),
    }
}

fn header(name: &str, value: &str) -> HeaderView {
    HeaderView { name: name.to_owned(), value: value.to_owned() }
}

/// A job that has just begun.
pub fn job(id: ResendJobId, total: i64) -> ResendJob {
    ResendJob { id, state: ResendState::Running, total, queued: 0, created_at: NOW, ended_at: None }
}

/// All that was delivered in one hour, and all that failed in another.
pub fn activity(delivered: i64, failed: i64) -> Activity {
    let mut activity = Activity::default();
    activity.hours[5].delivered = delivered;
    activity.hours[23].failed = failed;
    activity
}

/// A delivery in that state.
pub fn delivery(index: usize, state: DeliveryState) -> DeliveryDetail {
    let index = i64::try_from(index).expect("small");
    let event_id = EventId::from_number(index + 1);
    let ends =
        matches!(state, DeliveryState::Delivered | DeliveryState::Undeliverable | DeliveryState::Cancelled);
    let has_failed =
        matches!(state, DeliveryState::Retrying | DeliveryState::Held | DeliveryState::Undeliverable);
    let success = state == DeliveryState::Delivered;
    let attempt_log = if has_failed || success { vec![attempt(success)] } else { Vec::new() };
    let waits = matches!(state, DeliveryState::Waiting | DeliveryState::Retrying | DeliveryState::Held);
    // What is held has no times of its own.
    let schedule = match state {
        DeliveryState::Waiting | DeliveryState::Retrying => vec![NOW + 5000, NOW + 20_000, NOW + 65_000],
        _ => Vec::new(),
    };
    let delivery = DeliveryView {
        id: DeliveryId::new(event_id, 0),
        event_id,
        event: EventKind::NewParticipantAdded,
        webhook_id: WebhookId::parse("primary").ok(),
        payload_url: Some("https://example.com/webhooks".to_owned()),
        state,
        attempts: i64::try_from(attempt_log.len()).expect("small"),
        accepted_at: NOW + index,
        created_at: NOW,
        last_attempt_at: attempt_log.first().map(|attempt| attempt.started_at),
        last_status_code: attempt_log
            .first()
            .and_then(|attempt| attempt.response.as_ref())
            .map(|r| r.status_code),
        last_failure: has_failed.then_some(FailureClass::Status),
        next_attempt_at: waits.then_some(NOW + 5000),
        deadline_at: (!ends).then_some(NOW + 432_000_000),
        resend_of: None,
    };
    DeliveryDetail {
        delivery,
        body: r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1785067445123,"data":{"id":"k2n9","email":"ada@example.com","referralCount":1e+21,"metadata":{}}}"#.to_owned(),
        request: Some(RequestHead {
            url: "https://example.com/webhooks".to_owned(),
            headers: vec![
                header("content-type", "application/json"),
                header("webhook-id", &event_id.to_string()),
                header("webhook-timestamp", "0"),
                header("webhook-signature", "<value of webhook-signature>"),
            ],
        }),
        attempt_log,
        schedule,
        resends: Vec::new(),
        reason: None,
    }
}

pub fn attempt(success: bool) -> AttemptView {
    AttemptView {
        number: 1,
        started_at: NOW + 20,
        duration_ms: 132,
        success,
        failure: (!success).then_some(FailureClass::Status),
        message: if success { "The receiver answered 200." } else { "The receiver answered 500." }.to_owned(),
        response: Some(ResponseView {
            headers: vec![HeaderView {
                name: "content-type".to_owned(),
                value: "application/json".to_owned(),
            }],
            body: r#"{"ok":true}"#.to_owned(),
            ..ResponseView::of(if success { 200 } else { 500 })
        }),
        possibly_sent_before: false,
    }
}

pub fn test(number: i64, event: EventKind, url: &str) -> TestView {
    let success = !url.contains("down");
    TestView {
        id: TestId::from_number(number),
        event,
        started_at: NOW,
        duration_ms: 87,
        success,
        failure: (!success).then_some(FailureClass::Connect),
        message: if success {
            "Your server accepted the test.".to_owned()
        } else {
            "Nobody answers at this address.".to_owned()
        },
        advice: (!success).then(|| "Start your server, or check the host and port in the URL.".to_owned()),
        request: RequestView {
            url: url.to_owned(),
            headers: vec![
                header("content-type", "application/json"),
                header("webhook-id", "test_0000000000001"),
                header("GrowSurf-Signature", "ts=1785067445123,v=••••"),
            ],
            body: format!(r#"{{"event":"{event}","createdAt":1785067445123,"data":{{"id":"p1"}}}}"#),
        },
        response: success.then(|| ResponseView {
            headers: vec![header("content-type", "text/plain")],
            body: "OK".to_owned(),
            ..ResponseView::of(200)
        }),
    }
}

/// A request for each verdict there can be on a signature, newest first; the last one is a genuine delivery.
pub fn inbox() -> Vec<InboxRequestDetail> {
    let requests = SchemeCheck::ALL.into_iter().enumerate().map(|(index, check)| inbox_request(index, check));
    requests.rev().collect()
}

/// A request whose signatures are both worth that; the genuine one is ours.
pub fn inbox_request(index: usize, check: SchemeCheck) -> InboxRequestDetail {
    let number = i64::try_from(index).expect("small");
    let is_own = check == SchemeCheck::Verified;
    let body = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"k2n9"}}"#.to_owned();
    InboxRequestDetail {
        request: InboxRequest {
            id: InboxRequestId::from_number(number + 1),
            received_at: NOW + number,
            method: "POST".to_owned(),
            is_own,
            webhook_id: is_own.then(|| EventId::from_number(1).to_string()),
            event: is_own.then_some(EventKind::NewParticipantAdded),
            body_bytes: i64::try_from(body.len()).expect("small"),
            signature: SignatureCheck {
                webhook_id: WebhookId::parse("primary").ok(),
                product: check,
                standard: check,
            },
        },
        headers: vec![HeaderView { name: "authorization".to_owned(), value: "••••".to_owned() }],
        body,
        is_text: true,
    }
}

/// A session in a browser that everybody knows.
pub fn session(id: &str, is_this: bool) -> SessionView {
    let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    SessionView {
        id: id.to_owned(),
        is_this,
        address: Some("198.51.100.7".to_owned()),
        user_agent: Some(user_agent.to_owned()),
        began_at: 1_800_000_000_000,
        last_seen_at: 1_800_000_300_000,
    }
}
