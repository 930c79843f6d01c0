//! Live webhooks, what they were before, and their health.

use groundswell_types::{
    DeliveryId, ProgramId, Secret, WebhookHeaders, WebhookId, WebhookName, WebhookTimeout,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::deliveries::limit_of;
use super::secrets::{EndpointColumn, invalid};
use super::{Columns, Connection, damaged, drafts, notices, telling};
use crate::store::vault::Vault;
use crate::store::{
    EndpointId, EndpointRecord, FAILING_DELIVERIES, HealthRecord, OldSecret, OldSecretChange,
    PublicationRecord, Published, StoreError, WebhooksChange,
};

const LIVE: &str = "
    SELECT id, program_id, public_id, url, events, is_enabled, auto_disabled, secret, created_at_ms, parked_at_ms,
        timeout_seconds, headers, old_secret, old_secret_ends_at_ms, new_secret_accepted_at_ms, name
    FROM endpoint
    WHERE deleted_at_ms IS NULL
    ORDER BY created_at_ms, id";

const LIVE_OF_PROGRAM: &str = "
    SELECT id, program_id, public_id, url, events, is_enabled, auto_disabled, secret, created_at_ms, parked_at_ms,
        timeout_seconds, headers, old_secret, old_secret_ends_at_ms, new_secret_accepted_at_ms, name
    FROM endpoint
    WHERE program_id = $1 AND deleted_at_ms IS NULL
    ORDER BY created_at_ms, id";

const UPSERT: &str = "
    INSERT INTO endpoint
        (id, program_id, public_id, url, events, is_enabled, auto_disabled, secret, created_at_ms, parked_at_ms,
        timeout_seconds, headers, old_secret, old_secret_ends_at_ms, new_secret_accepted_at_ms, name, deleted_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, NULL)
    ON CONFLICT (id) DO UPDATE SET
        program_id = excluded.program_id,
        public_id = excluded.public_id,
        url = excluded.url,
        events = excluded.events,
        is_enabled = excluded.is_enabled,
        auto_disabled = excluded.auto_disabled,
        secret = excluded.secret,
        created_at_ms = excluded.created_at_ms,
        parked_at_ms = excluded.parked_at_ms,
        timeout_seconds = excluded.timeout_seconds,
        headers = excluded.headers,
        old_secret = excluded.old_secret,
        old_secret_ends_at_ms = excluded.old_secret_ends_at_ms,
        new_secret_accepted_at_ms = excluded.new_secret_accepted_at_ms,
        name = excluded.name,
        deleted_at_ms = NULL";

/// The log still names the URL; nothing needs what is secret any more.
const DELETE: &str = "
    UPDATE endpoint SET deleted_at_ms = $2, secret = NULL, headers = NULL, old_secret = NULL,
        old_secret_ends_at_ms = NULL, new_secret_accepted_at_ms = NULL
    WHERE id = $1 AND deleted_at_ms IS NULL";

const SET_OLD_SECRET: &str = "
    UPDATE endpoint SET old_secret = $2, old_secret_ends_at_ms = $3, new_secret_accepted_at_ms = $4
    WHERE id = $1 AND deleted_at_ms IS NULL";

const URL: &str = "SELECT url FROM endpoint WHERE id = $1";

/// The same version may be published again, but never an older one: that would overwrite what somebody else has saved
/// meanwhile.
const SET_VERSION: &str = "UPDATE program SET webhooks_version = $2 WHERE id = $1 AND webhooks_version <= $2";

const PUBLISH: &str = "
    INSERT INTO publication (program_id, version, at_ms, rows_json)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (program_id, version) DO UPDATE SET at_ms = excluded.at_ms, rows_json = excluded.rows_json";

const PUBLICATIONS: &str = "
    SELECT version, at_ms, rows_json
    FROM publication
    WHERE program_id = $1 AND version <= $2
    ORDER BY version DESC
    LIMIT $3";

const HEALTH: &str = "
    SELECT endpoint_id, consecutive_failures, last_failure_at_ms, last_success_at_ms, failing_deliveries,
        failing_since_ms, opened_at_ms, failed_probes, next_probe_at_ms, paused_until_ms, warnings
    FROM endpoint_state
    ORDER BY endpoint_id";

const DELETE_HEALTH: &str = "DELETE FROM endpoint_state WHERE endpoint_id = $1";

pub(in crate::store) async fn live(
    db: &mut impl Connection,
    vault: &Vault,
) -> Result<Vec<EndpointRecord>, StoreError> {
    db.read_each(LIVE, |row| endpoint(row, vault)).await
}

pub(in crate::store) async fn live_of(
    db: &mut impl Connection,
    vault: &Vault,
    program: &ProgramId,
) -> Result<Vec<EndpointRecord>, StoreError> {
    let rows = db.fetch(LIVE_OF_PROGRAM, vec![program.as_str().into()]).await?;
    rows.iter().map(|row| endpoint(row, vault)).collect()
}

pub(in crate::store) async fn url(
    db: &mut impl Connection,
    endpoint: EndpointId,
) -> Result<Option<String>, StoreError> {
    let rows = db.fetch(URL, vec![endpoint.0.into()]).await?;
    rows.first().map(|row| row.text(0)).transpose()
}

pub(in crate::store) async fn health(
    db: &mut impl Connection,
) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
    db.read_each(HEALTH, health_of).await
}

pub(in crate::store) fn health_of(row: &impl Columns) -> Result<(EndpointId, HealthRecord), StoreError> {
    let health = HealthRecord {
        consecutive_failures: row.int(1)?,
        last_failure_at_ms: row.optional_int(2)?,
        last_success_at_ms: row.optional_int(3)?,
        failing: failing(&row.text(4)?)?,
        failing_since_ms: row.optional_int(5)?,
        opened_at_ms: row.optional_int(6)?,
        failed_probes: row.int(7)?,
        next_probe_at_ms: row.optional_int(8)?,
        paused_until_ms: row.optional_int(9)?,
        warnings: row.int(10)?,
    };
    Ok((EndpointId(row.int(0)?), health))
}

pub(in crate::store) fn failing(text: &str) -> Result<[Option<DeliveryId>; FAILING_DELIVERIES], StoreError> {
    let mut ids = [None; FAILING_DELIVERIES];
    for (place, number) in ids.iter_mut().zip(text.split(',').filter(|number| !number.is_empty())) {
        let number = number.parse().map_err(|_| damaged(format!("`{text}` is no list of deliveries")))?;
        *place = Some(DeliveryId::from_number(number));
    }
    Ok(ids)
}

/// The ids as `failing_deliveries` has them.
pub(in crate::store) fn failing_text(failing: &[Option<DeliveryId>; FAILING_DELIVERIES]) -> String {
    let numbers: Vec<String> = failing.iter().flatten().map(|id| id.number().to_string()).collect();
    numbers.join(",")
}

/// Makes the change, within the caller's transaction. Deletes come first, because what is added may take over a public
/// id.
pub(in crate::store) async fn change(
    db: &mut impl Connection,
    vault: &Vault,
    change: &WebhooksChange,
) -> Result<(), StoreError> {
    let program = change.program_id.as_str();
    if db.execute(SET_VERSION, [program.into(), change.version.into()]).await? == 0 {
        return Err(StoreError::Rejected(
            "the program is gone, or its webhooks were changed meanwhile".into(),
        ));
    }
    for id in &change.deletes {
        db.execute(DELETE, [id.0.into(), change.at_ms.into()]).await?;
        db.execute(DELETE_HEALTH, [id.0.into()]).await?;
        telling::forget_webhook(db, *id).await?;
    }
    for endpoint in &change.upserts {
        upsert(db, vault, endpoint).await?;
    }
    if !(change.deletes.is_empty() && change.upserts.is_empty()) {
        publish(db, vault, change).await?;
    }
    if change.clears_draft {
        drafts::delete(db, &change.program_id).await?;
    }
    notices::insert(db, &change.notices).await
}

/// Makes the change, within the caller's transaction.
pub(in crate::store) async fn change_old_secret(
    db: &mut impl Connection,
    vault: &Vault,
    change: &OldSecretChange,
) -> Result<(), StoreError> {
    let id = change.endpoint_id;
    let old = change.old_secret.as_ref();
    let values = [
        id.0.into(),
        EndpointColumn::OldSecret.seal(vault, id, old.map(|old| old.secret.expose())).as_deref().into(),
        old.map(|old| old.ends_at_ms).into(),
        old.and_then(|old| old.new_accepted_at_ms).into(),
    ];
    if db.execute(SET_OLD_SECRET, values).await? == 0 {
        return Err(StoreError::Rejected("there is no such webhook".into()));
    }
    Ok(())
}

async fn upsert(
    db: &mut impl Connection,
    vault: &Vault,
    endpoint: &EndpointRecord,
) -> Result<(), StoreError> {
    let old = endpoint.old_secret.as_ref();
    let seal = |column: EndpointColumn, text: Option<&str>| column.seal(vault, endpoint.id, text);
    let headers = headers_json(&endpoint.headers)?;
    let values = [
        endpoint.id.0.into(),
        endpoint.program_id.as_str().into(),
        endpoint.public_id.as_str().into(),
        endpoint.url.as_str().into(),
        json(&endpoint.events)?.as_str().into(),
        endpoint.is_enabled.into(),
        endpoint.auto_disabled.into(),
        seal(EndpointColumn::Secret, endpoint.secret.as_ref().map(Secret::expose)).as_deref().into(),
        endpoint.created_at_ms.into(),
        endpoint.parked_at_ms.into(),
        endpoint.timeout.map(WebhookTimeout::seconds).into(),
        seal(EndpointColumn::Headers, headers.as_ref().map(|text| text.as_str())).as_deref().into(),
        seal(EndpointColumn::OldSecret, old.map(|old| old.secret.expose())).as_deref().into(),
        old.map(|old| old.ends_at_ms).into(),
        old.and_then(|old| old.new_accepted_at_ms).into(),
        endpoint.name.as_ref().map(WebhookName::as_str).into(),
    ];
    db.execute(UPSERT, values).await?;
    Ok(())
}

async fn publish(db: &mut impl Connection, vault: &Vault, change: &WebhooksChange) -> Result<(), StoreError> {
    let endpoints = live_of(db, vault, &change.program_id).await?;
    let published = Published::new(change.by, &endpoints);
    let values = [
        change.program_id.as_str().into(),
        change.version.into(),
        change.at_ms.into(),
        json(&published)?.as_str().into(),
    ];
    db.execute(PUBLISH, values).await?;
    Ok(())
}

/// The versions up to `newest`, newest first.
pub(in crate::store) async fn publications(
    db: &mut impl Connection,
    program: &ProgramId,
    newest: i64,
    limit: usize,
) -> Result<Vec<PublicationRecord>, StoreError> {
    let values = vec![program.as_str().into(), newest.into(), limit_of(limit)];
    let rows = db.fetch(PUBLICATIONS, values).await?;
    rows.iter()
        .map(|row| {
            Ok(PublicationRecord {
                program_id: program.clone(),
                version: row.int(0)?,
                at_ms: row.int(1)?,
                published: Published::read(&row.text(2)?)?,
            })
        })
        .collect()
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Rejected(error.into()))
}

/// Headers as they are sealed, values included.
fn headers_json(headers: &WebhookHeaders) -> Result<Option<Zeroizing<String>>, StoreError> {
    let pairs: Vec<_> = headers.expose().collect();
    if pairs.is_empty() { Ok(None) } else { json(&pairs).map(|text| Some(Zeroizing::new(text))) }
}

/// What is wrong with them is not said in their own words.
fn headers(text: &str) -> Option<WebhookHeaders> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
    WebhookHeaders::parse(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).ok()
}

/// See `store::fuzzing`.
#[cfg(fuzzing)]
pub(in crate::store) fn read_headers_for_fuzzing(text: &str) {
    let Some(read) = headers(text) else { return };
    let again = headers_json(&read).expect("it is plain JSON").map(|text| headers(&text));
    assert!(again.map_or(read.is_empty(), |again| again == Some(read)), "they were written here");
}

/// What is sealed of a webhook.
struct Sealed {
    secret: Option<Secret>,
    headers: WebhookHeaders,
    old_secret: Option<Box<OldSecret>>,
}

fn sealed(row: &impl Columns, vault: &Vault, id: EndpointId) -> Result<Sealed, StoreError> {
    let open = |column: EndpointColumn, at: usize| column.open(vault, id, row.optional_text(at)?.as_deref());
    let secret = open(EndpointColumn::Secret, 7)?.map(|text| Secret::parse(&text)).transpose();
    let headers = match open(EndpointColumn::Headers, 11)? {
        Some(text) => headers(&text).ok_or_else(|| invalid("list of headers"))?,
        None => WebhookHeaders::default(),
    };
    let old_secret = match open(EndpointColumn::OldSecret, 12)? {
        Some(text) => Some(Box::new(OldSecret {
            secret: Secret::parse(&text).map_err(|_| invalid("old secret"))?,
            ends_at_ms: row.int(13)?,
            new_accepted_at_ms: row.optional_int(14)?,
        })),
        None => None,
    };
    Ok(Sealed { secret: secret.map_err(|_| invalid("secret"))?, headers, old_secret })
}

fn endpoint(row: &impl Columns, vault: &Vault) -> Result<EndpointRecord, StoreError> {
    let id = EndpointId(row.int(0)?);
    let Sealed { secret, headers, old_secret } = sealed(row, vault, id)?;
    let name = row.optional_text(15)?.map(|text| WebhookName::parse(&text)).transpose();
    let timeout = row.optional_int(10)?.map(WebhookTimeout::try_from).transpose();
    Ok(EndpointRecord {
        id,
        program_id: row.parsed(1, |text| ProgramId::parse(text).ok())?,
        public_id: row.parsed(2, |text| WebhookId::parse(text).ok())?,
        url: row.text(3)?,
        events: row.parsed(4, |text| serde_json::from_str(text).ok())?,
        is_enabled: row.flag(5)?,
        auto_disabled: row.flag(6)?,
        secret,
        created_at_ms: row.int(8)?,
        parked_at_ms: row.optional_int(9)?,
        timeout: timeout.map_err(|_| invalid("timeout"))?,
        headers,
        old_secret,
        name: name.map_err(|_| invalid("name"))?,
    })
}
