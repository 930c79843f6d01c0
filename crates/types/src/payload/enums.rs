//! The enumerations in payloads. All are open: a newer producer may send more.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::open_enum::open_enum;

open_enum! {
    /// How a participant came to the program.
    ReferralSource {
        Direct = "DIRECT",
        Participant = "PARTICIPANT",
        Import = "IMPORT",
        Manual = "MANUAL",
        DeletedParticipant = "DELETED_PARTICIPANT",
    }
}

open_enum! {
    /// How likely a participant is a fraud.
    FraudRiskLevel {
        Low = "LOW",
        Medium = "MEDIUM",
        High = "HIGH",
    }
}

open_enum! {
    /// The kind of a reward.
    RewardType {
        SingleSided = "SINGLE_SIDED",
        DoubleSided = "DOUBLE_SIDED",
        Milestone = "MILESTONE",
        Leaderboard = "LEADERBOARD",
        Affiliate = "AFFILIATE",
    }
}

open_enum! {
    /// The time a reward's limit counts for.
    LimitDuration {
        InTotal = "IN_TOTAL",
        PerMonth = "PER_MONTH",
        PerYear = "PER_YEAR",
    }
}

open_enum! {
    /// The type of a program within a payload.
    CampaignType {
        Referral = "REFERRAL",
        Affiliate = "AFFILIATE",
    }
}

open_enum! {
    /// The status of a program within a payload.
    CampaignStatus {
        Draft = "DRAFT",
        InProgress = "IN_PROGRESS",
        Pending = "PENDING",
        Cancelled = "CANCELLED",
        Complete = "COMPLETE",
        Deleted = "DELETED",
    }
}

open_enum! {
    /// What a commission was earned for.
    CommissionEvent {
        Lead = "LEAD",
        Sale = "SALE",
    }
}

open_enum! {
    /// Where a commission is in its life.
    CommissionStatus {
        Pending = "PENDING",
        Approved = "APPROVED",
        Paid = "PAID",
        Reversed = "REVERSED",
    }
}

open_enum! {
    /// Why a commission was adjusted.
    AdjustmentReason {
        FullRefund = "FULL_REFUND",
        PartialRefund = "PARTIAL_REFUND",
        Chargeback = "CHARGEBACK",
    }
}

open_enum! {
    /// Where a payout is in its life.
    PayoutStatus {
        Issued = "ISSUED",
        Failed = "FAILED",
    }
}

/// How often a participant shared: a total in webhooks, a map by channel in the REST object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShareCount {
    /// All channels together.
    Total(i64),
    /// By channel.
    ByChannel(Map<String, Value>),
}
