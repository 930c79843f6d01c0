//! Programs ("campaigns" in the REST API).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ProgramId;
use crate::payload::CampaignReward;

/// What kind of program it is; decides which events it can have. Never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ProgramType {
    /// Participants earn rewards for friends they bring.
    Referral,
    /// Affiliates earn commissions.
    Affiliate,
    /// No program of anybody's customers, but where a team's operational webhooks are: one a team, which it does not make.
    Operations,
}

impl ProgramType {
    /// The types of programs that people make.
    pub const ALL: [Self; 2] = [Self::Referral, Self::Affiliate];

    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Referral => "REFERRAL",
            Self::Affiliate => "AFFILIATE",
            Self::Operations => "OPERATIONS",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Operations]).find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ProgramType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a program is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProgramStatus {
    /// Not started.
    Draft,
    /// Running.
    InProgress,
    /// Waiting to be started.
    Pending,
    /// Called off.
    Cancelled,
    /// Ended.
    Complete,
    /// Deleted: accepts no events.
    Deleted,
}

impl ProgramStatus {
    /// All statuses.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::InProgress, Self::Pending, Self::Cancelled, Self::Complete, Self::Deleted];

    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::InProgress => "IN_PROGRESS",
            Self::Pending => "PENDING",
            Self::Cancelled => "CANCELLED",
            Self::Complete => "COMPLETE",
            Self::Deleted => "DELETED",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// An ISO 4217 currency code: three upper-case letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// Takes three ASCII letters in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        letters.then(|| Self(text.to_ascii_uppercase()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Currency {
    /// US dollars, as in the hosted product.
    fn default() -> Self {
        Self("USD".to_owned())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("is not an ISO 4217 currency code"))
    }
}

/// How long a program's events, deliveries and attempts are kept after acceptance, in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct RetentionDays {
    days: i64,
}

/// A number of days that a program's events cannot be kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number of days from {} to {}", RetentionDays::MIN, RetentionDays::MAX)]
pub struct InvalidRetention;

impl RetentionDays {
    /// The shortest.
    pub const MIN: i64 = 1;

    /// The longest.
    pub const MAX: i64 = 365;

    /// Reads a number of days as a user typed it; white space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidRetention> {
        let text = text.trim();
        let is_plain = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let days: i64 = text.parse().map_err(|_| InvalidRetention)?;
        if is_plain { Self::try_from(days) } else { Err(InvalidRetention) }
    }

    /// From 1 to 365.
    pub const fn days(self) -> i64 {
        self.days
    }

    /// The same in milliseconds.
    pub const fn ms(self) -> i64 {
        self.days * 86_400_000
    }
}

impl TryFrom<i64> for RetentionDays {
    type Error = InvalidRetention;

    fn try_from(days: i64) -> Result<Self, InvalidRetention> {
        (Self::MIN..=Self::MAX).contains(&days).then_some(Self { days }).ok_or(InvalidRetention)
    }
}

impl From<RetentionDays> for i64 {
    fn from(retention: RetentionDays) -> Self {
        retention.days
    }
}

/// A program as the REST API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// Its id.
    pub id: ProgramId,
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ProgramType,
    /// Where it is in its life.
    pub status: ProgramStatus,
    /// The currency of its amounts.
    #[serde(rename = "currencyISO")]
    pub currency: Currency,
    /// Participants so far.
    pub participant_count: i64,
    /// Referrals so far.
    pub referral_count: i64,
    /// Impressions so far.
    pub impression_count: i64,
    /// Invitations so far.
    pub invite_count: i64,
    /// Winners so far.
    pub winner_count: i64,
    /// Its rewards.
    pub rewards: Vec<CampaignReward>,
    /// How long its events, deliveries and attempts are kept, in days. Left out where it is what the server is set to: the
    /// hosted product's clients know no such member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<RetentionDays>,
}
