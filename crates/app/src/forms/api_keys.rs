//! The forms of the page of API keys.

use groundswell_types::{NewApiKey, Problem, ProgramId, RateLimit, Scope};

use super::{Answer, Form};
use crate::backend::Backend;
use crate::failure::Failure;
use crate::plain;
use crate::plain::api_keys::{Outcome, Typed};

/// A post of one of them. The answer to making one is the page itself, since the key is shown in it, once.
pub async fn submit(backend: &dyn Backend, form: &Form) -> Answer {
    match form.get("intent") {
        "revoke" => match backend.delete_api_key(form.get("key")).await {
            Ok(()) => Answer::redirect("/settings/api-keys"),
            Err(failure) => refused(failure, None),
        },
        "create" => {
            let typed = typed(form);
            let created = match new_key(&typed) {
                Ok(new) => backend.create_api_key(new).await,
                Err(problem) => Err(Failure::Invalid(vec![problem])),
            };
            match created {
                Ok(created) => answer(200, Outcome::Created(created)),
                Err(failure) => refused(failure, Some(typed)),
            }
        }
        _ => refused(Failure::NotFound, None),
    }
}

fn refused(failure: Failure, typed: Option<Typed>) -> Answer {
    answer(failure.status(), Outcome::Refused { failure, typed })
}

fn answer(status: u16, outcome: Outcome) -> Answer {
    Answer::Plain { status, outcome: Box::new(plain::Outcome::ApiKeys(outcome)) }
}

fn typed(form: &Form) -> Typed {
    Typed {
        name: form.get("name").to_owned(),
        scopes: form.all("scope").filter_map(|scope| Scope::parse(scope).ok()).collect(),
        campaign: form.get("campaign").to_owned(),
        limits: ["second", "minute", "hour"].map(|window| form.get(window).trim().to_owned()),
    }
}

fn new_key(typed: &Typed) -> Result<NewApiKey, Problem> {
    let campaign_id = match typed.campaign.as_str() {
        "" => None,
        id => Some(ProgramId::parse(id).map_err(|_| Problem::new("/campaignId", NO_PROGRAM))?),
    };
    let rate_limit = if typed.limits.iter().all(String::is_empty) {
        None
    } else {
        let limit = RateLimit::parse(&typed.limits.join("/"));
        Some(limit.map_err(|_| Problem::new("/rateLimit", LIMITS_INCOMPLETE))?)
    };
    Ok(NewApiKey { name: typed.name.clone(), scopes: typed.scopes, campaign_id, rate_limit })
}

const NO_PROGRAM: &str = "must be the id of a program";

const LIMITS_INCOMPLETE: &str = "all three limits must be whole numbers above zero, or all must be empty";
