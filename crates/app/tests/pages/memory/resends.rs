//! What matches a filter, and sending it again.

use groundswell_app::failure::Failure;
use groundswell_types::{
    DeliveryDetail, DeliveryFilter, DeliveryId, DeliveryState, DeliveryView, EventId, Problem,
    ResendSelection,
};

use super::State;

impl State {
    /// The deliveries that match, newest first.
    pub fn matching(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryView>, Failure> {
        if filter.since.zip(filter.until).is_some_and(|(since, until)| since >= until) {
            return Err(Failure::Invalid(vec![Problem::new("/until", "must be later than since")]));
        }
        let fits = |detail: &&DeliveryDetail| {
            let delivery = &detail.delivery;
            filter.state.is_none_or(|state| delivery.state == state)
                && filter.event.is_none_or(|event| delivery.event == event)
                && filter.webhook_id.as_ref().is_none_or(|id| delivery.webhook_id.as_ref() == Some(id))
                && filter
                    .status
                    .is_none_or(|range| delivery.last_status_code.is_some_and(|code| range.contains(code)))
                && filter.since.is_none_or(|since| delivery.accepted_at >= since)
                && filter.until.is_none_or(|until| delivery.accepted_at < until)
                && filter.text.as_ref().is_none_or(|text| detail.body.contains(text.as_str()))
        };
        Ok(self.deliveries.iter().filter(fits).map(|detail| detail.delivery.clone()).collect())
    }

    /// What a selection would send again.
    pub fn chosen(&self, selection: &ResendSelection) -> Result<Vec<DeliveryId>, Failure> {
        let mut all = self.matching(&selection.filter())?;
        all.retain(|delivery| {
            has_ended(delivery)
                && selection.deliveries.as_ref().is_none_or(|named| named.contains(&delivery.id))
        });
        Ok(all.iter().map(|delivery| delivery.id).collect())
    }

    /// Adds a delivery that repeats another.
    pub fn resend(&mut self, original: &DeliveryDetail) -> DeliveryView {
        let number = i64::try_from(self.deliveries.len()).unwrap_or_default();
        let delivery = DeliveryView {
            id: DeliveryId::of_resend(EventId::from_number(100 + number)),
            state: DeliveryState::Waiting,
            attempts: 0,
            last_attempt_at: None,
            last_status_code: None,
            last_failure: None,
            resend_of: Some(original.delivery.id),
            ..original.delivery.clone()
        };
        for known in &mut self.deliveries {
            if known.delivery.id == original.delivery.id {
                known.resends.push(delivery.id);
            }
        }
        let detail = DeliveryDetail {
            delivery: delivery.clone(),
            attempt_log: Vec::new(),
            resends: Vec::new(),
            ..original.clone()
        };
        self.deliveries.insert(0, detail);
        delivery
    }
}

pub fn has_ended(delivery: &DeliveryView) -> bool {
    use DeliveryState::{Cancelled, Delivered, Undeliverable};
    matches!(delivery.state, Delivered | Undeliverable | Cancelled)
}
