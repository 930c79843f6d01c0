//! The seven events of programs, those about webhooks themselves, and the envelope they travel in.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::payload::{
    self, CampaignEnded, CommissionAdjusted, NewCommissionAdded, NewParticipantAdded, NewPayoutIssued,
    NewSignIn, ParticipantFraudStatusUpdated, ParticipantReachedAGoal, WebhookNotice,
};
use crate::program::ProgramType;
use crate::schema::Schema;

/// The kinds of events, in the order in which people are shown them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    /// A participant unlocks a reward.
    ParticipantReachedAGoal,
    /// Somebody joins.
    NewParticipantAdded,
    /// A participant's fraud rating changes.
    ParticipantFraudStatusUpdated,
    /// An affiliate earns a commission.
    NewCommissionAdded,
    /// A commission changes after a refund or chargeback.
    CommissionAdjusted,
    /// A payout reaches an affiliate.
    NewPayoutIssued,
    /// The program ends.
    CampaignEnded,
    /// A webhook has been failing for a day, or for three.
    WebhookFailing,
    /// A webhook was disabled because of its receiver.
    WebhookDisabled,
    /// Deliveries were given up.
    DeliveriesUndeliverable,
    /// What waits at a disabled webhook will be cancelled.
    ParkedDeliveriesExpiring,
    /// A webhook's secret was replaced.
    WebhookSecretReplaced,
    /// Somebody of the team signs in with a new browser.
    NewSignIn,
}

impl EventKind {
    /// All seven of programs, which the product's other services post.
    pub const ALL: [Self; 7] = [
        Self::ParticipantReachedAGoal,
        Self::NewParticipantAdded,
        Self::ParticipantFraudStatusUpdated,
        Self::NewCommissionAdded,
        Self::CommissionAdjusted,
        Self::NewPayoutIssued,
        Self::CampaignEnded,
    ];

    /// Those that this server makes by itself, for a team's operational webhooks. Nobody posts them.
    pub const OPERATIONAL: [Self; 6] = [
        Self::WebhookFailing,
        Self::WebhookDisabled,
        Self::DeliveriesUndeliverable,
        Self::ParkedDeliveriesExpiring,
        Self::WebhookSecretReplaced,
        Self::NewSignIn,
    ];

    /// Both.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::OPERATIONAL)
    }

    /// The value of `event` in the envelope.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ParticipantReachedAGoal => "PARTICIPANT_REACHED_A_GOAL",
            Self::NewParticipantAdded => "NEW_PARTICIPANT_ADDED",
            Self::ParticipantFraudStatusUpdated => "PARTICIPANT_FRAUD_STATUS_UPDATED",
            Self::NewCommissionAdded => "NEW_COMMISSION_ADDED",
            Self::CommissionAdjusted => "COMMISSION_ADJUSTED",
            Self::NewPayoutIssued => "NEW_PAYOUT_ISSUED",
            Self::CampaignEnded => "CAMPAIGN_ENDED",
            Self::WebhookFailing => "WEBHOOK_FAILING",
            Self::WebhookDisabled => "WEBHOOK_DISABLED",
            Self::DeliveriesUndeliverable => "DELIVERIES_UNDELIVERABLE",
            Self::ParkedDeliveriesExpiring => "PARKED_DELIVERIES_EXPIRING",
            Self::WebhookSecretReplaced => "WEBHOOK_SECRET_REPLACED",
            Self::NewSignIn => "NEW_SIGN_IN",
        }
    }

    /// Reads the value of `event`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::every().find(|kind| kind.name() == name)
    }

    /// A title for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ParticipantReachedAGoal => "Participant reached a goal",
            Self::NewParticipantAdded => "New participant added",
            Self::ParticipantFraudStatusUpdated => "Participant fraud status updated",
            Self::NewCommissionAdded => "New commission added",
            Self::CommissionAdjusted => "Commission adjusted",
            Self::NewPayoutIssued => "New payout issued",
            Self::CampaignEnded => "Program ended",
            Self::WebhookFailing => "Webhook failing",
            Self::WebhookDisabled => "Webhook disabled",
            Self::DeliveriesUndeliverable => "Deliveries undeliverable",
            Self::ParkedDeliveriesExpiring => "Waiting deliveries expiring",
            Self::WebhookSecretReplaced => "Secret replaced",
            Self::NewSignIn => "New sign-in",
        }
    }

    /// When it happens, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ParticipantReachedAGoal => {
                "A participant unlocks a reward. Comes twice for a double-sided reward (referrer and friend), and \
                 twice where rewards are approved by hand (pending, then approved)."
            }
            Self::NewParticipantAdded => "Somebody joins the program, by any route.",
            Self::ParticipantFraudStatusUpdated => "A participant's fraud rating changes.",
            Self::NewCommissionAdded => "An affiliate earns a commission.",
            Self::CommissionAdjusted => "A commission changes after a refund, a chargeback, or its reversal.",
            Self::NewPayoutIssued => "A payout reaches an affiliate.",
            Self::CampaignEnded => "The program ends.",
            Self::WebhookFailing => {
                "Nothing has been delivered to a webhook for a day; it comes again after three days."
            }
            Self::WebhookDisabled => {
                "A webhook was disabled: nothing was delivered to it for seven days, or its receiver answered 410 Gone."
            }
            Self::DeliveriesUndeliverable => {
                "Deliveries to a webhook were given up. Comes once a day at most, with how many there were."
            }
            Self::ParkedDeliveriesExpiring => {
                "What waits at a disabled webhook will be cancelled soon: after seven days, unless events are kept for less than \
                 thirty."
            }
            Self::WebhookSecretReplaced => "A webhook's secret was replaced or removed.",
            Self::NewSignIn => {
                "Somebody of the team signs in with a browser that their account had not seen."
            }
        }
    }

    /// Whether programs of this type have the event.
    pub const fn fits(self, program: ProgramType) -> bool {
        if self.is_operational() || matches!(program, ProgramType::Operations) {
            return self.is_operational() && matches!(program, ProgramType::Operations);
        }
        match self {
            Self::ParticipantReachedAGoal => matches!(program, ProgramType::Referral),
            Self::NewCommissionAdded | Self::CommissionAdjusted | Self::NewPayoutIssued => {
                matches!(program, ProgramType::Affiliate)
            }
            _ => true,
        }
    }

    /// Whether this server makes it by itself.
    pub const fn is_operational(self) -> bool {
        match self {
            Self::ParticipantReachedAGoal
            | Self::NewParticipantAdded
            | Self::ParticipantFraudStatusUpdated
            | Self::NewCommissionAdded
            | Self::CommissionAdjusted
            | Self::NewPayoutIssued
            | Self::CampaignEnded => false,
            Self::WebhookFailing
            | Self::WebhookDisabled
            | Self::DeliveriesUndeliverable
            | Self::ParkedDeliveriesExpiring
            | Self::WebhookSecretReplaced
            | Self::NewSignIn => true,
        }
    }

    /// The events programs of this type have.
    pub fn fitting(program: ProgramType) -> impl Iterator<Item = Self> {
        Self::every().filter(move |kind| kind.fits(program))
    }

    /// The members of the event's `data`.
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::ParticipantReachedAGoal => &payload::PARTICIPANT_REACHED_A_GOAL,
            Self::NewParticipantAdded => &payload::NEW_PARTICIPANT_ADDED,
            Self::ParticipantFraudStatusUpdated => &payload::PARTICIPANT_FRAUD_STATUS_UPDATED,
            Self::NewCommissionAdded => &payload::NEW_COMMISSION_ADDED,
            Self::CommissionAdjusted => &payload::COMMISSION_ADJUSTED,
            Self::NewPayoutIssued => &payload::NEW_PAYOUT_ISSUED,
            Self::CampaignEnded => &payload::CAMPAIGN_ENDED,
            Self::WebhookFailing
            | Self::WebhookDisabled
            | Self::DeliveriesUndeliverable
            | Self::ParkedDeliveriesExpiring
            | Self::WebhookSecretReplaced => &payload::WEBHOOK_NOTICE,
            Self::NewSignIn => &payload::NEW_SIGN_IN,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a receiver gets, as plain JSON: exactly the three members, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Which event.
    pub event: EventKind,
    /// When it happened, in Unix milliseconds.
    pub created_at: i64,
    /// Depends on the event.
    pub data: Map<String, Value>,
}

/// An event with its payload typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it happened, in Unix milliseconds.
    pub created_at: i64,
    /// What happened.
    pub data: EventData,
}

/// The payload of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum EventData {
    /// A participant unlocks a reward.
    ParticipantReachedAGoal(Box<ParticipantReachedAGoal>),
    /// Somebody joins.
    NewParticipantAdded(Box<NewParticipantAdded>),
    /// A participant's fraud rating changes.
    ParticipantFraudStatusUpdated(Box<ParticipantFraudStatusUpdated>),
    /// An affiliate earns a commission.
    NewCommissionAdded(Box<NewCommissionAdded>),
    /// A commission changes.
    CommissionAdjusted(Box<CommissionAdjusted>),
    /// A payout reaches an affiliate.
    NewPayoutIssued(Box<NewPayoutIssued>),
    /// The program ends.
    CampaignEnded(Box<CampaignEnded>),
    /// A webhook is failing.
    WebhookFailing(Box<WebhookNotice>),
    /// A webhook was disabled.
    WebhookDisabled(Box<WebhookNotice>),
    /// Deliveries were given up.
    DeliveriesUndeliverable(Box<WebhookNotice>),
    /// What waits will be cancelled.
    ParkedDeliveriesExpiring(Box<WebhookNotice>),
    /// A webhook's secret was replaced.
    WebhookSecretReplaced(Box<WebhookNotice>),
    /// Somebody signs in with a new browser.
    NewSignIn(Box<NewSignIn>),
}

impl EventData {
    /// Which event it is.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::ParticipantReachedAGoal(_) => EventKind::ParticipantReachedAGoal,
            Self::NewParticipantAdded(_) => EventKind::NewParticipantAdded,
            Self::ParticipantFraudStatusUpdated(_) => EventKind::ParticipantFraudStatusUpdated,
            Self::NewCommissionAdded(_) => EventKind::NewCommissionAdded,
            Self::CommissionAdjusted(_) => EventKind::CommissionAdjusted,
            Self::NewPayoutIssued(_) => EventKind::NewPayoutIssued,
            Self::CampaignEnded(_) => EventKind::CampaignEnded,
            Self::WebhookFailing(_) => EventKind::WebhookFailing,
            Self::WebhookDisabled(_) => EventKind::WebhookDisabled,
            Self::DeliveriesUndeliverable(_) => EventKind::DeliveriesUndeliverable,
            Self::ParkedDeliveriesExpiring(_) => EventKind::ParkedDeliveriesExpiring,
            Self::WebhookSecretReplaced(_) => EventKind::WebhookSecretReplaced,
            Self::NewSignIn(_) => EventKind::NewSignIn,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::ParticipantReachedAGoal(data) => serde_json::to_value(data),
            Self::NewParticipantAdded(data) => serde_json::to_value(data),
            Self::ParticipantFraudStatusUpdated(data) => serde_json::to_value(data),
            Self::NewCommissionAdded(data) => serde_json::to_value(data),
            Self::CommissionAdjusted(data) => serde_json::to_value(data),
            Self::NewPayoutIssued(data) => serde_json::to_value(data),
            Self::CampaignEnded(data) => serde_json::to_value(data),
            Self::WebhookFailing(data)
            | Self::WebhookDisabled(data)
            | Self::DeliveriesUndeliverable(data)
            | Self::ParkedDeliveriesExpiring(data)
            | Self::WebhookSecretReplaced(data) => serde_json::to_value(data),
            Self::NewSignIn(data) => serde_json::to_value(data),
        }
    }
}

impl TryFrom<Envelope> for Event {
    type Error = serde_json::Error;

    /// Fails when a known member has another type than documented, or an id is missing.
    fn try_from(envelope: Envelope) -> Result<Self, Self::Error> {
        let value = Value::Object(envelope.data);
        let data = match envelope.event {
            EventKind::ParticipantReachedAGoal => {
                EventData::ParticipantReachedAGoal(serde_json::from_value(value)?)
            }
            EventKind::NewParticipantAdded => EventData::NewParticipantAdded(serde_json::from_value(value)?),
            EventKind::ParticipantFraudStatusUpdated => {
                EventData::ParticipantFraudStatusUpdated(serde_json::from_value(value)?)
            }
            EventKind::NewCommissionAdded => EventData::NewCommissionAdded(serde_json::from_value(value)?),
            EventKind::CommissionAdjusted => EventData::CommissionAdjusted(serde_json::from_value(value)?),
            EventKind::NewPayoutIssued => EventData::NewPayoutIssued(serde_json::from_value(value)?),
            EventKind::CampaignEnded => EventData::CampaignEnded(serde_json::from_value(value)?),
            EventKind::WebhookFailing => EventData::WebhookFailing(serde_json::from_value(value)?),
            EventKind::WebhookDisabled => EventData::WebhookDisabled(serde_json::from_value(value)?),
            EventKind::DeliveriesUndeliverable => {
                EventData::DeliveriesUndeliverable(serde_json::from_value(value)?)
            }
            EventKind::ParkedDeliveriesExpiring => {
                EventData::ParkedDeliveriesExpiring(serde_json::from_value(value)?)
            }
            EventKind::WebhookSecretReplaced => {
                EventData::WebhookSecretReplaced(serde_json::from_value(value)?)
            }
            EventKind::NewSignIn => EventData::NewSignIn(serde_json::from_value(value)?),
        };
        Ok(Self { created_at: envelope.created_at, data })
    }
}

impl TryFrom<Event> for Envelope {
    type Error = serde_json::Error;

    /// Fails only when an `extra` member holds what JSON cannot.
    fn try_from(event: Event) -> Result<Self, Self::Error> {
        let data = match event.data.to_value()? {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Ok(Self { event: event.data.kind(), created_at: event.created_at, data })
    }
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let envelope = Envelope::try_from(self.clone()).map_err(serde::ser::Error::custom)?;
        envelope.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let envelope = Envelope::deserialize(deserializer)?;
        Self::try_from(envelope).map_err(serde::de::Error::custom)
    }
}
