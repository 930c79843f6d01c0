//! The audit log as a file, for keeping elsewhere: CSV for spreadsheets, or a JSON object a line. That it was taken is
//! recorded before any of it goes out.

use axum::extract::{Request, State};
use axum::response::Response;
use groundswell_app::{AuditQuery, time};
use groundswell_engine::EngineError;
use groundswell_engine::acting::Acting;
use groundswell_types::{AuditEntry, AuditFilter, AuditId, ProgramId};

use crate::export::{self, File, Format, Lines};
use crate::http::AppState;
use crate::pages::page_backend;

/// Entries that are read at once.
const PAGE: usize = 200;

/// The columns of a CSV file, named as in JSON; what is within another object has both names.
const COLUMNS: [&str; 11] = [
    "id",
    "at",
    "action",
    "actorKind",
    "actorId",
    "actorName",
    "address",
    "campaignId",
    "target",
    "details",
    "outcome",
];

/// `GET /settings/audit-log/export?format=` and the filters of the page, for whoever is signed in.
pub async fn of_page(State(state): State<AppState>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let (Some(format), Ok(AuditQuery { filter, .. })) = (export::format_of(query), AuditQuery::parse(query))
    else {
        return export::no_such_export();
    };
    let backend = page_backend(&state, request.headers(), request.extensions());
    export::to_page(match backend.engine().await {
        Ok(engine) => of(engine.clone(), filter, format).await.map_err(|error| backend.failure(error)),
        Err(failure) => Err(failure),
    })
}

/// The answer with the file.
pub async fn of(engine: Acting, filter: AuditFilter, format: Format) -> Result<Response, EngineError> {
    engine.record_audit_export(format.extension()).await?;
    let lines = Entries { engine, filter, format, next: Next::At(None) };
    File { name: "audit-log".to_owned(), columns: &COLUMNS, format, lines }.answer().await
}

enum Next {
    At(Option<AuditId>),
    None,
}

struct Entries {
    engine: Acting,
    filter: AuditFilter,
    format: Format,
    next: Next,
}

impl Lines for Entries {
    async fn next(&mut self) -> Result<Option<String>, EngineError> {
        let Next::At(before) = self.next else { return Ok(None) };
        let entries = self.engine.audit_log(self.filter.clone(), before, PAGE).await?;
        self.next = match entries.last() {
            Some(last) if entries.len() == PAGE => Next::At(Some(last.id)),
            _ => Next::None,
        };
        let mut text = String::new();
        for entry in &entries {
            self.format.write(&mut text, entry, cells);
        }
        Ok(Some(text))
    }
}

fn cells(entry: &AuditEntry) -> Vec<String> {
    let details: Vec<String> = entry.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        entry.id.to_string(),
        time::machine(entry.at),
        entry.action.as_str().to_owned(),
        entry.actor.kind.as_str().to_owned(),
        entry.actor.id.clone().unwrap_or_default(),
        entry.actor.name.clone(),
        entry.address.clone().unwrap_or_default(),
        entry.campaign_id.as_ref().map(ProgramId::to_string).unwrap_or_default(),
        entry.target.clone().unwrap_or_default(),
        details.join("; "),
        entry.outcome.as_str().to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use groundswell_types::{AuditAction, AuditActor, AuditActorKind, AuditOutcome};

    use super::*;

    #[test]
    fn a_name_that_is_a_formula_is_text_in_the_file() {
        let entry = AuditEntry {
            id: AuditId::from_number(1),
            at: 0,
            action: AuditAction::KeyCreated,
            actor: AuditActor {
                kind: AuditActorKind::Person,
                id: Some("usr_1".to_owned()),
                name: "=HYPERLINK(\"x\")".to_owned(),
            },
            address: Some("::1".to_owned()),
            campaign_id: None,
            target: Some("key_1".to_owned()),
            details: BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x,y".to_owned())]),
            outcome: AuditOutcome::Done,
        };
        let mut text = String::new();
        Format::Csv.write(&mut text, &entry, cells);
        let wanted = "aud_0000000000001,1970-01-01T00:00:00.000Z,key.created,person,usr_1,\
            \"'=HYPERLINK(\"\"x\"\")\",::1,,key_1,\"a=1; b=x,y\",done\r\n";
        assert_eq!(text, wanted);
    }
}
