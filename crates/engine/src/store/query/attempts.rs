//! Attempts, as the log shows them.

use groundswell_types::{DeliveryId, FailureClass};

use super::{Columns, Connection, damaged};
use crate::store::fencing::number_of;
use crate::store::list::{List, Marks};
use crate::store::{After, AttemptRecord, EndpointId, StoreError};

const IN_FULL: &str = "
    SELECT delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated, response_head, response_body
    FROM attempt
    WHERE delivery_id = $1";

static IN_BRIEF: List = List::new(
    "
    WITH wanted (delivery_id) AS (VALUES ",
    1,
    ")
    SELECT delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated
    FROM attempt
    WHERE delivery_id IN (SELECT delivery_id FROM wanted)",
    Marks::From(1),
);

pub(in crate::store) async fn in_full(
    db: &mut impl Connection,
    delivery: DeliveryId,
) -> Result<Vec<AttemptRecord>, StoreError> {
    let rows = db.fetch(IN_FULL, vec![delivery.number().into()]).await?;
    let mut attempts: Vec<AttemptRecord> = rows.iter().map(attempt_in_full).collect::<Result<_, _>>()?;
    attempts.sort_by_key(place);
    Ok(attempts)
}

/// Without response head and body.
pub(in crate::store) async fn in_brief(
    db: &mut impl Connection,
    deliveries: &[DeliveryId],
) -> Result<Vec<AttemptRecord>, StoreError> {
    let mut attempts = Vec::new();
    for (statement, values) in IN_BRIEF.padded(&[], deliveries, |id| [id.number()]) {
        for row in &db.fetch_list(statement, values).await? {
            attempts.push(attempt(row)?);
        }
    }
    attempts.sort_by_key(place);
    Ok(attempts)
}

/// Where an attempt stands among others. Those of a node that had lost the delivery stand beside the ones of its new owner.
fn place(attempt: &AttemptRecord) -> (DeliveryId, i64, i64) {
    (attempt.delivery_id, attempt.number, attempt.started_at_ms)
}

fn attempt_in_full(row: &impl Columns) -> Result<AttemptRecord, StoreError> {
    Ok(AttemptRecord { response_head: row.text(11)?, response_body: row.blob(12)?.into(), ..attempt(row)? })
}

fn attempt(row: &impl Columns) -> Result<AttemptRecord, StoreError> {
    let status_code = row.optional_int(6)?.map(u16::try_from).transpose();
    let response = row.int(10)?;
    let failure = row.optional_text(5)?.map(|text| failure(&text)).transpose()?;
    Ok(AttemptRecord {
        delivery_id: DeliveryId::from_number(row.int(0)?),
        number: number_of(row.int(1)?),
        endpoint_id: EndpointId(row.int(2)?),
        started_at_ms: row.int(3)?,
        duration_ms: row.int(4)?,
        failure,
        status_code: status_code.map_err(|_| damaged("a stored status code is none".to_owned()))?,
        message: row.text(7)?,
        after: after(&row.text(8)?, row.optional_int(9)?)?,
        is_response_truncated: response & 1 != 0,
        is_response_restricted: response & RESTRICTED != 0,
        response_head: String::new(),
        response_body: bytes::Bytes::new(),
    })
}

fn failure(text: &str) -> Result<FailureClass, StoreError> {
    let known = FailureClass::ALL.into_iter().find(|class| class.as_str() == text);
    known.ok_or_else(|| damaged(format!("`{text}` is no class of failures")))
}

/// What `attempt.is_response_truncated` has beside whether it was truncated, which is 1.
const RESTRICTED: i64 = 2;

/// The number in `attempt.is_response_truncated`.
pub(in crate::store) fn response_column(attempt: &AttemptRecord) -> i64 {
    let restricted = if attempt.is_response_restricted { RESTRICTED } else { 0 };
    i64::from(attempt.is_response_truncated) | restricted
}

/// The words of `attempt.after` and the time beside them.
pub(in crate::store) const fn after_columns(after: After) -> (&'static str, Option<i64>) {
    match after {
        After::Delivered => ("delivered", None),
        After::Retry(at_ms) => ("retry", Some(at_ms)),
        After::Undeliverable => ("undeliverable", None),
        After::Cancelled => ("cancelled", None),
        After::Fenced => ("fenced", None),
    }
}

fn after(text: &str, retry_at_ms: Option<i64>) -> Result<After, StoreError> {
    match (text, retry_at_ms) {
        ("delivered", None) => Ok(After::Delivered),
        ("retry", Some(at_ms)) => Ok(After::Retry(at_ms)),
        ("undeliverable", None) => Ok(After::Undeliverable),
        ("cancelled", None) => Ok(After::Cancelled),
        ("fenced", None) => Ok(After::Fenced),
        _ => Err(damaged(format!("an attempt cannot be followed by `{text}` at {retry_at_ms:?}"))),
    }
}
