//! Participants, programs and rewards.

use serde_json::{Map, Value};

use super::enums::{CampaignType, FraudRiskLevel, LimitDuration, ReferralSource, RewardType, ShareCount};
use super::payload;
use crate::schema::Kind;

/// The members of a participant; `NEW_PARTICIPANT_ADDED` has them beside a `campaign`.
macro_rules! participant {
    ($(#[doc = $about:literal])+ $name:ident, $table:ident { $($more:tt)* }) => {
        payload! {
            $(#[doc = $about])+
            $name, $table {
                /// The participant's id.
                id: String = "id", Kind::Id, required;
                /// The e-mail address.
                email: String = "email", Kind::Text, expected;
                /// The first name.
                first_name: String = "firstName", Kind::Text, nullable;
                /// The last name.
                last_name: String = "lastName", Kind::Text, nullable;
                /// Notes of the program's team.
                notes: String = "notes", Kind::Text, nullable;
                /// Whether the participant has won a reward.
                is_winner: bool = "isWinner", Kind::Boolean, expected;
                /// Referrals in all.
                referral_count: i64 = "referralCount", Kind::Integer, expected;
                /// Referrals this month.
                monthly_referral_count: i64 = "monthlyReferralCount", Kind::Integer, expected;
                /// Referrals last month.
                prev_monthly_referral_count: i64 = "prevMonthlyReferralCount", Kind::Integer, expected;
                /// Leads in all.
                lead_count: i64 = "leadCount", Kind::Integer, expected;
                /// Names for the share link that the participant chose.
                vanity_keys: Vec<String> = "vanityKeys", Kind::TextList, expected;
                /// The link to share.
                share_url: String = "shareUrl", Kind::Text, expected;
                /// Impressions of the share link.
                impression_count: i64 = "impressionCount", Kind::Integer, expected;
                /// Impressions of the share link by different people.
                unique_impression_count: i64 = "uniqueImpressionCount", Kind::Integer, expected;
                /// Shares: a total, or a map by channel.
                share_count: ShareCount = "shareCount", Kind::CountOrMap, expected;
                /// When the participant joined, in Unix milliseconds.
                created_at: i64 = "createdAt", Kind::Timestamp, expected;
                /// How the participant came to the program.
                referral_source: ReferralSource = "referralSource", Kind::OneOf(ReferralSource::KNOWN), expected;
                /// How likely the participant is a fraud.
                fraud_risk_level: FraudRiskLevel = "fraudRiskLevel", Kind::OneOf(FraudRiskLevel::KNOWN), expected;
                /// Why the participant got that fraud rating.
                fraud_reason_code: String = "fraudReasonCode", Kind::Text, nullable;
                /// Fields of the program's own choice.
                metadata: Map<String, Value> = "metadata", Kind::Map, expected;
                /// Whether the participant gets no more e-mail.
                unsubscribed: bool = "unsubscribed", Kind::Boolean, expected;
                /// The id of the participant who referred this one.
                referred_by: String = "referredBy", Kind::Text, nullable;
                /// The participant who referred this one.
                referrer: Box<Participant> = "referrer", Kind::Object(&PARTICIPANT), nullable;
                /// The friend this participant referred.
                referee: Box<Participant> = "referee", Kind::Object(&PARTICIPANT), nullable;
                $($more)*
            }
        }
    };
}

participant! {
    /// Somebody who takes part in a program.
    Participant, PARTICIPANT {}
}

participant! {
    /// The data of `NEW_PARTICIPANT_ADDED`: the participant's own members, and the program.
    NewParticipantAdded, NEW_PARTICIPANT_ADDED {
        /// The program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
    }
}

payload! {
    /// The program an event belongs to.
    Campaign, CAMPAIGN {
        /// The program's id.
        id: String = "id", Kind::Id, required;
        /// The program's name.
        name: String = "name", Kind::Text, expected;
        /// The program's type.
        kind: CampaignType = "type", Kind::OneOf(CampaignType::KNOWN), expected;
        /// The currency of the program's amounts, ISO 4217.
        currency_iso: String = "currencyISO", Kind::Text, expected;
        /// The program's rewards.
        rewards: Vec<CampaignReward> = "rewards", Kind::List(&CAMPAIGN_REWARD), expected;
    }
}

payload! {
    /// A reward as the program defines it.
    CampaignReward, CAMPAIGN_REWARD {
        /// The reward's id, `crew_…`.
        id: String = "id", Kind::Id, required;
        /// The title.
        title: String = "title", Kind::Text, nullable;
        /// The kind of reward.
        kind: RewardType = "type", Kind::OneOf(RewardType::KNOWN), expected;
        /// What the participant gets.
        description: String = "description", Kind::Text, nullable;
        /// What the referred friend gets.
        referral_description: String = "referralDescription", Kind::Text, nullable;
        /// Whether it can be earned now.
        is_active: bool = "isActive", Kind::Boolean, expected;
        /// Whether participants see it.
        is_visible: bool = "isVisible", Kind::Boolean, expected;
        /// Whether it can be earned any number of times.
        is_unlimited: bool = "isUnlimited", Kind::Boolean, expected;
        /// How often it can be earned.
        limit: i64 = "limit", Kind::Integer, nullable;
        /// The time the limit counts for.
        limit_duration: LimitDuration = "limitDuration", Kind::OneOf(LimitDuration::KNOWN), nullable;
        /// Referrals needed to earn it.
        conversions_required: i64 = "conversionsRequired", Kind::Integer, nullable;
        /// Winners of a leaderboard.
        number_of_winners: i64 = "numberOfWinners", Kind::Integer, nullable;
        /// A picture.
        image_url: String = "imageUrl", Kind::Text, nullable;
        /// The place among the rewards.
        order: i64 = "order", Kind::Integer, nullable;
        /// The coupon that is handed out.
        coupon_code: String = "couponCode", Kind::Text, nullable;
        /// Text before the number to the next milestone.
        next_milestone_prefix: String = "nextMilestonePrefix", Kind::Text, nullable;
        /// Text behind the number to the next milestone.
        next_milestone_suffix: String = "nextMilestoneSuffix", Kind::Text, nullable;
        /// Fields of the program's own choice.
        metadata: Map<String, Value> = "metadata", Kind::Map, expected;
    }
}

payload! {
    /// A reward that a participant has earned.
    EarnedReward, EARNED_REWARD {
        /// The id of this earned reward, `prew_…`.
        id: String = "id", Kind::Id, required;
        /// The id of the program's reward, `crew_…`.
        reward_id: String = "rewardId", Kind::Text, expected;
        /// The title.
        title: String = "title", Kind::Text, nullable;
        /// The kind of reward.
        kind: RewardType = "type", Kind::OneOf(RewardType::KNOWN), expected;
        /// What the participant gets.
        description: String = "description", Kind::Text, nullable;
        /// A picture.
        image_url: String = "imageUrl", Kind::Text, nullable;
        /// How often it can be earned.
        limit: i64 = "limit", Kind::Integer, nullable;
        /// Referrals needed to earn it.
        conversions_required: i64 = "conversionsRequired", Kind::Integer, nullable;
        /// The coupon that was handed out.
        coupon_code: String = "couponCode", Kind::Text, nullable;
        /// Whether it is approved; with approval by hand the event comes twice.
        approved: bool = "approved", Kind::Boolean, expected;
        /// Whether the participant earned it as the referrer, not as the friend.
        is_referrer: bool = "isReferrer", Kind::Boolean, expected;
        /// The id of the friend.
        referred_id: String = "referredId", Kind::Text, nullable;
        /// The id of the referrer.
        referrer_id: String = "referrerId", Kind::Text, nullable;
        /// When it was earned, in Unix milliseconds.
        created_at: i64 = "createdAt", Kind::Timestamp, expected;
        /// When it was approved, in Unix milliseconds.
        approved_at: i64 = "approvedAt", Kind::Timestamp, nullable;
        /// When it was handed out, in Unix milliseconds.
        fulfilled_at: i64 = "fulfilledAt", Kind::Timestamp, nullable;
        /// Fields of the program's own choice.
        metadata: Map<String, Value> = "metadata", Kind::Map, expected;
    }
}
