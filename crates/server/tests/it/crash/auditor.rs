//! Decides from the producers' and the receiver's records whether the promise was kept.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::producer::{Outcome, Posted};
use crate::receiver::Exchange;

/// What was answered this long before a kill may not have been committed yet, and so may come again.
const COMMIT_MS: i64 = 1_000;

/// At most so many requests are under way to one endpoint.
const ENDPOINT_SLOTS: usize = 64;

/// A kill: it happened between these two moments, Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    pub from_ms: i64,
    pub to_ms: i64,
    /// The receiver's last connection before the restart. What came on it and those before it was sent before the kill,
    /// even if the receiver came to read it later.
    pub connection: usize,
}

/// What the records say.
#[derive(Debug, Default)]
pub struct Report {
    accepted: usize,
    unknown: usize,
    delivered: usize,
    requests: usize,
    failed_requests: usize,
    /// Successes after a success, and how long before a kill the earlier success was answered; none when no kill
    /// explains them.
    repeats: Vec<Option<Repeat>>,
    /// The most requests that were under way to one path at a kill.
    most_in_flight: usize,
    violations: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Repeat {
    kill: usize,
    /// 0 for a request that was under way at the kill.
    answered_before_ms: i64,
}

impl Report {
    pub fn of(posted: &[Posted], exchanges: &[Exchange], kills: &[Kill], paths: &[&str]) -> Self {
        let mut report = Self { requests: exchanges.len(), ..Self::default() };
        report.look_at_contents(posted, exchanges);
        report.look_at_arrivals(posted, exchanges, paths);
        report.look_at_repeats(exchanges, kills);
        report.look_at_flights(exchanges, kills, paths);
        report
    }

    /// Fails unless every promise was kept.
    pub fn judge(&self) {
        let shown: Vec<&String> = self.violations.iter().take(20).collect();
        assert!(self.violations.is_empty(), "{} violations, among them {shown:#?}", self.violations.len());
    }

    /// An id always comes with the same bytes, and an event with a key has one id only.
    fn look_at_contents(&mut self, posted: &[Posted], exchanges: &[Exchange]) {
        let known: HashMap<&str, &Posted> =
            posted.iter().map(|event| (event.marker.as_str(), event)).collect();
        let mut bodies: HashMap<&str, &[u8]> = HashMap::new();
        let mut ids: HashMap<String, HashSet<&str>> = HashMap::new();
        for Exchange { request, .. } in exchanges {
            let id = request.webhook_id();
            if *bodies.entry(id).or_insert(&request.body) != &request.body[..] {
                self.violations.push(format!("{id} came with different bodies"));
            }
            let marker = request.json()["data"]["id"].as_str().unwrap_or_default().to_owned();
            ids.entry(marker).or_default().insert(id);
        }
        for (marker, ids) in &ids {
            match known.get(marker.as_str()) {
                None => self.violations.push(format!("nobody posted {marker}")),
                Some(event) if ids.len() > 1 => {
                    // Without a key each event is posted once.
                    self.violations.push(format!("{marker} ({:?}) became {ids:?}", event.idempotency_key));
                }
                Some(event) if event.accepted_id().is_some_and(|id| !ids.contains(id)) => {
                    self.violations
                        .push(format!("{marker} was accepted as {:?}, but came as {ids:?}", event.outcome));
                }
                Some(event) if event.outcome == Outcome::Refused => {
                    self.violations.push(format!("{marker} was refused, but came as {ids:?}"));
                }
                Some(_) => {}
            }
        }
    }

    /// Every accepted event was taken by every webhook.
    fn look_at_arrivals(&mut self, posted: &[Posted], exchanges: &[Exchange], paths: &[&str]) {
        let taken = taken(exchanges);
        self.failed_requests = exchanges.iter().filter(|exchange| !is_success(exchange)).count();
        self.delivered = taken.len();
        for event in posted {
            match &event.outcome {
                Outcome::Accepted { id, at_ms } => {
                    self.accepted += 1;
                    for path in paths.iter().filter(|path| !taken.contains(&(**path, id.as_str()))) {
                        let tried = exchanges.iter().map(|exchange| &exchange.request);
                        let tried = tried.filter(|one| one.path == **path && one.webhook_id() == id).count();
                        self.violations.push(format!(
                            "LOST: {id} ({}), accepted at {at_ms}, tried {tried} times, never taken by {path}",
                            event.marker
                        ));
                    }
                }
                Outcome::Unknown => self.unknown += 1,
                Outcome::Refused => {}
            }
        }
    }

    /// Whatever was taken twice must have been under way, or answered just before, when the server was killed.
    fn look_at_repeats(&mut self, exchanges: &[Exchange], kills: &[Kill]) {
        let mut successes: BTreeMap<(&str, &str), Vec<&Exchange>> = BTreeMap::new();
        for exchange in exchanges.iter().filter(|exchange| is_success(exchange)) {
            let key = (exchange.request.path.as_str(), exchange.request.webhook_id());
            successes.entry(key).or_default().push(exchange);
        }
        for ((path, id), times) in successes {
            for pair in times.windows(2) {
                let repeat = explanation(pair[0], pair[1], kills);
                if repeat.is_none() {
                    let [first, second] = [pair[0], pair[1]].map(|exchange| {
                        (exchange.request.arrived_at_ms, exchange.answered.map(|answered| answered.at_ms))
                    });
                    self.violations
                        .push(format!("REPEATED without cause: {id} at {path}: {first:?} and {second:?}"));
                }
                self.repeats.push(repeat);
            }
        }
    }

    fn look_at_flights(&mut self, exchanges: &[Exchange], kills: &[Kill], paths: &[&str]) {
        for kill in kills {
            for path in paths {
                let in_flight = exchanges.iter().filter(|Exchange { request, answered }| {
                    request.path == *path
                        && request.arrived_at_ms < kill.from_ms
                        && answered.is_some_and(|answered| answered.at_ms > kill.to_ms)
                });
                self.most_in_flight = self.most_in_flight.max(in_flight.count());
            }
        }
        if self.most_in_flight > ENDPOINT_SLOTS {
            self.violations.push(format!("{} requests were under way to one endpoint", self.most_in_flight));
        }
    }
}

/// Which event was taken at which path.
pub fn taken(exchanges: &[Exchange]) -> HashSet<(&str, &str)> {
    let successes = exchanges.iter().filter(|exchange| is_success(exchange));
    successes.map(|exchange| (exchange.request.path.as_str(), exchange.request.webhook_id())).collect()
}

/// Whether it was taken.
pub fn is_success(exchange: &Exchange) -> bool {
    exchange.answered.is_some_and(|answered| answered.status == 200)
}

/// The kill between two successes that explains the second, and how long before it the first was answered.
fn explanation(first: &Exchange, second: &Exchange, kills: &[Kill]) -> Option<Repeat> {
    let answered_ms = first.answered?.at_ms;
    let candidates = kills.iter().enumerate().filter(|(_, kill)| {
        first.request.connection <= kill.connection
            && second.request.connection > kill.connection
            && answered_ms >= kill.from_ms - COMMIT_MS
    });
    candidates
        .map(|(at, kill)| Repeat { kill: at, answered_before_ms: (kill.from_ms - answered_ms).max(0) })
        .min_by_key(|repeat| repeat.answered_before_ms)
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let explained: Vec<&Repeat> = self.repeats.iter().flatten().collect();
        let mut by_kill: BTreeMap<usize, usize> = BTreeMap::new();
        for repeat in &explained {
            *by_kill.entry(repeat.kill).or_default() += 1;
        }
        let under_way = explained.iter().filter(|repeat| repeat.answered_before_ms == 0).count();
        let longest = explained.iter().map(|repeat| repeat.answered_before_ms).max().unwrap_or(0);
        write!(
            formatter,
            "{} events accepted ({} more without an answer), {} deliveries made in {} requests of which {} failed, \
             {} repeated ({under_way} under way at a kill, the others answered up to {longest} ms before one), at most \
             {} after one kill; at most {} requests under way to an endpoint at a kill",
            self.accepted,
            self.unknown,
            self.delivered,
            self.requests,
            self.failed_requests,
            self.repeats.len(),
            by_kill.values().max().unwrap_or(&0),
            self.most_in_flight,
        )
    }
}
