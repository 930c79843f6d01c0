//! What the delivery log's forms do: send again, and stop sending again. Which deliveries are meant by a filter stands in
//! the query of the URL that is posted to.

use groundswell_types::{DeliveryId, Problem, ProgramId, ResendJobId, ResendSelection};

use super::{Answer, Form};
use crate::backend::Backend;
use crate::failure::Failure;
use crate::log_intent::LogIntent;
use crate::log_query::LogQuery;

pub async fn submit(backend: &dyn Backend, id: &ProgramId, query: &str, form: &Form) -> Answer {
    let mut query = LogQuery::parse(query);
    match act(backend, id, &mut query, form).await {
        Ok(()) => Answer::redirect(query.url(id)),
        Err(failure) => Answer::failed(failure),
    }
}

/// Does what is asked for; `query` is then where to go.
async fn act(
    backend: &dyn Backend,
    id: &ProgramId,
    query: &mut LogQuery,
    form: &Form,
) -> Result<(), Failure> {
    match LogIntent::parse(form.get("intent")).ok_or(Failure::NotFound)? {
        LogIntent::ResendOne => {
            let delivery = DeliveryId::parse(form.get("delivery")).map_err(|_| Failure::NotFound)?;
            query.delivery = Some(backend.resend(id, delivery).await?.id);
        }
        LogIntent::ResendSelected => {
            let chosen: Vec<_> =
                form.all("delivery").filter_map(|text| DeliveryId::parse(text).ok()).collect();
            if chosen.is_empty() {
                let problem = Problem::new("/deliveries", "select deliveries that have ended first");
                return Err(Failure::Invalid(vec![problem]));
            }
            query.job = Some(backend.begin_resends(id, ResendSelection::of(chosen)).await?.id);
        }
        LogIntent::ResendAll => {
            let selection = ResendSelection::matching(query.filter.clone());
            query.job = Some(backend.begin_resends(id, selection).await?.id);
            query.asks_to_resend = false;
        }
        LogIntent::Stop => {
            let job = ResendJobId::parse(form.get("job")).map_err(|_| Failure::NotFound)?;
            query.job = Some(backend.cancel_resends(id, job).await?.id);
        }
    }
    Ok(())
}
