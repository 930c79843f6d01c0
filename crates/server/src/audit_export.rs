//! The audit log as a file, for keeping elsewhere: CSV for spreadsheets, or a JSON object a line. That it was taken is
//! recorded before any of it goes out.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use groundswell_app::failure::Failure;
use groundswell_app::{AuditQuery, time};
use groundswell_engine::EngineError;
use groundswell_engine::acting::Acting;
use groundswell_types::{AuditEntry, AuditFilter, AuditId, ProgramId};
use http::StatusCode;

use crate::export::{self, Format, write_row};
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
    let format = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "format");
    let format = format.and_then(|(_, value)| Format::parse(&value));
    let (Some(format), Ok(AuditQuery { filter, .. })) = (format, AuditQuery::parse(query)) else {
        return (StatusCode::NOT_FOUND, "There is no such export.\n").into_response();
    };
    let backend = page_backend(&state, request.headers(), request.extensions());
    let response = match backend.engine().await {
        Ok(engine) => of(engine.clone(), filter, format).await.map_err(|error| backend.failure(error)),
        Err(failure) => Err(failure),
    };
    match response {
        Ok(response) => response,
        Err(Failure::SignedOut) => Redirect::to("/sign-in").into_response(),
        Err(failure) => {
            let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, format!("{failure}\n")).into_response()
        }
    }
}

/// The answer with the file.
pub async fn of(engine: Acting, filter: AuditFilter, format: Format) -> Result<Response, EngineError> {
    engine.record_audit_export(format.extension()).await?;
    let mut export = Export { engine, filter, format, next: Next::At(None) };
    let first = export.part().await?;
    let head = if format == Format::Csv { format!("{}\r\n", COLUMNS.join(",")) } else { String::new() };
    let rest = futures::stream::try_unfold(export, |mut export| async move {
        if matches!(export.next, Next::None) {
            return Ok::<_, EngineError>(None);
        }
        let part = export.part().await?;
        Ok(Some((part, export)))
    });
    Ok(export::file("audit-log", format, head + &first, rest))
}

enum Next {
    At(Option<AuditId>),
    None,
}

struct Export {
    engine: Acting,
    filter: AuditFilter,
    format: Format,
    next: Next,
}

impl Export {
    /// The next entries, written.
    async fn part(&mut self) -> Result<String, EngineError> {
        let Next::At(before) = self.next else { return Ok(String::new()) };
        let entries = self.engine.audit_log(self.filter.clone(), before, PAGE).await?;
        self.next = match entries.last() {
            Some(last) if entries.len() == PAGE => Next::At(Some(last.id)),
            _ => Next::None,
        };
        let mut text = String::new();
        for entry in &entries {
            match self.format {
                Format::Csv => write_csv(&mut text, entry),
                Format::NdJson => {
                    text.push_str(&serde_json::to_string(entry).expect("entries are plain JSON"));
                    text.push('\n');
                }
            }
        }
        Ok(text)
    }
}

fn write_csv(text: &mut String, entry: &AuditEntry) {
    let details: Vec<String> = entry.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cells = [
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
    ];
    write_row(text, &cells);
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
        write_csv(&mut text, &entry);
        let wanted = "aud_0000000000001,1970-01-01T00:00:00.000Z,key.created,person,usr_1,\
            \"'=HYPERLINK(\"\"x\"\")\",::1,,key_1,\"a=1; b=x,y\",done\r\n";
        assert_eq!(text, wanted);
    }
}
