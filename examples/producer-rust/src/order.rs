//! The shop's side: what an order is, and which events it means.

use groundswell_client::types::payload::{
    EarnedReward, NewParticipantAdded, Participant, ParticipantReachedAGoal, RewardType,
};
use groundswell_client::{IdempotencyKey, InvalidKey, NewEvent};
use serde::Deserialize;
use serde_json::Map;

/// An order as the shop writes it, in a line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    id: u64,
    customer: Customer,
    /// Whose link brought the customer.
    referred_by: Option<Customer>,
    /// Whether the customer has ordered before.
    #[serde(default)]
    is_first: bool,
    total_cents: i64,
    /// Unix milliseconds.
    placed_at: i64,
}

/// A customer as the shop knows them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    id: String,
    email: String,
}

impl Order {
    /// A first order makes its customer a participant, and an order that somebody brought is worth a reward to them.
    ///
    /// Keys and times come from the order alone: reading it again, after a crash or for fun, makes the same events.
    pub fn events(self) -> Result<Vec<NewEvent>, InvalidKey> {
        let mut events = Vec::new();
        if self.is_first {
            let joined = NewParticipantAdded {
                id: self.customer.id.clone(),
                email: Some(self.customer.email.clone()),
                created_at: Some(self.placed_at),
                referred_by: self.referred_by.as_ref().map(|referrer| referrer.id.clone()),
                ..NewParticipantAdded::default()
            };
            let key = IdempotencyKey::parse(format!("customer-{}", self.customer.id))?;
            events.push(NewEvent::from(joined).with_key(key).at(self.placed_at));
        }
        let key = IdempotencyKey::parse(format!("order-{}", self.id))?;
        let placed_at = self.placed_at;
        if let Some(reward) = self.reward() {
            events.push(NewEvent::from(reward).with_key(key).at(placed_at));
        }
        Ok(events)
    }

    fn reward(self) -> Option<ParticipantReachedAGoal> {
        let referrer = self.referred_by?;
        let mut metadata = Map::new();
        metadata.insert("orderId".to_owned(), self.id.into());
        metadata.insert("totalCents".to_owned(), self.total_cents.into());
        let reward = EarnedReward {
            id: format!("prew_order_{}", self.id),
            kind: Some(RewardType::SingleSided),
            approved: Some(true),
            is_referrer: Some(true),
            referred_id: Some(self.customer.id.clone()),
            referrer_id: Some(referrer.id.clone()),
            created_at: Some(self.placed_at),
            metadata: Some(metadata),
            ..EarnedReward::default()
        };
        let participant = Participant { referee: Some(Box::new(self.customer.into())), ..referrer.into() };
        Some(ParticipantReachedAGoal { participant, reward, ..ParticipantReachedAGoal::default() })
    }
}

impl From<Customer> for Participant {
    fn from(customer: Customer) -> Self {
        Self { id: customer.id, email: Some(customer.email), ..Self::default() }
    }
}
