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
}

impl ProgramType {
    /// Both types.
    pub const ALL: [Self; 2] = [Self::Referral, Self::Affiliate];

    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Referral => "REFERRAL",
            Self::Affiliate => "AFFILIATE",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
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
}
