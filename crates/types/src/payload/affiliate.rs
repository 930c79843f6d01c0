//! Commissions and payouts. All amounts are whole numbers in the currency's minor unit.

use serde_json::Number;

use super::enums::{AdjustmentReason, CommissionEvent, CommissionStatus, PayoutStatus};
use super::payload;
use crate::schema::Kind;

payload! {
    /// A commission an affiliate earned.
    Commission, COMMISSION {
        /// The commission's id, `comm_…`.
        id: String = "id", Kind::Id, required;
        /// The id of the affiliate.
        referrer_id: String = "referrerId", Kind::Text, expected;
        /// The id of the referred customer.
        referred_id: String = "referredId", Kind::Text, expected;
        /// What it was earned for.
        event: CommissionEvent = "event", Kind::OneOf(CommissionEvent::KNOWN), expected;
        /// The commission.
        amount: i64 = "amount", Kind::Amount, expected;
        /// The currency of the sale, ISO 4217.
        currency_iso: String = "currencyISO", Kind::Text, expected;
        /// The amount of the sale; none for a lead.
        sale_amount: i64 = "saleAmount", Kind::Amount, nullable;
        /// Where the commission is in its life.
        status: CommissionStatus = "status", Kind::OneOf(CommissionStatus::KNOWN), expected;
        /// When it was earned, in Unix milliseconds.
        created_at: i64 = "createdAt", Kind::Timestamp, expected;
        /// When it was approved, in Unix milliseconds.
        approved_at: i64 = "approvedAt", Kind::Timestamp, nullable;
        /// When it was paid, in Unix milliseconds.
        paid_at: i64 = "paidAt", Kind::Timestamp, nullable;
        /// When it was reversed, in Unix milliseconds.
        reversed_at: i64 = "reversedAt", Kind::Timestamp, nullable;
        /// When it was put into a payout, in Unix milliseconds.
        payout_queued_at: i64 = "payoutQueuedAt", Kind::Timestamp, nullable;
        /// Days until it can be paid.
        hold_duration: i64 = "holdDuration", Kind::Integer, nullable;
        /// The payment provider that reported the sale; none for a lead.
        provider: String = "provider", Kind::Text, nullable;
        /// The commission in the program's currency.
        amount_in_campaign_currency: i64 = "amountInCampaignCurrency", Kind::Amount, nullable;
        /// The sale in the program's currency.
        sale_amount_in_campaign_currency: i64 = "saleAmountInCampaignCurrency", Kind::Amount, nullable;
        /// The program's currency, ISO 4217.
        campaign_currency_iso: String = "campaignCurrencyISO", Kind::Text, expected;
        /// When the exchange rate was taken, in Unix milliseconds.
        exchange_rate_at: i64 = "exchangeRateAt", Kind::Timestamp, nullable;
        /// Why the amounts could not be converted.
        fx_error: String = "fxError", Kind::Text, nullable;
    }
}

payload! {
    /// A change of a commission after a refund, a chargeback or its reversal.
    Adjustment, ADJUSTMENT {
        /// The currency of the amounts, ISO 4217.
        currency_iso: String = "currencyISO", Kind::Text, expected;
        /// The commission before.
        original_commission_amount: i64 = "originalCommissionAmount", Kind::Amount, expected;
        /// The commission after.
        new_commission_amount: i64 = "newCommissionAmount", Kind::Amount, expected;
        /// The difference; negative for a refund.
        commission_adjusted_amount: i64 = "commissionAdjustedAmount", Kind::Amount, expected;
        /// Why.
        reason: AdjustmentReason = "reason", Kind::OneOf(AdjustmentReason::KNOWN), expected;
        /// When, in Unix milliseconds.
        adjusted_at: i64 = "adjustedAt", Kind::Timestamp, expected;
    }
}

payload! {
    /// A payment to an affiliate.
    Payout, PAYOUT {
        /// The payout's id, `po_…`.
        id: String = "id", Kind::Id, required;
        /// The id of the affiliate.
        participant_id: String = "participantId", Kind::Text, expected;
        /// The ids of the commissions in it.
        commission_ids: Vec<String> = "commissionIds", Kind::TextList, expected;
        /// The amount.
        amount: i64 = "amount", Kind::Amount, expected;
        /// The currency of the amount, ISO 4217.
        currency_iso: String = "currencyISO", Kind::Text, expected;
        /// Where the payout is in its life.
        status: PayoutStatus = "status", Kind::OneOf(PayoutStatus::KNOWN), expected;
        /// When it was made, in Unix milliseconds.
        created_at: i64 = "createdAt", Kind::Timestamp, expected;
        /// When it reached the affiliate, in Unix milliseconds.
        issued_at: i64 = "issuedAt", Kind::Timestamp, nullable;
        /// When it failed, in Unix milliseconds.
        failed_at: i64 = "failedAt", Kind::Timestamp, nullable;
        /// The payment provider.
        provider: String = "provider", Kind::Text, nullable;
        /// The amount in the program's currency.
        amount_in_campaign_currency: i64 = "amountInCampaignCurrency", Kind::Amount, nullable;
        /// The program's currency, ISO 4217.
        campaign_currency_iso: String = "campaignCurrencyISO", Kind::Text, expected;
        /// When the exchange rate was taken, in Unix milliseconds.
        exchange_rate_at: i64 = "exchangeRateAt", Kind::Timestamp, nullable;
        /// The exchange rate.
        exchange_rate: Number = "exchangeRate", Kind::Number, nullable;
        /// Why the amount could not be converted.
        fx_error: String = "fxError", Kind::Text, nullable;
    }
}
