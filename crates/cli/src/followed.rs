//! What becomes of an event's deliveries, told as it happens.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use groundswell_types::{DeliveryDetail, DeliveryState, DeliveryView};
use serde::Deserialize;

use crate::api::{Api, query, segment};
use crate::failure::Failure;
use crate::terminal::{Terminal, Tone, harmless};
use crate::times;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Which event, and for how long.
pub struct Followed<'a> {
    pub program: &'a str,
    pub event: &'a str,
    /// How many deliveries it has.
    pub deliveries: i64,
    pub timeout_ms: i64,
}

#[derive(Deserialize)]
struct Page {
    deliveries: Vec<DeliveryView>,
}

/// Tells of every attempt until all deliveries have ended; fails when one of them was not delivered.
pub fn follow(
    api: &Api<'_>,
    followed: &Followed<'_>,
    terminal: &mut Terminal,
    now_ms: fn() -> i64,
) -> Result<(), Failure> {
    let began_ms = now_ms();
    let program = segment(followed.program);
    let path = format!(
        "/v2/campaign/{program}/deliveries{}",
        query([("text", Some(followed.event.to_owned())), ("limit", Some("100".to_owned()))])
    );
    let mut told: BTreeMap<String, (i64, DeliveryState)> = BTreeMap::new();
    loop {
        let Page { deliveries } = api.get(&path)?;
        let of_event: Vec<DeliveryView> =
            deliveries.into_iter().filter(|one| one.event_id.to_string() == followed.event).collect();
        for delivery in of_event.iter().rev() {
            let now = (delivery.attempts, delivery.state);
            let before = told.insert(delivery.id.to_string(), now);
            let is_news = before != Some(now) && has_outcome(delivery);
            if is_news {
                let detail = api.get_text(&format!("/v2/campaign/{program}/deliveries/{}", delivery.id))?;
                tell(terminal, &api.read(&detail)?, &detail)?;
            }
        }
        let ended = of_event.iter().filter(|one| is_over(one.state)).count();
        if i64::try_from(ended).is_ok_and(|ended| ended >= followed.deliveries) {
            let is_good = of_event.iter().all(|one| one.state == DeliveryState::Delivered);
            return if is_good { Ok(()) } else { Err(Failure::Unsuccessful) };
        }
        if now_ms().saturating_sub(began_ms) >= followed.timeout_ms {
            let open = i64::try_from(ended).map_or(0, |ended| followed.deliveries - ended);
            return Err(Failure::new(
                format!(
                    "{open} of {} deliveries have not ended yet; they go on without us.",
                    followed.deliveries
                ),
                format!(
                    "`groundswell deliveries list --text {}` shows them; --timeout waits longer.",
                    followed.event
                ),
            ));
        }
        sleep(PAUSE);
    }
}

/// Nothing more happens soon, or at all.
const fn is_over(state: DeliveryState) -> bool {
    matches!(
        state,
        DeliveryState::Delivered
            | DeliveryState::Undeliverable
            | DeliveryState::Cancelled
            | DeliveryState::Parked
            | DeliveryState::Held
    )
}

fn has_outcome(delivery: &DeliveryView) -> bool {
    is_over(delivery.state) || (delivery.attempts > 0 && delivery.state == DeliveryState::Retrying)
}

fn tell(terminal: &mut Terminal, detail: &DeliveryDetail, text: &str) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.line(text);
    }
    let tone = tone_of(detail.delivery.state);
    let state = terminal.toned(tone, detail.delivery.state.as_str());
    let to = detail.delivery.payload_url.as_deref().map_or_else(|| "a deleted webhook".to_owned(), harmless);
    let why = detail.attempt_log.last().map(|attempt| {
        format!(
            " (attempt {} after {} ms: {})",
            attempt.number,
            attempt.duration_ms,
            harmless(&attempt.message)
        )
    });
    let reason = detail.reason.as_deref().map(|reason| format!(" {}", harmless(reason)));
    let next =
        detail.delivery.next_attempt_at.map(|at_ms| format!(", next attempt at {} UTC", times::shown(at_ms)));
    terminal.line(&format!(
        "  {} {state} → {to}{}{}{}",
        detail.delivery.id,
        why.unwrap_or_default(),
        next.unwrap_or_default(),
        reason.unwrap_or_default(),
    ))
}

/// How a state looks.
pub const fn tone_of(state: DeliveryState) -> Tone {
    match state {
        DeliveryState::Delivered => Tone::Good,
        DeliveryState::Undeliverable => Tone::Bad,
        DeliveryState::Retrying | DeliveryState::Held | DeliveryState::Parked => Tone::Doubtful,
        DeliveryState::Waiting | DeliveryState::Sending | DeliveryState::Cancelled => Tone::Faint,
    }
}
