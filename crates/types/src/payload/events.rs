//! The data of each event that is more than one object.

use super::affiliate::{ADJUSTMENT, Adjustment, COMMISSION, Commission, PAYOUT, Payout};
use super::enums::{CampaignStatus, CampaignType};
use super::payload;
use super::referral::{
    CAMPAIGN, CAMPAIGN_REWARD, Campaign, CampaignReward, EARNED_REWARD, EarnedReward, PARTICIPANT,
    Participant,
};
use crate::schema::Kind;

payload! {
    /// The data of `PARTICIPANT_REACHED_A_GOAL`.
    ParticipantReachedAGoal, PARTICIPANT_REACHED_A_GOAL {
        /// Who earned the reward; with `referee` when earned as the referrer, else with `referrer`.
        participant: Participant = "participant", Kind::Object(&PARTICIPANT), required;
        /// The reward.
        reward: EarnedReward = "reward", Kind::Object(&EARNED_REWARD), required;
        /// The program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
    }
}

payload! {
    /// The data of `PARTICIPANT_FRAUD_STATUS_UPDATED`.
    ParticipantFraudStatusUpdated, PARTICIPANT_FRAUD_STATUS_UPDATED {
        /// Who was rated anew.
        participant: Participant = "participant", Kind::Object(&PARTICIPANT), required;
        /// The program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
    }
}

payload! {
    /// The data of `NEW_COMMISSION_ADDED`.
    NewCommissionAdded, NEW_COMMISSION_ADDED {
        /// The affiliate.
        participant: Participant = "participant", Kind::Object(&PARTICIPANT), required;
        /// The referred customer.
        referred_participant: Participant = "referredParticipant", Kind::Object(&PARTICIPANT), nullable;
        /// The program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
        /// The commission.
        commission: Commission = "commission", Kind::Object(&COMMISSION), required;
    }
}

payload! {
    /// The data of `COMMISSION_ADJUSTED`.
    CommissionAdjusted, COMMISSION_ADJUSTED {
        /// The affiliate.
        participant: Participant = "participant", Kind::Object(&PARTICIPANT), required;
        /// The referred customer.
        referred_participant: Participant = "referredParticipant", Kind::Object(&PARTICIPANT), nullable;
        /// The program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
        /// What changed.
        adjustment: Adjustment = "adjustment", Kind::Object(&ADJUSTMENT), expected;
        /// The commission as it is now.
        adjusted_commission: Commission = "adjustedCommission", Kind::Object(&COMMISSION), required;
    }
}

payload! {
    /// The data of `NEW_PAYOUT_ISSUED`.
    NewPayoutIssued, NEW_PAYOUT_ISSUED {
        /// The affiliate.
        participant: Participant = "participant", Kind::Object(&PARTICIPANT), required;
        /// The program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
        /// The payout.
        payout: Payout = "payout", Kind::Object(&PAYOUT), required;
    }
}

payload! {
    /// The data of `CAMPAIGN_ENDED`: the program as it ended.
    CampaignEnded, CAMPAIGN_ENDED {
        /// The program's id.
        id: String = "id", Kind::Id, required;
        /// The program's name.
        name: String = "name", Kind::Text, expected;
        /// The program's type.
        kind: CampaignType = "type", Kind::OneOf(CampaignType::KNOWN), expected;
        /// Participants in all.
        participant_count: i64 = "participantCount", Kind::Integer, expected;
        /// When the program started, in Unix milliseconds.
        started_at: i64 = "startedAt", Kind::Timestamp, expected;
        /// When the program ended, in Unix milliseconds.
        ended_at: i64 = "endedAt", Kind::Timestamp, expected;
        /// `COMPLETE`.
        status: CampaignStatus = "status", Kind::OneOf(CampaignStatus::KNOWN), expected;
        /// Impressions in all.
        impression_count: i64 = "impressionCount", Kind::Integer, expected;
        /// Referrals in all.
        referral_count: i64 = "referralCount", Kind::Integer, expected;
        /// Winners in all.
        winner_count: i64 = "winnerCount", Kind::Integer, expected;
        /// The first 1,000 winners.
        winners: Vec<Participant> = "winners", Kind::List(&PARTICIPANT), expected;
        /// The program's rewards.
        rewards: Vec<CampaignReward> = "rewards", Kind::List(&CAMPAIGN_REWARD), expected;
    }
}
