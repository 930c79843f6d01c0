//! Producers that write down what they were answered.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::client::{Answer, BatchLine, Call, Client};
use crate::server::ADMIN_KEY;
use crate::waiting::now_ms;

/// Where producers post to, and how many events they had accepted.
pub struct Desk {
    url: RwLock<String>,
    path: String,
    accepted: AtomicUsize,
}

impl Desk {
    pub fn new(url: &str, program: &str) -> Self {
        Self {
            url: RwLock::new(url.to_owned()),
            path: format!("/v2/campaign/{program}/events"),
            accepted: AtomicUsize::new(0),
        }
    }

    /// The server listens elsewhere now.
    pub fn move_to(&self, url: &str) {
        url.clone_into(&mut self.url.write().expect("no panic under the lock"));
    }

    /// Events accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Where they post to.
    pub fn url(&self) -> String {
        self.url.read().expect("no panic under the lock").clone()
    }
}

/// One event and what its producer knows of it.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The participant's id, of which no other event has the same.
    pub marker: String,
    pub idempotency_key: Option<String>,
    data: Value,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Answered 2xx.
    Accepted { id: String, at_ms: i64 },
    /// There was no answer, so it may or may not be accepted.
    Unknown,
    /// Answered that it was not taken.
    Refused,
}

impl Posted {
    pub fn accepted_id(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Accepted { id, .. } => Some(id),
            Outcome::Unknown | Outcome::Refused => None,
        }
    }

    fn line(&self) -> String {
        let mut event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": self.data });
        if let Some(key) = &self.idempotency_key {
            event["idempotencyKey"] = json!(key);
        }
        event.to_string()
    }
}

struct Producer<'a> {
    desk: &'a Desk,
    name: u64,
    rng: SmallRng,
    client: Option<Client>,
    url: String,
    posted: Vec<Posted>,
    /// Where in `posted` those stand that have a key and no answer: they are posted again until they have one.
    unanswered: Vec<usize>,
}

/// Events with a key have an answer within this time of the end, or nobody gives one any more.
const LAST_ANSWERS: Duration = Duration::from_mins(2);

/// Posts until `stop`, then until every event with a key has an answer; returns the record.
pub fn work(desk: &Desk, name: u64, seed: u64, stop: &AtomicBool) -> Vec<Posted> {
    let rng = SmallRng::seed_from_u64(seed.wrapping_mul(1_000) + name);
    let mut producer = Producer {
        desk,
        name,
        rng,
        client: None,
        url: String::new(),
        posted: Vec::new(),
        unanswered: Vec::new(),
    };
    let mut stopped: Option<Instant> = None;
    while !stop.load(Ordering::SeqCst) || !producer.unanswered.is_empty() {
        if stop.load(Ordering::SeqCst) {
            let since = stopped.get_or_insert_with(Instant::now);
            assert!(since.elapsed() < LAST_ANSWERS, "events with a key had no answer");
        }
        producer.step(stop.load(Ordering::SeqCst));
        // Keeps the load at what a busy machine can take; nothing is waited for.
        let pause = producer.rng.random_range(0..12);
        thread::sleep(Duration::from_millis(pause));
    }
    producer.posted
}

impl Producer<'_> {
    fn step(&mut self, only_unanswered: bool) {
        if !self.unanswered.is_empty() {
            let again = std::mem::take(&mut self.unanswered);
            self.post_batch(&again);
            return;
        }
        if only_unanswered {
            return;
        }
        if self.rng.random_bool(0.7) {
            let at = self.write();
            self.post_one(at);
        } else {
            let count = self.rng.random_range(2..25);
            let lines: Vec<usize> = (0..count).map(|_| self.write()).collect();
            self.post_batch(&lines);
        }
    }

    /// Writes a new event into the record; it may have a key.
    fn write(&mut self) -> usize {
        let at = self.posted.len();
        let marker = format!("p{}-{at}", self.name);
        let notes = "n".repeat(self.rng.random_range(0..400));
        let data = json!({ "id": marker, "email": format!("{marker}@example.com"), "notes": notes, "referralCount": at });
        let idempotency_key = self.rng.random_bool(0.4).then(|| format!("key-{marker}"));
        self.posted.push(Posted { marker, idempotency_key, data, outcome: Outcome::Unknown });
        at
    }

    fn post_one(&mut self, at: usize) {
        let event = &self.posted[at];
        let body = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": event.data }).to_string();
        let key = event.idempotency_key.clone();
        let mut headers = vec![("content-type", "application/json")];
        if let Some(key) = &key {
            headers.push(("idempotency-key", key));
        }
        match self.call("", &headers, body.as_bytes()) {
            Some(answer) if answer.status == 202 => {
                let id = answer.json()["id"].as_str().expect("an accepted event has an id").to_owned();
                self.accept(at, id);
            }
            Some(answer) => self.refuse(&[at], &answer),
            None => self.leave_open(&[at]),
        }
    }

    fn post_batch(&mut self, lines: &[usize]) {
        let body: Vec<String> = lines.iter().map(|at| self.posted[*at].line()).collect();
        match self.call("/batch", &[("content-type", "application/x-ndjson")], body.join("\n").as_bytes()) {
            Some(answer) if (200..300).contains(&answer.status) => {
                let results = answer.batch();
                assert_eq!(results.len(), lines.len(), "{}", answer.text);
                for (at, result) in lines.iter().zip(results) {
                    match result {
                        BatchLine::Accepted { id, .. } => self.accept(*at, id),
                        BatchLine::Refused { status: 429 | 503, .. } => {
                            self.posted[*at].outcome = Outcome::Refused;
                        }
                        refused @ BatchLine::Refused { .. } => panic!("{refused:?}"),
                    }
                }
            }
            Some(answer) => self.refuse(lines, &answer),
            None => self.leave_open(lines),
        }
    }

    fn accept(&mut self, at: usize, id: String) {
        self.posted[at].outcome = Outcome::Accepted { id, at_ms: now_ms() };
        self.desk.accepted.fetch_add(1, Ordering::SeqCst);
    }

    fn refuse(&mut self, lines: &[usize], answer: &Answer) {
        assert!(matches!(answer.status, 429 | 503), "{} {}", answer.status, answer.text);
        for at in lines {
            self.posted[*at].outcome = Outcome::Refused;
        }
    }

    fn leave_open(&mut self, lines: &[usize]) {
        let with_key = lines.iter().filter(|at| self.posted[**at].idempotency_key.is_some());
        self.unanswered.extend(with_key);
    }

    /// None when nobody knows whether the server has seen it.
    fn call(&mut self, below: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let (url, path) = (self.desk.url(), format!("{}{below}", self.desk.path));
        if url != self.url {
            self.client = None;
            self.url = url;
        }
        let client = self.client.get_or_insert_with(|| Client::keeping_connections(&self.url, ADMIN_KEY));
        let answer = client.try_send(Call { method: "POST", path: &path, headers, body });
        if answer.is_err() {
            self.client = None;
        }
        answer.ok()
    }
}
