//! `GET /v2/campaign/{id}/deliveries` and `…/deliveries/{deliveryId}`

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{DeliveryId, DeliveryState, EventKind, Problem, StatusRange, WebhookId};
use http::StatusCode;

use super::answer::{Call, Failed};
use super::input::event_names;
use super::programs::program_id;
use crate::export::{self, Format};

/// `GET /v2/campaign/{id}/deliveries?limit=&nextId=&state=&event=&webhookId=&status=&since=&until=&text=`
pub async fn list(call: Call, Path(program): Path<String>, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let query = parse_query(query.as_deref().unwrap_or_default())?;
        Ok(call.engine().deliveries(&program, &query).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/campaign/{id}/deliveries/export?format=csv|ndjson` and the filters of the list
pub async fn export(call: Call, Path(program): Path<String>, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let query = query.as_deref().unwrap_or_default();
        let format = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "format");
        let format = format.and_then(|(_, value)| Format::parse(&value));
        let format = format.ok_or_else(|| EngineError::invalid("/format", "must be csv or ndjson"))?;
        let filter = parse_query(query)?.filter;
        Ok(export::of(call.engine(), program, filter, format).await?)
    };
    match result.await {
        Ok(response) => response,
        Err(failed) => call.context.fail(failed),
    }
}

/// `GET /v2/campaign/{id}/deliveries/{deliveryId}`
pub async fn show(call: Call, Path((program, delivery)): Path<(String, String)>) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let delivery = DeliveryId::parse(&delivery).map_err(|_| EngineError::NotFound("delivery"))?;
        Ok(call.engine().delivery(&program, delivery).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn parse_query(text: &str) -> Result<DeliveryQuery, Failed> {
    let mut query = DeliveryQuery::default();
    let filter = &mut query.filter;
    let mut problems = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let value = value.as_ref();
        let problem = match name.as_ref() {
            "limit" => {
                query.limit = value.parse().ok();
                query.limit.is_none().then(|| "must be from 1 to 100".to_owned())
            }
            "nextId" => {
                query.next_id = DeliveryId::parse(value).ok();
                query.next_id.is_none().then(|| "must be the nextId of the page before".to_owned())
            }
            "state" => {
                filter.state = DeliveryState::parse(value);
                filter.state.is_none().then(|| {
                    format!("must be one of {}", DeliveryState::ALL.map(DeliveryState::as_str).join(", "))
                })
            }
            "event" => {
                filter.event = EventKind::parse(value);
                filter.event.is_none().then(event_names)
            }
            "webhookId" => {
                filter.webhook_id = WebhookId::parse(value).ok();
                filter.webhook_id.is_none().then(|| "must be a webhook's id".to_owned())
            }
            "status" => match StatusRange::parse(value) {
                Ok(range) => {
                    filter.status = Some(range);
                    None
                }
                Err(invalid) => Some(invalid.to_string()),
            },
            "since" => {
                filter.since = value.parse().ok();
                filter.since.is_none().then(|| "must be a time in Unix milliseconds".to_owned())
            }
            "until" => {
                filter.until = value.parse().ok();
                filter.until.is_none().then(|| "must be a time in Unix milliseconds".to_owned())
            }
            "text" => {
                filter.text = Some(value.to_owned());
                None
            }
            _ => None,
        };
        if let Some(message) = problem {
            problems.push(Problem::new(format!("/{name}"), message));
        }
    }
    if problems.is_empty() { Ok(query) } else { Err(Failed::invalid(problems)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const NAMES: [&str; 9] =
        ["limit", "nextId", "state", "event", "webhookId", "status", "since", "until", "text"];

    fn value() -> impl Strategy<Value = String> {
        let usual =
            ["5", "-1", "delivered", "CAMPAIGN_ENDED", "primary", "5xx", "500-504", "evt_00000000000ab-1"];
        prop_oneof![select(usual.to_vec()).prop_map(str::to_owned), any::<String>()]
    }

    /// As a client would write it.
    fn written(query: &DeliveryQuery) -> String {
        let DeliveryQuery { filter, next_id, limit, .. } = query;
        let values = [
            limit.map(|limit| limit.to_string()),
            next_id.map(|id| id.to_string()),
            filter.state.map(|state| state.as_str().to_owned()),
            filter.event.map(|event| event.name().to_owned()),
            filter.webhook_id.as_ref().map(ToString::to_string),
            filter.status.map(|status| status.to_string()),
            filter.since.map(|at| at.to_string()),
            filter.until.map(|at| at.to_string()),
            filter.text.clone(),
        ];
        let pairs = NAMES.iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    proptest! {
        #[test]
        fn what_is_read_of_a_query_survives_its_writing(
            pairs in prop::collection::vec((select(&NAMES[..]), value()), 0..6),
            rest in any::<String>(),
        ) {
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            for text in [rest.clone(), format!("{text}&{rest}")] {
                match parse_query(&text) {
                    Ok(query) => {
                        prop_assert_eq!(parse_query(&written(&query)).ok(), Some(query));
                    }
                    Err(failed) => {
                        let named = |problem: &Problem| NAMES.contains(&problem.pointer.trim_start_matches('/'));
                        prop_assert!(!failed.errors.is_empty() && failed.errors.iter().all(named));
                    }
                }
            }
        }
    }
}
