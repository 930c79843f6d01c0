//! From rows to what people are shown. Pure.

use groundswell_types::{AttemptView, DeliveryState, HeaderView, ResponseView};

use crate::delivery::outcome::{Exchange, judge, with_location};
use crate::delivery::sender::head_lines;
use crate::store::{After, AttemptRecord, BootRecord, PARKED_DUE_MS, Pending};

/// Whether no further attempt will be made; `attempts` by number. What a node said that had lost the delivery ended nothing.
pub(super) fn has_ended(attempts: &[AttemptRecord]) -> bool {
    attempts.iter().any(|attempt| !matches!(attempt.after, After::Retry(_) | After::Fenced))
}

/// When the last attempt that counted said the next one is due.
pub(super) fn next_due_ms(attempts: &[AttemptRecord]) -> Option<i64> {
    attempts.iter().rev().find_map(|attempt| match attempt.after {
        After::Retry(due_at_ms) => Some(due_at_ms),
        _ => None,
    })
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing<'a> {
    /// By number.
    pub attempts: &'a [AttemptRecord],
    pub pending: Option<&'a Pending>,
    /// How many attempts had been made when the one began that was under way just before the store was read.
    pub under_way: Option<i64>,
    pub webhook: Receiving,
}

/// Whether a webhook is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Receiving {
    #[default]
    Open,
    /// It is failing.
    Held,
    Disabled,
    Deleted,
}

/// The state of a delivery.
pub(super) fn state(standing: &Standing<'_>) -> DeliveryState {
    let Standing { attempts, pending, under_way, webhook } = *standing;
    let ending = attempts.iter().find_map(|attempt| match attempt.after {
        After::Retry(_) | After::Fenced => None,
        After::Delivered => Some(DeliveryState::Delivered),
        After::Undeliverable => Some(DeliveryState::Undeliverable),
        After::Cancelled => Some(DeliveryState::Cancelled),
    });
    match (ending, pending) {
        (Some(ending), _) => ending,
        // Its row went without an attempt: the webhook was deleted, or what was parked was discarded.
        (None, None) => DeliveryState::Cancelled,
        // Rows of a webhook are moved, and deleted, after its settings have changed.
        (None, Some(_)) if webhook == Receiving::Deleted => DeliveryState::Cancelled,
        // With another number of attempts, the one that was under way has ended since.
        (None, Some(pending)) if under_way == Some(pending.attempts) => DeliveryState::Sending,
        (None, Some(pending)) if pending.key.due_at_ms == PARKED_DUE_MS => DeliveryState::Parked,
        (None, Some(_)) if webhook == Receiving::Disabled => DeliveryState::Parked,
        (None, Some(_)) if webhook == Receiving::Held => DeliveryState::Held,
        (None, Some(_)) if attempts.is_empty() => DeliveryState::Waiting,
        (None, Some(_)) => DeliveryState::Retrying,
    }
}

/// Whether the process ended in the middle of things after the attempt before each attempt: then an earlier request of
/// it may have gone out. It may have been tried before it was due, as a probe or because its endpoint worked again, so
/// when it was due does not count. `attempts` by number.
pub(super) fn possibly_sent_before(
    accepted_at_ms: i64,
    attempts: &[AttemptRecord],
    boots: &[BootRecord],
) -> Vec<bool> {
    let mut since_ms = accepted_at_ms;
    let mut flags = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let is_between = |boot: &BootRecord| since_ms <= boot.at_ms && boot.at_ms <= attempt.started_at_ms;
        flags.push(boots.iter().any(|boot| !boot.is_clean && is_between(boot)));
        since_ms = attempt.started_at_ms.saturating_add(attempt.duration_ms);
    }
    flags
}

/// One attempt for the timeline.
pub(super) fn attempt(record: &AttemptRecord, possibly_sent_before: bool) -> AttemptView {
    let headers: Vec<HeaderView> = head_lines(&record.response_head)
        .map(|(name, value)| HeaderView { name: name.to_owned(), value: value.to_owned() })
        .collect();
    let message = match record.status_code {
        Some(status) if record.failure.is_none() => {
            let content_type = headers.iter().find(|header| header.name == "content-type");
            let content_type = content_type.map(|header| header.value.clone());
            judge(&Exchange::Answer { status, location: None, content_type }).message
        }
        Some(status) if record.is_response_restricted => {
            let location = headers.iter().find(|header| header.name == "location");
            with_location(record.message.clone(), status, location.map(|header| header.value.as_str()))
        }
        _ => record.message.clone(),
    };
    AttemptView {
        number: record.number,
        started_at: record.started_at_ms,
        duration_ms: record.duration_ms,
        success: record.failure.is_none(),
        failure: record.failure,
        message,
        response: record.status_code.map(|status_code| ResponseView {
            headers,
            body: String::from_utf8_lossy(&record.response_body).into_owned(),
            truncated: record.is_response_truncated,
            restricted: record.is_response_restricted,
            ..ResponseView::of(status_code)
        }),
        possibly_sent_before,
    }
}

#[cfg(test)]
mod tests {
    use groundswell_types::{DeliveryId, FailureClass};

    use super::*;
    use crate::store::{EndpointId, PendingKey};

    fn attempt_with(number: i64, after: After) -> AttemptRecord {
        AttemptRecord {
            delivery_id: DeliveryId::from_number(8),
            endpoint_id: EndpointId(1),
            number,
            started_at_ms: 0,
            duration_ms: 1,
            failure: (after != After::Delivered).then_some(FailureClass::Status),
            status_code: Some(500),
            message: String::new(),
            response_head: String::new(),
            response_body: bytes::Bytes::new(),
            is_response_truncated: false,
            is_response_restricted: false,
            after,
        }
    }

    fn pending_at(due_at_ms: i64) -> Pending {
        Pending {
            key: PendingKey {
                endpoint_id: EndpointId(1),
                due_at_ms,
                delivery_id: DeliveryId::from_number(8),
            },
            attempts: 0,
            accepted_at_ms: 0,
            expires_at_ms: 10,
        }
    }

    #[test]
    fn each_state_shows_as_what_it_is() {
        let retry = attempt_with(1, After::Retry(5));
        let cases = [
            (vec![], Some(pending_at(0)), DeliveryState::Waiting),
            (vec![], Some(pending_at(PARKED_DUE_MS)), DeliveryState::Parked),
            (vec![retry.clone()], Some(pending_at(5)), DeliveryState::Retrying),
            (vec![retry.clone()], None, DeliveryState::Cancelled),
            (vec![retry.clone(), attempt_with(2, After::Delivered)], None, DeliveryState::Delivered),
            (vec![retry, attempt_with(2, After::Undeliverable)], None, DeliveryState::Undeliverable),
        ];
        for (attempts, pending, wanted) in cases {
            let standing = Standing { attempts: &attempts, pending: pending.as_ref(), ..Standing::default() };
            assert_eq!(state(&standing), wanted);
        }
        let (waiting, parked) = (pending_at(0), pending_at(PARKED_DUE_MS));
        let of = |pending, under_way, webhook| {
            state(&Standing { attempts: &[], pending: Some(pending), under_way, webhook })
        };
        assert_eq!(of(&waiting, None, Receiving::Held), DeliveryState::Held);
        assert_eq!(of(&parked, None, Receiving::Held), DeliveryState::Parked);
        assert_eq!(of(&waiting, Some(0), Receiving::Open), DeliveryState::Sending);
        assert_eq!(of(&waiting, Some(0), Receiving::Held), DeliveryState::Sending, "a probe");
        assert_eq!(of(&parked, Some(0), Receiving::Disabled), DeliveryState::Sending, "turned off meanwhile");
        let retrying = Pending { attempts: 1, ..pending_at(5) };
        assert_eq!(of(&retrying, Some(0), Receiving::Open), DeliveryState::Waiting, "that attempt has ended");
        assert_eq!(
            of(&waiting, None, Receiving::Disabled),
            DeliveryState::Parked,
            "its row is not moved yet"
        );
        assert_eq!(of(&waiting, Some(0), Receiving::Deleted), DeliveryState::Cancelled, "nor is it gone yet");
        let delivered = [attempt_with(1, After::Delivered)];
        let ended = Standing { attempts: &delivered, under_way: Some(0), ..Standing::default() };
        assert_eq!(state(&ended), DeliveryState::Delivered);
    }

    /// Its row stands where the attempt before put it.
    #[test]
    fn what_a_node_said_that_had_lost_the_delivery_ends_nothing() {
        let attempts = [attempt_with(1, After::Retry(5)), attempt_with(2, After::Fenced)];
        assert!(!has_ended(&attempts));
        assert_eq!(next_due_ms(&attempts), Some(5));
        let pending = pending_at(5);
        let standing = Standing { attempts: &attempts, pending: Some(&pending), ..Standing::default() };
        assert_eq!(state(&standing), DeliveryState::Retrying);
        assert!(has_ended(&[attempt_with(2, After::Fenced), attempt_with(2, After::Delivered)]));
    }

    #[test]
    fn only_attempts_across_an_unclean_end_may_have_been_sent_before() {
        let boot = |at_ms, is_clean| BootRecord { at_ms, is_clean };
        let first = AttemptRecord { started_at_ms: 100, ..attempt_with(1, After::Retry(200)) };
        let second = AttemptRecord { started_at_ms: 300, ..attempt_with(2, After::Delivered) };
        let attempts = [first, second];
        let flags = |boots: &[BootRecord]| possibly_sent_before(50, &attempts, boots);
        assert_eq!(flags(&[boot(40, false), boot(60, true), boot(310, false)]), [false, false]);
        assert_eq!(flags(&[boot(60, false)]), [true, false]);
        assert_eq!(flags(&[boot(150, false)]), [false, true], "not due then, but it may have been a probe");
        assert_eq!(flags(&[boot(250, false)]), [false, true]);
    }
}
