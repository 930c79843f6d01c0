//! A sample of each event: what Test sends and what the documentation shows.

use serde_json::{Map, Number, Value, json};

use crate::event::{Event, EventData, EventKind};
use crate::payload::{
    Adjustment, AdjustmentReason, Campaign, CampaignEnded, CampaignReward, CampaignStatus, CampaignType,
    Commission, CommissionAdjusted, CommissionEvent, CommissionStatus, EarnedReward, FraudRiskLevel,
    LimitDuration, NewCommissionAdded, NewParticipantAdded, NewPayoutIssued, NewSignIn, NoticedWebhook,
    Participant, ParticipantFraudStatusUpdated, ParticipantReachedAGoal, Payout, PayoutStatus,
    ReferralSource, RewardType, ShareCount, TeamMember, WebhookNotice,
};
use crate::program::ProgramType;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The program a sample speaks of.
#[derive(Debug, Clone, Copy)]
pub struct SampleProgram<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub kind: ProgramType,
    /// Its currency, ISO 4217.
    pub currency: &'a str,
}

/// The body of such an event as it is sent: on one line, printed as JavaScript does.
pub fn sample_body(kind: EventKind, program: SampleProgram<'_>, now_ms: i64) -> String {
    let text = serde_json::to_vec(&sample(kind, program, now_ms)).expect("samples are plain JSON");
    let body = crate::json::parse(&text).expect("samples hold nothing JavaScript cannot").render();
    String::from_utf8(body).expect("JSON is text")
}

/// A full event of `kind` that happened at `now_ms`.
pub fn sample(kind: EventKind, program: SampleProgram<'_>, now_ms: i64) -> Event {
    let data = match kind {
        EventKind::ParticipantReachedAGoal => {
            EventData::ParticipantReachedAGoal(Box::new(reached_a_goal(program, now_ms)))
        }
        EventKind::NewParticipantAdded => {
            EventData::NewParticipantAdded(Box::new(new_participant(program, now_ms)))
        }
        EventKind::ParticipantFraudStatusUpdated => {
            let participant = Participant {
                fraud_risk_level: Some(FraudRiskLevel::High),
                fraud_reason_code: Some("DUPLICATE_IP_ADDRESS".to_owned()),
                ..gavin(now_ms)
            };
            EventData::ParticipantFraudStatusUpdated(Box::new(ParticipantFraudStatusUpdated {
                participant,
                campaign: Some(campaign(program)),
                extra: Map::new(),
            }))
        }
        EventKind::NewCommissionAdded => EventData::NewCommissionAdded(Box::new(NewCommissionAdded {
            participant: gavin(now_ms),
            referred_participant: Some(richard(now_ms)),
            campaign: Some(campaign(program)),
            commission: commission(program, now_ms),
            extra: Map::new(),
        })),
        EventKind::CommissionAdjusted => EventData::CommissionAdjusted(Box::new(adjusted(program, now_ms))),
        EventKind::NewPayoutIssued => EventData::NewPayoutIssued(Box::new(NewPayoutIssued {
            participant: gavin(now_ms),
            campaign: Some(campaign(program)),
            payout: payout(program, now_ms),
            extra: Map::new(),
        })),
        EventKind::CampaignEnded => EventData::CampaignEnded(Box::new(ended(program, now_ms))),
        EventKind::WebhookFailing => {
            EventData::WebhookFailing(Box::new(noticed(program, "failing", now_ms - DAY_MS)))
        }
        EventKind::WebhookDisabled => {
            EventData::WebhookDisabled(Box::new(noticed(program, "auto_disabled", now_ms - 7 * DAY_MS)))
        }
        EventKind::DeliveriesUndeliverable => {
            let notice = noticed(program, "undeliverable", now_ms - DAY_MS);
            EventData::DeliveriesUndeliverable(Box::new(WebhookNotice { count: Some(12), ..notice }))
        }
        EventKind::ParkedDeliveriesExpiring => {
            let notice = noticed(program, "parked_expiring", now_ms - 23 * DAY_MS);
            EventData::ParkedDeliveriesExpiring(Box::new(notice))
        }
        EventKind::WebhookSecretReplaced => {
            EventData::WebhookSecretReplaced(Box::new(noticed(program, "secret_replaced", now_ms)))
        }
        EventKind::NewSignIn => EventData::NewSignIn(Box::new(sign_in())),
    };
    Event { created_at: now_ms, data }
}

/// The referrer of all samples.
fn gavin(now_ms: i64) -> Participant {
    Participant {
        id: "gavin5f8e2c".to_owned(),
        email: Some("gavin@example.com".to_owned()),
        first_name: Some("Gavin".to_owned()),
        last_name: Some("Belson".to_owned()),
        is_winner: Some(true),
        referral_count: Some(3),
        monthly_referral_count: Some(2),
        prev_monthly_referral_count: Some(1),
        lead_count: Some(5),
        vanity_keys: Some(vec!["gavin".to_owned()]),
        share_url: Some("https://example.com?grsf=gavin5f8e2c".to_owned()),
        impression_count: Some(240),
        unique_impression_count: Some(180),
        share_count: Some(ShareCount::Total(12)),
        created_at: Some(now_ms - 30 * DAY_MS),
        referral_source: Some(ReferralSource::Direct),
        fraud_risk_level: Some(FraudRiskLevel::Low),
        metadata: Some(object(json!({ "plan": "pro", "phoneNumber": "+1 555 0100" }))),
        unsubscribed: Some(false),
        ..Participant::default()
    }
}

/// The friend of all samples, referred by Gavin.
fn richard(now_ms: i64) -> Participant {
    Participant {
        id: "richardq1w2e3".to_owned(),
        email: Some("richard@example.com".to_owned()),
        first_name: Some("Richard".to_owned()),
        last_name: Some("Hendricks".to_owned()),
        is_winner: Some(false),
        referral_count: Some(0),
        monthly_referral_count: Some(0),
        prev_monthly_referral_count: Some(0),
        lead_count: Some(0),
        vanity_keys: Some(Vec::new()),
        share_url: Some("https://example.com?grsf=richardq1w2e3".to_owned()),
        impression_count: Some(0),
        unique_impression_count: Some(0),
        share_count: Some(ShareCount::Total(0)),
        created_at: Some(now_ms),
        referral_source: Some(ReferralSource::Participant),
        fraud_risk_level: Some(FraudRiskLevel::Low),
        metadata: Some(Map::new()),
        unsubscribed: Some(false),
        referred_by: Some("gavin5f8e2c".to_owned()),
        ..Participant::default()
    }
}

fn new_participant(program: SampleProgram<'_>, now_ms: i64) -> NewParticipantAdded {
    let friend = richard(now_ms);
    NewParticipantAdded {
        id: friend.id,
        email: friend.email,
        first_name: friend.first_name,
        last_name: friend.last_name,
        notes: friend.notes,
        is_winner: friend.is_winner,
        referral_count: friend.referral_count,
        monthly_referral_count: friend.monthly_referral_count,
        prev_monthly_referral_count: friend.prev_monthly_referral_count,
        lead_count: friend.lead_count,
        vanity_keys: friend.vanity_keys,
        share_url: friend.share_url,
        impression_count: friend.impression_count,
        unique_impression_count: friend.unique_impression_count,
        share_count: friend.share_count,
        created_at: friend.created_at,
        referral_source: friend.referral_source,
        fraud_risk_level: friend.fraud_risk_level,
        fraud_reason_code: friend.fraud_reason_code,
        metadata: friend.metadata,
        unsubscribed: friend.unsubscribed,
        referred_by: friend.referred_by,
        referrer: Some(Box::new(gavin(now_ms))),
        referee: None,
        campaign: Some(campaign(program)),
        extra: Map::new(),
    }
}

fn reached_a_goal(program: SampleProgram<'_>, now_ms: i64) -> ParticipantReachedAGoal {
    let participant = Participant { referee: Some(Box::new(richard(now_ms))), ..gavin(now_ms) };
    let reward = EarnedReward {
        id: "prew_h7k2m9".to_owned(),
        reward_id: Some("crew_a1b2c3".to_owned()),
        title: Some("Give $10, get $10".to_owned()),
        kind: Some(RewardType::DoubleSided),
        description: Some("$10 off your next order".to_owned()),
        conversions_required: Some(1),
        coupon_code: Some("FRIENDS10".to_owned()),
        approved: Some(true),
        is_referrer: Some(true),
        referred_id: Some("richardq1w2e3".to_owned()),
        referrer_id: Some("gavin5f8e2c".to_owned()),
        created_at: Some(now_ms),
        approved_at: Some(now_ms),
        metadata: Some(Map::new()),
        ..EarnedReward::default()
    };
    ParticipantReachedAGoal { participant, reward, campaign: Some(campaign(program)), extra: Map::new() }
}

fn campaign(program: SampleProgram<'_>) -> Campaign {
    Campaign {
        id: program.id.to_owned(),
        name: Some(program.name.to_owned()),
        kind: Some(campaign_type(program.kind)),
        currency_iso: Some(program.currency.to_owned()),
        rewards: Some(vec![campaign_reward(program.kind)]),
        extra: Map::new(),
    }
}

fn campaign_type(kind: ProgramType) -> CampaignType {
    match kind {
        ProgramType::Referral => CampaignType::Referral,
        ProgramType::Affiliate => CampaignType::Affiliate,
        ProgramType::Operations => CampaignType::Other(kind.as_str().to_owned()),
    }
}

fn campaign_reward(kind: ProgramType) -> CampaignReward {
    let (title, kind, description) = match kind {
        ProgramType::Referral => ("Give $10, get $10", RewardType::DoubleSided, "$10 off your next order"),
        ProgramType::Affiliate | ProgramType::Operations => {
            ("20 % commission", RewardType::Affiliate, "20 % of each sale you bring")
        }
    };
    CampaignReward {
        id: "crew_a1b2c3".to_owned(),
        title: Some(title.to_owned()),
        kind: Some(kind),
        description: Some(description.to_owned()),
        is_active: Some(true),
        is_visible: Some(true),
        is_unlimited: Some(false),
        limit: Some(10),
        limit_duration: Some(LimitDuration::InTotal),
        conversions_required: Some(1),
        order: Some(0),
        metadata: Some(Map::new()),
        ..CampaignReward::default()
    }
}

fn commission(program: SampleProgram<'_>, now_ms: i64) -> Commission {
    Commission {
        id: "comm_n4p8r2".to_owned(),
        referrer_id: Some("gavin5f8e2c".to_owned()),
        referred_id: Some("richardq1w2e3".to_owned()),
        event: Some(CommissionEvent::Sale),
        amount: Some(2000),
        currency_iso: Some(program.currency.to_owned()),
        sale_amount: Some(10_000),
        status: Some(CommissionStatus::Pending),
        created_at: Some(now_ms),
        hold_duration: Some(30),
        provider: Some("STRIPE".to_owned()),
        amount_in_campaign_currency: Some(2000),
        sale_amount_in_campaign_currency: Some(10_000),
        campaign_currency_iso: Some(program.currency.to_owned()),
        ..Commission::default()
    }
}

fn adjusted(program: SampleProgram<'_>, now_ms: i64) -> CommissionAdjusted {
    let created_at = now_ms - 3 * DAY_MS;
    CommissionAdjusted {
        participant: gavin(now_ms),
        referred_participant: Some(richard(created_at)),
        campaign: Some(campaign(program)),
        adjustment: Some(Adjustment {
            currency_iso: Some(program.currency.to_owned()),
            original_commission_amount: Some(2000),
            new_commission_amount: Some(0),
            commission_adjusted_amount: Some(-2000),
            reason: Some(AdjustmentReason::FullRefund),
            adjusted_at: Some(now_ms),
            extra: Map::new(),
        }),
        adjusted_commission: Commission {
            amount: Some(0),
            status: Some(CommissionStatus::Reversed),
            reversed_at: Some(now_ms),
            ..commission(program, created_at)
        },
        extra: Map::new(),
    }
}

fn payout(program: SampleProgram<'_>, now_ms: i64) -> Payout {
    Payout {
        id: "po_t6v1x5".to_owned(),
        participant_id: Some("gavin5f8e2c".to_owned()),
        commission_ids: Some(vec!["comm_n4p8r2".to_owned()]),
        amount: Some(2000),
        currency_iso: Some(program.currency.to_owned()),
        status: Some(PayoutStatus::Issued),
        created_at: Some(now_ms - HOUR_MS),
        issued_at: Some(now_ms),
        provider: Some("PAYPAL".to_owned()),
        amount_in_campaign_currency: Some(2000),
        campaign_currency_iso: Some(program.currency.to_owned()),
        exchange_rate: Some(Number::from(1)),
        ..Payout::default()
    }
}

fn ended(program: SampleProgram<'_>, now_ms: i64) -> CampaignEnded {
    CampaignEnded {
        id: program.id.to_owned(),
        name: Some(program.name.to_owned()),
        kind: Some(campaign_type(program.kind)),
        participant_count: Some(2),
        started_at: Some(now_ms - 60 * DAY_MS),
        ended_at: Some(now_ms),
        status: Some(CampaignStatus::Complete),
        impression_count: Some(240),
        referral_count: Some(3),
        winner_count: Some(1),
        winners: Some(vec![gavin(now_ms)]),
        rewards: Some(vec![campaign_reward(program.kind)]),
        extra: Map::new(),
    }
}

/// Of a webhook of some referral program: the sample's own has operational webhooks alone.
fn noticed(program: SampleProgram<'_>, notice: &str, since_ms: i64) -> WebhookNotice {
    let kind = ProgramType::Referral;
    let about = SampleProgram { id: "camp_a1b2c3", name: "Bring a friend", kind, ..program };
    WebhookNotice {
        notice: Some(notice.to_owned()),
        webhook: NoticedWebhook {
            id: "wh_q4w5e6".to_owned(),
            label: Some("hooks.example.com".to_owned()),
            extra: Map::new(),
        },
        campaign: Some(Campaign { rewards: None, ..campaign(about) }),
        since: Some(since_ms),
        count: None,
        extra: Map::new(),
    }
}

fn sign_in() -> NewSignIn {
    NewSignIn {
        user: TeamMember {
            id: "usr_m2n3b4".to_owned(),
            name: Some("Ada Lovelace".to_owned()),
            email: Some("ada@example.com".to_owned()),
            extra: Map::new(),
        },
        address: Some("203.0.113.7".to_owned()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
        extra: Map::new(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
