//! Every column that is sealed, and the key that they are sealed with.
//!
//! A database knows its key by a check value that only that key opens. One that has none is of a version that sealed
//! nothing: all of its secrets are plain. So it never depends on what a text looks like whether it is sealed.

use std::collections::BTreeMap;

use groundswell_types::{AuditAction, AuditActor, AuditActorKind, AuditId, AuditOutcome, ProgramId};
use zeroize::Zeroizing;

use super::{Columns, Connection, audit, damaged};
use crate::store::vault::{KeyId, Place, Vault};
use crate::store::{AuditRecord, EndpointId, StoreError};

/// The migration that makes the table of keys.
pub(in crate::store) const MIGRATION: i64 = 11;

const KEYS: &str = "SELECT id, check_value FROM secrets_key";

const ADD_KEY: &str = "INSERT INTO secrets_key (id, check_value, since_ms) VALUES ($1, $2, $3)";

const DELETE_KEYS: &str = "DELETE FROM secrets_key";

const ENDPOINTS: &str = "
    SELECT id, secret, headers, old_secret
    FROM endpoint
    WHERE secret IS NOT NULL OR headers IS NOT NULL OR old_secret IS NOT NULL";

const SET_ENDPOINT: &str = "UPDATE endpoint SET secret = $2, headers = $3, old_secret = $4 WHERE id = $1";

const DRAFTS: &str = "SELECT program_id, rows_json FROM draft";

const SET_DRAFT: &str = "UPDATE draft SET rows_json = $2 WHERE program_id = $1";

const ANY_PROGRAM: &str = "SELECT id FROM program LIMIT 1";

/// Set from the transaction that replaced sealed or plain texts until nothing of them is left in the file.
const NOTE_LEFTOVERS: &str = "
    INSERT INTO meta (name, value) VALUES ('secrets_leftovers', 1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const HAS_LEFTOVERS: &str = "SELECT value FROM meta WHERE name = 'secrets_leftovers'";

const FORGET_LEFTOVERS: &str = "DELETE FROM meta WHERE name = 'secrets_leftovers'";

/// What only the right key makes of a check value.
const CHECK: &str = "groundswell";

/// A column of a webhook that is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointColumn {
    Secret,
    Headers,
    OldSecret,
}

impl EndpointColumn {
    const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Headers => "headers",
            Self::OldSecret => "old_secret",
        }
    }

    /// Seals a webhook's text, if there is one.
    pub(super) fn seal(self, vault: &Vault, id: EndpointId, text: Option<&str>) -> Option<String> {
        let row = id.0.to_string();
        text.map(|text| vault.seal(Place { table: "endpoint", column: self.name(), row: &row }, text))
    }

    /// Opens a webhook's text, if there is one.
    pub(super) fn open(
        self,
        vault: &Vault,
        id: EndpointId,
        sealed: Option<&str>,
    ) -> Result<Option<Zeroizing<String>>, StoreError> {
        let row = id.0.to_string();
        let place = Place { table: "endpoint", column: self.name(), row: &row };
        sealed.map(|sealed| vault.open(place, sealed)).transpose()
    }
}

/// Where a draft's rows are: all of them are sealed as one text, because secrets stand in the middle of it.
pub(super) fn draft_place(program: &ProgramId) -> Place<'_> {
    Place { table: "draft", column: "rows_json", row: program.as_str() }
}

const fn check_place(row: &str) -> Place<'_> {
    Place { table: "secrets_key", column: "check_value", row }
}

/// Makes sure, within the caller's transaction, that the database's secrets are sealed with this vault's key: seals them
/// if nothing has been yet, refuses another key.
pub(in crate::store) async fn settle(
    db: &mut impl Connection,
    vault: &Vault,
    now_ms: i64,
) -> Result<(), StoreError> {
    if let Some(known) = key(db).await? {
        return known.check(vault);
    }
    reseal(db, None, vault).await?;
    if !db.fetch(ANY_PROGRAM, vec![]).await?.is_empty() {
        db.execute(NOTE_LEFTOVERS, []).await?;
    }
    add_key(db, vault, now_ms).await
}

/// Seals everything with another key, within the caller's transaction, which tells the audit log as well.
pub(in crate::store) async fn rotate(
    db: &mut impl Connection,
    (old, new): (&Vault, &Vault),
    now_ms: i64,
) -> Result<(), StoreError> {
    reseal(db, Some(old), new).await?;
    db.execute(DELETE_KEYS, []).await?;
    db.execute(NOTE_LEFTOVERS, []).await?;
    add_key(db, new, now_ms).await?;
    let record = AuditRecord {
        id: AuditId::from_number(crate::id::first_at(now_ms).number()),
        at_ms: now_ms,
        team_id: None,
        program_id: None,
        actor: AuditActor { kind: AuditActorKind::Operator, id: None, name: "Operator".to_owned() },
        address: None,
        action: AuditAction::VaultRotated,
        target: None,
        details: BTreeMap::new(),
        outcome: AuditOutcome::Done,
    };
    audit::insert(db, &record).await
}

/// Opens everything that is sealed, to see whether it can be. Of a database that seals nothing yet, nothing.
pub(in crate::store) async fn open_all(db: &mut impl Connection, vault: &Vault) -> Result<(), StoreError> {
    let Some(known) = key(db).await? else { return Ok(()) };
    known.check(vault)?;
    for row in db.fetch(ENDPOINTS, vec![]).await? {
        let id = EndpointId(row.int(0)?);
        let columns = [EndpointColumn::Secret, EndpointColumn::Headers, EndpointColumn::OldSecret];
        for (column, at) in columns.into_iter().zip(1..) {
            column.open(vault, id, row.optional_text(at)?.as_deref())?;
        }
    }
    for row in db.fetch(DRAFTS, vec![]).await? {
        let program = row.parsed(0, |text| ProgramId::parse(text).ok())?;
        vault.open(draft_place(&program), &row.text(1)?)?;
    }
    Ok(())
}

/// What the key is called that the database's secrets are sealed with; none when nothing is sealed yet. Also of a
/// database that lacks migrations.
pub(in crate::store) async fn key_id(
    db: &mut impl Connection,
    applied: &[i64],
) -> Result<Option<String>, StoreError> {
    if applied.contains(&MIGRATION) { Ok(key(db).await?.map(|key| key.id)) } else { Ok(None) }
}

/// Whether something that was replaced may still be in unused parts of the file.
pub(in crate::store) async fn has_leftovers(db: &mut impl Connection) -> Result<bool, StoreError> {
    Ok(!db.fetch(HAS_LEFTOVERS, vec![]).await?.is_empty())
}

/// Notes that nothing is left of what was replaced.
pub(in crate::store) async fn forget_leftovers(db: &mut impl Connection) -> Result<(), StoreError> {
    db.execute(FORGET_LEFTOVERS, []).await?;
    Ok(())
}

/// The key a database says it needs.
struct KnownKey {
    id: String,
    check_value: String,
}

impl KnownKey {
    fn check(&self, vault: &Vault) -> Result<(), StoreError> {
        if vault.key_id().to_string() != self.id {
            return Err(wrong_key(&self.id, vault.key_id()));
        }
        // Names are short: another key may have the same one.
        let opened = vault.open(check_place(&self.id), &self.check_value);
        if opened.is_ok_and(|text| *text == CHECK) {
            Ok(())
        } else {
            Err(wrong_key(&self.id, vault.key_id()))
        }
    }
}

async fn key(db: &mut impl Connection) -> Result<Option<KnownKey>, StoreError> {
    let rows = db.fetch(KEYS, vec![]).await?;
    rows.first().map(|row| Ok(KnownKey { id: row.text(0)?, check_value: row.text(1)? })).transpose()
}

fn wrong_key(known: &str, given: KeyId) -> StoreError {
    StoreError::Unusable(format!(
        "this database's secrets are encrypted with the secrets key {known}, and the one given is {given}; start with the \
         key that belongs to this database, in GROUNDSWELL_SECRETS_KEY_FILE or GROUNDSWELL_SECRETS_KEY"
    ))
}

async fn add_key(db: &mut impl Connection, vault: &Vault, now_ms: i64) -> Result<(), StoreError> {
    let id = vault.key_id().to_string();
    let check_value = vault.seal(check_place(&id), CHECK);
    db.execute(ADD_KEY, [id.as_str().into(), check_value.as_str().into(), now_ms.into()]).await?;
    Ok(())
}

/// Seals every text that is to be sealed; `old` is what it is sealed with until now.
async fn reseal(db: &mut impl Connection, old: Option<&Vault>, new: &Vault) -> Result<(), StoreError> {
    for row in db.fetch(ENDPOINTS, vec![]).await? {
        let id = EndpointId(row.int(0)?);
        let columns = [EndpointColumn::Secret, EndpointColumn::Headers, EndpointColumn::OldSecret];
        let mut sealed = [None, None, None];
        for ((column, sealed), at) in columns.into_iter().zip(&mut sealed).zip(1..) {
            let text = row.optional_text(at)?.map(Zeroizing::new);
            let text = match old {
                Some(old) => column.open(old, id, text.as_ref().map(|text| text.as_str()))?,
                None => text,
            };
            *sealed = column.seal(new, id, text.as_ref().map(|text| text.as_str()));
        }
        let [secret, headers, old_secret] = sealed.each_ref().map(|text| text.as_deref().into());
        db.execute(SET_ENDPOINT, [id.0.into(), secret, headers, old_secret]).await?;
    }
    for row in db.fetch(DRAFTS, vec![]).await? {
        let program = row.parsed(0, |text| ProgramId::parse(text).ok())?;
        let text = Zeroizing::new(row.text(1)?);
        let text = match old {
            Some(old) => old.open(draft_place(&program), &text)?,
            None => text,
        };
        let sealed = new.seal(draft_place(&program), &text);
        db.execute(SET_DRAFT, [program.as_str().into(), sealed.as_str().into()]).await?;
    }
    Ok(())
}

/// What could not be read of a webhook, without a word of it.
pub(super) fn invalid(what: &str) -> StoreError {
    damaged(format!("a stored {what} is not valid"))
}
