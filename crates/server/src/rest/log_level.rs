//! `/v2/log-level`: what the server logs, looked at and changed while it runs. For operators alone: the log is the whole
//! server's, and a filter of everything slows all of it.

use axum::body::Body;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_types::Problem;
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;
use crate::log;

#[derive(Serialize)]
struct Logged {
    filter: String,
}

impl Logged {
    fn now(call: &Call) -> Self {
        Self { filter: call.state.log_levels.now() }
    }
}

/// `GET /v2/log-level`
pub async fn show(call: Call) -> Response {
    let result = call.actor().check_operator().map(|()| Logged::now(&call)).map_err(Failed::from);
    call.context.answer(StatusCode::OK, result)
}

/// `PUT /v2/log-level` with `filter`. Until the next start, which goes by the settings.
pub async fn change(call: Call, body: Body) -> Response {
    let result = async {
        call.actor().check_operator()?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        if !fields.has("filter") {
            fields.problem(
                "filter",
                "is required: what is to be logged, for example `info,groundswell_engine=debug`",
            );
        }
        let text = fields.text("filter").unwrap_or_default();
        fields.finish()?;
        let filter = log::filter(&text)
            .map_err(|_| Failed::invalid(vec![Problem::new("/filter", "is no log filter such as `info`")]))?;
        // Before and after: one of the two may log nothing.
        tracing::info!(log.filter = %filter, "what is logged is changed");
        let said = filter.to_string();
        let change = || {
            call.state.log_levels.change(filter).map_err(|error| {
                tracing::error!(%error, "what is logged was not changed");
                EngineError::Refused("The log's filter cannot be changed.".to_owned())
            })
        };
        call.engine().change_log_level(&said, change).await?;
        tracing::info!("what is logged was changed");
        Ok(Logged::now(&call))
    };
    let result = result.await;
    call.context.answer(StatusCode::OK, result)
}
