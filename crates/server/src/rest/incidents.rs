//! `/v2/incidents` and `/v2/maintenances`: ours. Everybody with a key reads them, those who run the server write them.

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_engine::incidents::IncidentRef;
use groundswell_engine::store::IncidentSearch;
use groundswell_types::{
    AffectedComponent, Component, ComponentStatus, Impact, Incident, IncidentChange, IncidentId,
    IncidentKind, IncidentStatus, MaintenanceStatus, NewIncident, NewIncidentUpdate, Progress, Schedule,
};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;

/// Of a page, if nothing else is asked for, and at most.
const USUAL_LIMIT: usize = 20;
const MAX_LIMIT: usize = 50;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Incidents {
    incidents: Vec<Incident>,
    next_id: Option<IncidentId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Maintenances {
    maintenances: Vec<Incident>,
    next_id: Option<IncidentId>,
}

#[derive(Serialize)]
struct Deleted {
    id: IncidentId,
    success: bool,
}

/// `GET /v2/incidents?limit=&nextId=`
pub async fn list(call: Call, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let (incidents, next_id) = page(&call, IncidentKind::Incident, query).await?;
        Ok(Incidents { incidents, next_id })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/maintenances?limit=&nextId=`
pub async fn list_maintenances(call: Call, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let (maintenances, next_id) = page(&call, IncidentKind::Maintenance, query).await?;
        Ok(Maintenances { maintenances, next_id })
    };
    call.context.answer(StatusCode::OK, result.await)
}

async fn page(
    call: &Call,
    kind: IncidentKind,
    query: Option<String>,
) -> Result<(Vec<Incident>, Option<IncidentId>), Failed> {
    let (limit, before) = window(&query.unwrap_or_default())?;
    let search = IncidentSearch { kind, before, limit: limit + 1 };
    let mut incidents = call.engine().incidents(search).await?;
    let has_more = incidents.len() > limit;
    incidents.truncate(limit);
    let next_id = incidents.last().filter(|_| has_more).map(|incident| incident.id);
    Ok((incidents, next_id))
}

fn window(query: &str) -> Result<(usize, Option<IncidentId>), Failed> {
    let (mut limit, mut before) = (USUAL_LIMIT, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "limit" => {
                let given = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                limit = given.ok_or_else(|| EngineError::invalid("/limit", "must be from 1 to 50"))?;
            }
            "nextId" if !value.is_empty() => {
                let why = "must be the nextId of the page before";
                let given = IncidentId::parse(&value).map_err(|_| EngineError::invalid("/nextId", why));
                before = Some(given?);
            }
            _ => {}
        }
    }
    Ok((limit, before))
}

/// `POST /v2/incidents` with `name`, `message`, `impact?`, `status?`, `components?`
pub async fn create(call: Call, body: Body) -> Response {
    let result = async {
        call.engine().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().create_incident(new_incident(&body)?).await?)
    };
    call.context.answer(StatusCode::CREATED, result.await)
}

/// `POST /v2/maintenances` with `name`, `message`, `scheduledFrom`, `scheduledUntil`, `components`
pub async fn create_maintenance(call: Call, body: Body) -> Response {
    let result = async {
        call.engine().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().create_incident(new_maintenance(&body)?).await?)
    };
    call.context.answer(StatusCode::CREATED, result.await)
}

/// `GET /v2/incidents/{incident}`
pub async fn show(call: Call, Path(id): Path<String>) -> Response {
    let result = async { Ok(call.engine().incident(incident(&id)?).await?) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/maintenances/{maintenance}`
pub async fn show_maintenance(call: Call, Path(id): Path<String>) -> Response {
    let result = async { Ok(call.engine().incident(maintenance(&id)?).await?) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `PATCH /v2/incidents/{incident}` with `name?`, `impact?`, `components?`
pub async fn change(call: Call, Path(id): Path<String>, body: Body) -> Response {
    let result = async {
        call.engine().check_operator()?;
        call.engine().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().change_incident(incident(&id)?, change_of_incident(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `PATCH /v2/maintenances/{maintenance}` with `name?`, `scheduledFrom?`, `scheduledUntil?`, `components?`
pub async fn change_maintenance(call: Call, Path(id): Path<String>, body: Body) -> Response {
    let result = async {
        call.engine().check_operator()?;
        call.engine().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().change_incident(maintenance(&id)?, change_of_maintenance(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/incidents/{incident}/updates` with `message`, `status?`, `components?`
pub async fn update(call: Call, Path(id): Path<String>, body: Body) -> Response {
    let result = async {
        call.engine().check_operator()?;
        call.engine().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        let status = fields.parsed("status", incident_status);
        let components = if fields.is_null("components") { None } else { fields.affected("components") };
        let message = required(&mut fields, "message");
        fields.finish()?;
        let new = NewIncidentUpdate { status, message, components };
        Ok(call.engine().update_incident(incident(&id)?, new).await?)
    };
    call.context.answer(StatusCode::CREATED, result.await)
}

/// `POST /v2/maintenances/{maintenance}/updates` with `message`, `status?`
pub async fn update_maintenance(call: Call, Path(id): Path<String>, body: Body) -> Response {
    let result = async {
        call.engine().check_operator()?;
        call.engine().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        let status = fields.parsed("status", |text| {
            let status = MaintenanceStatus::parse(text).map(Progress::Maintenance);
            status.ok_or("must be scheduled, in_progress, verifying or completed")
        });
        let message = required(&mut fields, "message");
        fields.finish()?;
        let new = NewIncidentUpdate { status, message, components: None };
        Ok(call.engine().update_incident(maintenance(&id)?, new).await?)
    };
    call.context.answer(StatusCode::CREATED, result.await)
}

/// `DELETE /v2/incidents/{incident}`
pub async fn remove(call: Call, Path(id): Path<String>) -> Response {
    let result = async {
        call.engine().check_operator()?;
        delete(&call, incident(&id)?).await
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/maintenances/{maintenance}`
pub async fn remove_maintenance(call: Call, Path(id): Path<String>) -> Response {
    let result = async {
        call.engine().check_operator()?;
        delete(&call, maintenance(&id)?).await
    };
    call.context.answer(StatusCode::OK, result.await)
}

async fn delete(call: &Call, of: IncidentRef) -> Result<Deleted, Failed> {
    call.engine().delete_incident(of).await?;
    Ok(Deleted { id: of.id, success: true })
}

fn incident(id: &str) -> Result<IncidentRef, EngineError> {
    let id = IncidentId::parse(id).map_err(|_| EngineError::NotFound("incident"))?;
    Ok(IncidentRef { kind: IncidentKind::Incident, id })
}

fn maintenance(id: &str) -> Result<IncidentRef, EngineError> {
    let id = IncidentId::parse(id).map_err(|_| EngineError::NotFound("incident"))?;
    Ok(IncidentRef { kind: IncidentKind::Maintenance, id })
}

fn new_incident(body: &[u8]) -> Result<NewIncident, Failed> {
    let mut fields = Fields::parse(body)?;
    let name = required(&mut fields, "name");
    let message = required(&mut fields, "message");
    let impact = fields.parsed("impact", impact);
    let status = fields.parsed("status", incident_status);
    let components = if fields.is_null("components") { None } else { fields.affected("components") };
    fields.finish()?;
    Ok(NewIncident {
        name,
        status: status.unwrap_or(Progress::Incident(IncidentStatus::Investigating)),
        impact: impact.unwrap_or(Impact::Minor),
        components: components.unwrap_or_default(),
        schedule: None,
        message,
    })
}

fn new_maintenance(body: &[u8]) -> Result<NewIncident, Failed> {
    let mut fields = Fields::parse(body)?;
    let name = required(&mut fields, "name");
    let message = required(&mut fields, "message");
    let times = ["scheduledFrom", "scheduledUntil"].map(|name| {
        if !fields.has(name) {
            fields.problem(name, "is required: a time in Unix milliseconds");
        }
        fields.integer(name).unwrap_or_default()
    });
    let components = under_maintenance(&mut fields).unwrap_or_default();
    fields.finish()?;
    Ok(NewIncident {
        name,
        status: Progress::Maintenance(MaintenanceStatus::Scheduled),
        impact: Impact::Maintenance,
        components,
        schedule: Some(Schedule { from: times[0], until: times[1] }),
        message,
    })
}

fn change_of_incident(body: &[u8]) -> Result<IncidentChange, Failed> {
    let mut fields = Fields::parse(body)?;
    let change = IncidentChange {
        name: fields.text("name"),
        impact: fields.parsed("impact", impact),
        components: fields.affected("components"),
        ..IncidentChange::default()
    };
    fields.finish()?;
    Ok(change)
}

fn change_of_maintenance(body: &[u8]) -> Result<IncidentChange, Failed> {
    let mut fields = Fields::parse(body)?;
    let change = IncidentChange {
        name: fields.text("name"),
        from: fields.integer("scheduledFrom"),
        until: fields.integer("scheduledUntil"),
        components: under_maintenance(&mut fields),
        ..IncidentChange::default()
    };
    fields.finish()?;
    Ok(change)
}

/// The engine says what the text has to be, so an empty one does.
fn required(fields: &mut Fields<'_>, name: &str) -> String {
    fields.text(name).unwrap_or_default()
}

fn impact(text: &str) -> Result<Impact, &'static str> {
    let impact = Impact::parse(text).filter(|impact| *impact != Impact::Maintenance);
    impact.ok_or("must be none, minor, major or critical")
}

fn incident_status(text: &str) -> Result<Progress, &'static str> {
    let status = IncidentStatus::parse(text).map(Progress::Incident);
    status.ok_or("must be investigating, identified, monitoring or resolved")
}

/// A list of components' names.
fn under_maintenance(fields: &mut Fields<'_>) -> Option<Vec<AffectedComponent>> {
    let components = fields.texts("components", |text| {
        Component::parse(text).ok_or("must be events, delivery, retry_queue, editor or api")
    })?;
    let status = ComponentStatus::UnderMaintenance;
    Some(components.into_iter().map(|component| AffectedComponent { component, status }).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_is_within_its_bounds_or_refused(text: String, limit in 0..2 * MAX_LIMIT, id in 0..1_i64 << 59) {
            if let Ok((limit, _)) = window(&text) {
                prop_assert!((1..=MAX_LIMIT).contains(&limit));
            }
            let id = IncidentId::from_number(id);
            let read = window(&format!("limit={limit}&nextId={id}")).ok();
            let wanted = (1..=MAX_LIMIT).contains(&limit).then_some((limit, Some(id)));
            prop_assert_eq!(read, wanted);
        }
    }
}
