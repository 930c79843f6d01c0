//! Which deliveries match a filter, newest first, part by part.
//!
//! Where the log is read from depends on the filter, so that what is rare is found without reading everything that is
//! not: failures from an index that has nothing else, what waits from the queues, all else from the events themselves.
//! A text is looked for in the bodies, event by event. An index of them would be paid for by every event that is
//! accepted, to be used by hardly any; so a page stops after a while instead, and says where to go on.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use groundswell_types::editor::{DeliveryPage, DeliveryQuery};
use groundswell_types::{
    DeliveryFilter, DeliveryId, DeliveryState, DeliveryView, EventId, MAX_SEARCH_CHARS, Problem, ProgramId,
};

use super::Known;
use crate::clock::Stopwatch;
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id::{first_at, made_at_ms};
use crate::store::{DeliverySearch, EndpointId, EventSearch, ResendRecord, Unsuccessful, says};

/// Rows of a page when nothing else is asked for.
const DEFAULT_LIMIT: usize = 50;

/// The most rows of a page.
pub const MAX_LIMIT: usize = 100;

/// A page that has not found enough by then says where to go on. A part takes a few milliseconds more.
const BUDGET: Duration = Duration::from_millis(50);

/// Events, or deliveries, of a part. Five deliveries each at most, so well below what the store takes in a call.
const PART: usize = 100;

/// Events that are looked at for a part when the store itself leaves out those that are not wanted.
const LOOKED_AT: usize = 1_000;

/// Queues that are longer than this together are not read through; then what waits is found in the log soon.
const MAX_QUEUED: i64 = 10_000;

/// A clock that was set back leaves ids that are later than their times, by this much at most without the log missing any.
const CLOCK_STEP_MS: i64 = 60_000;

/// A filter on its way through a program's log.
pub(crate) struct Search {
    entry: Arc<ProgramEntry>,
    filter: DeliveryFilter,
    endpoint: Option<EndpointId>,
    /// In lower case; none when the text names deliveries.
    text: Option<String>,
    source: Source,
    /// This one and newer ones.
    from: DeliveryId,
    /// This one and older ones.
    to: DeliveryId,
}

/// Where deliveries come from. Each gives more than match.
enum Source {
    Events,
    Unsuccessful(Vec<EndpointId>, Unsuccessful),
    Queues(Vec<EndpointId>),
    /// Newest first.
    These(Vec<DeliveryId>),
}

/// A part of what matches.
pub(crate) struct Part {
    /// Newest first.
    pub(crate) matching: Vec<(EndpointId, DeliveryView)>,
    /// Where the next part begins, if there may be one: at this delivery.
    pub(crate) next: Option<DeliveryId>,
}

impl Engine {
    /// A page of a program's deliveries, newest first.
    pub async fn deliveries(
        &self,
        program: &ProgramId,
        query: &DeliveryQuery,
    ) -> Result<DeliveryPage, EngineError> {
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(EngineError::invalid("/limit", "must be from 1 to 100"));
        }
        let mut search = self.search(program, query.filter.clone()).await?;
        if let Some(newest) = query.newer_than {
            search.from = search.from.max(DeliveryId::from_number(newest.number().saturating_add(1)));
        }
        let watch = Stopwatch::start();
        let mut from = query.next_id.unwrap_or(search.to);
        let mut found: Vec<DeliveryView> = Vec::with_capacity(limit);
        loop {
            let part = self.next_part(&search, from).await?;
            for (_, view) in part.matching {
                if found.len() == limit {
                    return Ok(DeliveryPage {
                        deliveries: found,
                        next_id: Some(view.id),
                        searched_until: None,
                    });
                }
                found.push(view);
            }
            let Some(next) = part.next else {
                return Ok(DeliveryPage { deliveries: found, next_id: None, searched_until: None });
            };
            from = next;
            if watch.elapsed() >= BUDGET {
                let searched_until = Some(made_at_ms(next.event()));
                return Ok(DeliveryPage { deliveries: found, next_id: Some(next), searched_until });
            }
        }
    }

    /// Those of the deliveries that are this program's, in no order; at most [`MAX_LIMIT`].
    pub async fn deliveries_by_id(
        &self,
        program: &ProgramId,
        ids: &[DeliveryId],
    ) -> Result<Vec<DeliveryView>, EngineError> {
        let entry = self.program_entry(program)?;
        if ids.len() > MAX_LIMIT {
            return Err(EngineError::invalid("/deliveries", "must be at most 100 ids"));
        }
        Ok(self.deliveries_in_brief(&entry, ids).await?.into_iter().map(|(_, view)| view).collect())
    }

    /// The same, with the webhooks they go to.
    pub(crate) async fn deliveries_in_brief(
        &self,
        entry: &ProgramEntry,
        ids: &[DeliveryId],
    ) -> Result<Vec<(EndpointId, DeliveryView)>, EngineError> {
        let mut all = self.known(ids).await?;
        all.retain(|known| known.event.program_id == entry.record.id);
        self.views(entry, &mut all).await
    }

    /// Begins to look for what matches a filter.
    pub(crate) async fn search(
        &self,
        program: &ProgramId,
        filter: DeliveryFilter,
    ) -> Result<Search, EngineError> {
        let entry = self.program_entry(program)?;
        check(&filter)?;
        let endpoint = match &filter.webhook_id {
            None => None,
            Some(id) => Some(entry.webhook(id).ok_or(EngineError::NotFound("webhook"))?.record.id),
        };
        let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let (source, text) = match self.named(text).await? {
            Some(named) => (Source::These(named), None),
            None => (self.source(&entry, &filter, endpoint).await?, text.map(str::to_ascii_lowercase)),
        };
        let first_of = |at_ms: i64| DeliveryId::new(first_at(at_ms), 0);
        let from = filter
            .since
            .map_or(DeliveryId::from_number(0), |since| first_of(since.saturating_sub(CLOCK_STEP_MS)));
        let to = filter
            .until
            .map_or(DeliveryId::from_number(i64::MAX), |until| first_of(until.saturating_add(CLOCK_STEP_MS)));
        Ok(Search { entry, filter, endpoint, text, source, from, to })
    }

    /// The deliveries that a text names: by their own id, with their resends, or by their event's.
    async fn named(&self, text: Option<&str>) -> Result<Option<Vec<DeliveryId>>, EngineError> {
        let Some(text) = text else { return Ok(None) };
        let (event, original) = if let Ok(id) = EventId::parse(text) {
            (id, None)
        } else if let Ok(id) = DeliveryId::parse(text) {
            let resend = self.store.resends_by_id(&[id]).await?.pop();
            (resend.map_or(id.event(), |resend| resend.event_id), Some(id))
        } else {
            return Ok(None);
        };
        let is_wanted =
            |resend: &ResendRecord| original.is_none_or(|original| resend.original_id == original);
        let resends = self.store.resends_of(&[event]).await?;
        let mut named: Vec<DeliveryId> =
            resends.iter().filter(|resend| is_wanted(resend)).map(|resend| resend.id).collect();
        match original {
            Some(id) => named.push(id),
            None => {
                named.extend((0..8).map(|slot| DeliveryId::new(event, slot)).filter(|id| !id.is_resend()));
            }
        }
        named.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Some(named))
    }

    async fn source(
        &self,
        entry: &ProgramEntry,
        filter: &DeliveryFilter,
        endpoint: Option<EndpointId>,
    ) -> Result<Source, EngineError> {
        use DeliveryState as S;
        let unsuccessful = match (filter.state, filter.status) {
            (Some(S::Undeliverable), _) => Some(Unsuccessful::Undeliverable),
            (None, Some(status)) if status.to() < 200 || status.from() >= 300 => {
                Some(Unsuccessful::Answered(status))
            }
            _ => None,
        };
        if let Some(unsuccessful) = unsuccessful {
            let endpoints = match endpoint {
                Some(endpoint) => vec![endpoint],
                None => self.store.endpoints_of(&entry.record.id).await?,
            };
            return Ok(Source::Unsuccessful(endpoints, unsuccessful));
        }
        if matches!(filter.state, Some(S::Waiting | S::Sending | S::Retrying | S::Held | S::Parked)) {
            let live = entry.endpoints.iter().map(|endpoint| endpoint.record.id);
            let endpoints: Vec<_> = live.filter(|id| endpoint.is_none_or(|wanted| wanted == *id)).collect();
            let backlogs = self.store.backlog(&endpoints, MAX_QUEUED).await?;
            if backlogs.iter().map(|backlog| backlog.pending + backlog.parked).sum::<i64>() < MAX_QUEUED {
                return Ok(Source::Queues(endpoints));
            }
        }
        Ok(Source::Events)
    }

    /// The next part of what matches: of `from` and older.
    pub(crate) async fn next_part(&self, search: &Search, from: DeliveryId) -> Result<Part, EngineError> {
        let from = from.min(search.to);
        if from < search.from {
            return Ok(Part { matching: Vec::new(), next: None });
        }
        let (mut all, next) = match &search.source {
            Source::Events => self.among_events(search, from).await?,
            other => {
                let (ids, next) = self.ids_from(search, other, from).await?;
                let mut all = self.known(&ids).await?;
                all.retain(|known| search.may_match(known));
                if let Some(text) = &search.text {
                    self.retain_saying(&mut all, text, |_| true).await?;
                }
                (all, next)
            }
        };
        all.sort_unstable_by_key(|known| Reverse(known.id));
        let mut matching = self.views(&search.entry, &mut all).await?;
        let DeliveryFilter { state, status, .. } = search.filter;
        matching.retain(|(_, view)| {
            state.is_none_or(|state| state == view.state)
                && status.is_none_or(|range| view.last_status_code.is_some_and(|code| range.contains(code)))
        });
        Ok(Part { matching, next: next.filter(|next| *next >= search.from) })
    }

    async fn ids_from(
        &self,
        search: &Search,
        source: &Source,
        from: DeliveryId,
    ) -> Result<(Vec<DeliveryId>, Option<DeliveryId>), EngineError> {
        let wanted = |endpoint_id| DeliverySearch { endpoint_id, from: search.from, to: from, limit: PART };
        let mut ids = Vec::new();
        match source {
            Source::Events => {}
            Source::These(these) => ids.extend(these.iter().copied().filter(|id| *id <= from)),
            Source::Unsuccessful(endpoints, what) => {
                for endpoint in endpoints {
                    ids.extend(self.store.unsuccessful(wanted(*endpoint), *what).await?);
                }
            }
            Source::Queues(endpoints) => {
                for endpoint in endpoints {
                    ids.extend(self.store.pending_deliveries(wanted(*endpoint)).await?);
                }
            }
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(PART);
        // The newest of each endpoint together hold the newest of all.
        let last = ids.last().filter(|_| ids.len() == PART);
        let next = last.map(|last| DeliveryId::from_number(last.number() - 1));
        Ok((ids, next))
    }

    /// The next events that may match, with all of their deliveries, and the resends of the same stretch of time.
    async fn among_events(
        &self,
        search: &Search,
        from: DeliveryId,
    ) -> Result<(Vec<Known>, Option<DeliveryId>), EngineError> {
        let program = &search.entry.record.id;
        let leaves_out = search.text.is_some() || search.filter.event.is_some() || search.endpoint.is_some();
        let wanted = EventSearch {
            program_id: program.clone(),
            from: search.from.event(),
            before: EventId::from_number(from.event().number().saturating_add(1)),
            kind: search.filter.event,
            endpoint: search.endpoint,
            text: search.text.clone(),
            look_at: if leaves_out { LOOKED_AT } else { PART },
            limit: PART,
        };
        let found = self.store.find_events(&wanted).await?;
        let before_resend = DeliveryId::from_number(from.number().saturating_add(1));
        let resends = self.store.resends(program, Some(before_resend), PART).await?;
        // Of both lists only the part that both reach.
        let end_of_resends = resends.last().filter(|_| resends.len() == PART).map(|resend| resend.id.event());
        let reached = found.reached.max(end_of_resends);
        let is_reached = |number: EventId| reached.is_none_or(|reached| number >= reached);

        let mut all = Vec::new();
        for event in found.events.into_iter().filter(|event| is_reached(event.id)) {
            let event = Arc::new(event);
            all.extend((0..).zip(&event.targets).map(|(slot, id)| Known::first(&event, slot, *id)));
        }
        let again: Vec<DeliveryId> =
            resends.iter().map(|resend| resend.id).filter(|id| is_reached(id.event())).collect();
        all.extend(self.known_resends(&again).await?);
        all.retain(|known| known.id <= from && search.may_match(known));
        if let Some(text) = &search.text {
            self.retain_saying(&mut all, text, |known| known.id.is_resend()).await?;
        }
        let next = reached.filter(|reached| reached.number() > 0);
        Ok((all, next.map(|reached| DeliveryId::new(EventId::from_number(reached.number() - 1), 7))))
    }

    /// Those of the deliveries that exist.
    async fn known(&self, ids: &[DeliveryId]) -> Result<Vec<Known>, EngineError> {
        let (again, first): (Vec<DeliveryId>, Vec<_>) = ids.iter().partition(|id| id.is_resend());
        let mut all = self.known_resends(&again).await?;
        let events = self.events_of(first.iter().map(|id| id.event())).await?;
        for id in first {
            let event = events.get(&id.event());
            let target = event.and_then(|event| Some((event, *event.targets.get(id.slot())?)));
            if let Some((event, endpoint)) = target {
                all.push(Known::first(event, u8::try_from(id.slot()).unwrap_or_default(), endpoint));
            }
        }
        Ok(all)
    }

    async fn known_resends(&self, ids: &[DeliveryId]) -> Result<Vec<Known>, EngineError> {
        let resends = self.store.resends_by_id(ids).await?;
        let events = self.events_of(resends.iter().map(|resend| resend.event_id)).await?;
        let known = |resend: &ResendRecord| Some(Known::resend(events.get(&resend.event_id)?, resend));
        Ok(resends.iter().filter_map(known).collect())
    }

    async fn events_of(
        &self,
        ids: impl Iterator<Item = EventId>,
    ) -> Result<HashMap<EventId, Arc<crate::store::EventRecord>>, EngineError> {
        let ids: Vec<EventId> = ids.collect::<HashSet<_>>().into_iter().collect();
        let events = self.store.events_by_id(&ids).await?;
        Ok(events.into_iter().map(|event| (event.id, Arc::new(event))).collect())
    }

    /// Of those that are looked into, only what says the text stays.
    async fn retain_saying(
        &self,
        all: &mut Vec<Known>,
        text: &str,
        is_looked_into: impl Fn(&Known) -> bool,
    ) -> Result<(), EngineError> {
        let ids: HashSet<EventId> =
            all.iter().filter(|known| is_looked_into(known)).map(|known| known.event.id).collect();
        let ids: Vec<EventId> = ids.into_iter().collect();
        let mut saying = HashSet::new();
        for chunk in ids.chunks(256) {
            let bodies = self.store.small_bodies(chunk).await?;
            saying.extend(bodies.into_iter().filter(|(_, body)| says(body, text)).map(|(id, _)| id));
        }
        all.retain(|known| !is_looked_into(known) || saying.contains(&known.event.id));
        Ok(())
    }
}

impl Search {
    /// The program whose log it is.
    pub(crate) fn entry(&self) -> &ProgramEntry {
        &self.entry
    }

    /// Whether what is known without looking it up fits.
    fn may_match(&self, known: &Known) -> bool {
        let DeliveryFilter { event, since, until, .. } = &self.filter;
        known.event.program_id == self.entry.record.id
            && known.id >= self.from
            && event.is_none_or(|kind| kind == known.event.kind)
            && self.endpoint.is_none_or(|endpoint| endpoint == known.endpoint)
            && since.is_none_or(|since| known.accepted_at_ms >= since)
            && until.is_none_or(|until| known.accepted_at_ms < until)
    }
}

fn check(filter: &DeliveryFilter) -> Result<(), EngineError> {
    let mut problems = Vec::new();
    let mut problem =
        |pointer: &str, message: String| problems.push(Problem::new(pointer.to_owned(), message));
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        problem("/until", "must be later than since".to_owned());
    }
    if filter.text.as_ref().is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS) {
        problem("/text", format!("must have at most {MAX_SEARCH_CHARS} characters"));
    }
    if problems.is_empty() { Ok(()) } else { Err(EngineError::Invalid(problems)) }
}
