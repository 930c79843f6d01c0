//! Accepting events: check, render once, commit.

use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::json::{self, Around, Json, Object};
use groundswell_types::{EventKind, MAX_PROBLEMS, Problem, ProgramId, ProgramStatus};
use sha2::{Digest as _, Sha256};

use crate::delivery::writer::{NewEvent, Receipt};
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EmittedRecord, Idempotency};

/// The largest single event, in bytes as sent: 4 MiB.
pub const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// The largest batch, in bytes as sent: 8 MiB.
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The most events in a batch.
pub const MAX_BATCH_EVENTS: usize = 1_000;

/// Of a batch's lines together. Beyond them each that is refused names its first: else a small batch could have an answer of hundreds of
/// megabytes.
const MAX_BATCH_PROBLEMS: usize = 10 * MAX_PROBLEMS;

/// How long an idempotency key is remembered: 7 days.
pub const IDEMPOTENCY_MS: i64 = 7 * 86_400_000;

const MAX_KEY_BYTES: usize = 255;

/// The latest time a JavaScript `Date` can hold, in Unix milliseconds.
const MAX_CREATED_AT_MS: i64 = 8_640_000_000_000_000;

impl Engine {
    /// Accepts one event, given as the JSON text `{"event","data","createdAt"?}`. Returns once it is on disk.
    pub async fn submit(
        &self,
        program: &ProgramId,
        text: &[u8],
        idempotency_key: Option<&str>,
    ) -> Result<Receipt, EngineError> {
        let event = self.prepare(program, text, idempotency_key)?;
        let mut answers = self.writer.accept(vec![event]).await?;
        answers.pop().unwrap_or(Err(EngineError::Stopping))
    }

    /// Accepts a batch of newline-delimited JSON, each line an event that may have an `idempotencyKey`. Returns an
    /// answer for each line that is not empty, once the good ones are on disk.
    pub async fn submit_batch(
        &self,
        program: &ProgramId,
        text: &[u8],
    ) -> Result<Vec<Result<Receipt, EngineError>>, EngineError> {
        self.program_entry(program)?;
        let lines: Vec<&[u8]> =
            text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
        if lines.is_empty() {
            return Err(EngineError::invalid("", "is empty: send one event per line"));
        }
        if lines.len() > MAX_BATCH_EVENTS {
            let message = format!("has {} events; a batch can have 1,000 at most", lines.len());
            return Err(EngineError::invalid("", message));
        }
        let mut problems_left = MAX_BATCH_PROBLEMS;
        let mut answers: Vec<Option<Result<Receipt, EngineError>>> = Vec::with_capacity(lines.len());
        let mut events = Vec::with_capacity(lines.len());
        for line in lines {
            let prepared = if line.len() > MAX_EVENT_BYTES {
                Err(EngineError::TooLarge("An event can have 4 MiB at most."))
            } else {
                self.prepare(program, line, None)
            };
            match prepared {
                Ok(event) => {
                    events.push(event);
                    answers.push(None);
                }
                Err(mut error) => {
                    if let EngineError::Invalid(problems) = &mut error {
                        if problems.len() > problems_left {
                            problems.truncate(1);
                            problems.shrink_to_fit();
                        }
                        problems_left = problems_left.saturating_sub(problems.len());
                    }
                    answers.push(Some(Err(error)));
                }
            }
        }
        let mut accepted =
            if events.is_empty() { Vec::new() } else { self.writer.accept(events).await? }.into_iter();
        Ok(answers
            .into_iter()
            .map(|answer| answer.or_else(|| accepted.next()).unwrap_or(Err(EngineError::Stopping)))
            .collect())
    }

    /// Checks and renders an event.
    fn prepare(
        &self,
        program: &ProgramId,
        text: &[u8],
        idempotency_key: Option<&str>,
    ) -> Result<NewEvent, EngineError> {
        let entry = self.accepting(program)?;
        let parsed = ParsedEvent::parse(text, idempotency_key).map_err(EngineError::Invalid)?;
        self.render(&entry, &parsed, None)
    }

    /// The same for one that was emitted in SQL. It happened when it was emitted.
    pub(crate) fn prepare_emitted(&self, emitted: &EmittedRecord) -> Result<NewEvent, EngineError> {
        const TOO_LARGE: EngineError = EngineError::TooLarge("An event can have 4 MiB at most.");
        let program = ProgramId::parse(&emitted.program_id).map_err(|_| EngineError::NotFound("program"))?;
        let entry = self.accepting(&program)?;
        let data = emitted.data.as_deref().ok_or(TOO_LARGE)?;
        let parsed = ParsedEvent::emitted(emitted, data).map_err(EngineError::Invalid)?;
        self.render(&entry, &parsed, Some(emitted))
    }

    /// A program that accepts events.
    fn accepting(&self, program: &ProgramId) -> Result<Arc<ProgramEntry>, EngineError> {
        let entry = self.program_entry(program)?;
        if entry.record.status == ProgramStatus::Deleted {
            return Err(EngineError::NotAccepted("The program is deleted and accepts no events.".to_owned()));
        }
        Ok(entry)
    }

    fn render(
        &self,
        entry: &ProgramEntry,
        parsed: &ParsedEvent<'_>,
        emitted: Option<&EmittedRecord>,
    ) -> Result<NewEvent, EngineError> {
        if !parsed.kind.fits(entry.record.kind) {
            return Err(EngineError::NotAccepted(format!(
                "{} is no event of {} programs.",
                parsed.kind, entry.record.kind
            )));
        }
        let accepted_at_ms = self.clock.now_ms();
        let emitted_at_ms = emitted.map(|emitted| emitted.created_at_ms);
        let occurred_at_ms = parsed.created_at_ms.or(emitted_at_ms).unwrap_or(accepted_at_ms);
        let idempotency = parsed.idempotency_key.as_ref().map(|key| Idempotency {
            key: key.clone(),
            content_hash: parsed.content_hash(),
            valid_since_ms: accepted_at_ms - IDEMPOTENCY_MS,
        });
        Ok(NewEvent {
            program_id: entry.record.id.clone(),
            kind: parsed.kind,
            occurred_at_ms,
            accepted_at_ms,
            expires_at_ms: accepted_at_ms.saturating_add(self.config.retry.deadline_ms),
            body: render_envelope(parsed.kind, occurred_at_ms, &parsed.data),
            idempotency,
            emitted: emitted.map(|emitted| emitted.id),
        })
    }
}

/// The bytes a receiver gets: `event`, `createdAt`, `data`, in this order.
pub(crate) fn render_envelope(kind: EventKind, created_at_ms: i64, data: &Json<'_>) -> Bytes {
    let mut body = Vec::with_capacity(1024);
    body.extend_from_slice(b"{\"event\":\"");
    body.extend_from_slice(kind.name().as_bytes());
    body.extend_from_slice(b"\",\"createdAt\":");
    body.extend_from_slice(created_at_ms.to_string().as_bytes());
    body.extend_from_slice(b",\"data\":");
    data.render_into(&mut body);
    body.push(b'}');
    Bytes::from(body)
}

/// An event may come without the time that its envelope has.
const AROUND_EVENT: Around = Around { levels: 0, values: 1 };

/// The data of an event that was emitted comes without the envelope, its name and its time.
const AROUND_DATA: Around = Around { levels: 1, values: 3 };

/// An event as a producer sent it, checked. Its envelope can be read again, whatever it has.
#[derive(Debug)]
struct ParsedEvent<'a> {
    kind: EventKind,
    created_at_ms: Option<i64>,
    data: Json<'a>,
    idempotency_key: Option<String>,
}

impl<'a> ParsedEvent<'a> {
    /// Reads the JSON text and finds everything wrong with it.
    fn parse(text: &'a [u8], header_key: Option<&str>) -> Result<Self, Vec<Problem>> {
        let Json::Object(object) = json::parse_within(text, AROUND_EVENT)? else {
            return Err(vec![Problem::new("", "must be an object with `event` and `data`")]);
        };
        Self::check(object, header_key)
    }

    /// The same for what was emitted in SQL, where the parts of an event come apart.
    fn emitted(emitted: &'a EmittedRecord, data: &'a str) -> Result<Self, Vec<Problem>> {
        let data = json::parse_within(data.as_bytes(), AROUND_DATA).map_err(|problems| {
            let place = |problem: Problem| Problem::new(format!("/data{}", problem.pointer), problem.message);
            problems.into_iter().map(place).collect::<Vec<_>>()
        })?;
        let mut members = vec![("event".into(), Json::string(&*emitted.event)), ("data".into(), data)];
        if let Some(key) = &emitted.idempotency_key {
            members.push(("idempotencyKey".into(), Json::string(&**key)));
        }
        Self::check(Object::new(members), None)
    }

    fn check(mut object: Object<'a>, header_key: Option<&str>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let kind = parse_kind(&object, &mut problems);
        let created_at_ms = match object.get("createdAt") {
            None => None,
            Some(value) => {
                let time = value.as_i64().filter(|time| (0..=MAX_CREATED_AT_MS).contains(time));
                if time.is_none() {
                    problems.push(Problem::new("/createdAt", "must be a whole number, Unix milliseconds"));
                }
                time
            }
        };
        let idempotency_key = parse_key(&object, header_key, &mut problems);
        let data = match object.remove("data") {
            Some(Json::Object(data)) => {
                if let Some(kind) = kind {
                    kind.schema().check(&data, "/data", &mut problems);
                }
                Some(Json::Object(data))
            }
            Some(other) => {
                let message = format!("must be an object, but is {}", other.kind_name());
                problems.push(Problem::new("/data", message));
                None
            }
            None => {
                problems.push(Problem::new("/data", "is required: an object"));
                None
            }
        };
        match (kind, data) {
            (Some(kind), Some(data)) if problems.is_empty() => {
                Ok(Self { kind, created_at_ms, data, idempotency_key })
            }
            _ => Err(problems),
        }
    }

    /// What an idempotency key stands for: the rendered event, data and, if given, createdAt.
    fn content_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.kind.name().as_bytes());
        hash.update([0]);
        if let Some(created_at_ms) = self.created_at_ms {
            hash.update(created_at_ms.to_string().as_bytes());
        }
        hash.update([0]);
        hash.update(self.data.render());
        hash.finalize().into()
    }
}

/// Reads what a producer may send. What this server tells of itself cannot be sent by anybody else.
fn parse_kind(object: &Object<'_>, problems: &mut Vec<Problem>) -> Option<EventKind> {
    let names = || EventKind::ALL.map(EventKind::name).join(", ");
    let Some(value) = object.get("event") else {
        problems.push(Problem::new("/event", format!("is required: one of {}", names())));
        return None;
    };
    let kind = value.as_str().and_then(EventKind::parse).filter(|kind| !kind.is_operational());
    if kind.is_none() {
        problems.push(Problem::new("/event", format!("must be one of {}", names())));
    }
    kind
}

fn parse_key(object: &Object<'_>, header_key: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let mut checked = |key: Option<&str>, pointer: &str| match key {
        // PostgreSQL's texts have no NUL.
        Some(key) if !key.is_empty() && key.len() <= MAX_KEY_BYTES && !key.contains('\0') => {
            Some(key.to_owned())
        }
        _ => {
            problems.push(Problem::new(
                pointer,
                "the idempotency key must be a string of 1 to 255 bytes, without NUL",
            ));
            None
        }
    };
    let in_header = header_key.and_then(|key| checked(Some(key), ""));
    // Like any known member it has its type if it is there, even where the header counts.
    let in_body = match object.get("idempotencyKey") {
        None | Some(Json::Null) => None,
        Some(value) => checked(value.as_str(), "/idempotencyKey"),
    };
    in_header.or(in_body)
}

/// The envelope of an event that was emitted with these parts, if it is one.
#[cfg(fuzzing)]
pub(crate) fn envelope_of_emitted(
    (event, data): (&str, &str),
    key: Option<&str>,
) -> Result<Bytes, Vec<Problem>> {
    let emitted = EmittedRecord {
        id: crate::store::EmittedId::default(),
        program_id: "p".to_owned(),
        event: event.to_owned(),
        data: None,
        idempotency_key: key.map(str::to_owned),
        created_at_ms: 0,
    };
    let parsed = ParsedEvent::emitted(&emitted, data)?;
    parsed.content_hash();
    Ok(render_envelope(parsed.kind, 0, &parsed.data))
}

/// The envelope of an event as it was sent, if it is one.
#[cfg(fuzzing)]
pub(crate) fn envelope_of(text: &[u8], header_key: Option<&str>) -> Result<Bytes, Vec<Problem>> {
    let parsed = ParsedEvent::parse(text, header_key)?;
    parsed.content_hash();
    Ok(render_envelope(parsed.kind, parsed.created_at_ms.unwrap_or_default(), &parsed.data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named() {
        let text =
            br#"{"event":"PARTICIPANT_REACHED_A_GOAL","createdAt":"now","data":{"participant":{"email":5},
            "campaign":{"id":""}}}"#;
        let problems = ParsedEvent::parse(text, None).expect_err("refused");
        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/createdAt",
                "/data/participant/id",
                "/data/participant/email",
                "/data/reward",
                "/data/campaign/id"
            ]
        );
    }

    #[test]
    fn of_very_many_problems_no_more_are_kept_than_are_named() {
        let winners = "0,".repeat(100_000);
        let text = format!(r#"{{"event":"CAMPAIGN_ENDED","data":{{"id":"x","winners":[{winners}0]}}}}"#);
        let problems = ParsedEvent::parse(text.as_bytes(), None).expect_err("refused");
        assert_eq!(problems.len(), MAX_PROBLEMS + 1);
        let winners = vec![r#"{"rewards":[0,0,0,0,0,0,0,0,0,0]}"#; 1_000].join(",");
        let text = format!(r#"{{"event":"CAMPAIGN_ENDED","data":{{"id":"x","winners":[{winners}]}}}}"#);
        let problems = ParsedEvent::parse(text.as_bytes(), None).expect_err("refused");
        assert!(problems.len() <= MAX_PROBLEMS + 3, "{}", problems.len());
    }

    #[test]
    fn an_event_without_event_and_data_says_so() {
        let problems = ParsedEvent::parse(b"{}", None).expect_err("refused");
        assert_eq!(problems.len(), 2);
        assert!(ParsedEvent::parse(b"[]", None).is_err());
        assert!(ParsedEvent::parse(br#"{"event":"X","data":[]}"#, None).is_err());
    }

    #[test]
    fn the_key_in_the_header_counts_and_the_one_in_the_event_is_checked_all_the_same() {
        let key = |more: &str, header: Option<&str>| {
            let text =
                format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"a"}},"idempotencyKey":{more}}}"#);
            let parsed = ParsedEvent::parse(text.as_bytes(), header);
            parsed.map(|event| event.idempotency_key).map_err(|problems| problems[0].pointer.clone())
        };
        assert_eq!(key(r#""b""#, Some("h")), Ok(Some("h".to_owned())));
        assert_eq!(key(r#""b""#, None), Ok(Some("b".to_owned())));
        assert_eq!(key("null", Some("h")), Ok(Some("h".to_owned())));
        for wrong in ["5", r#""""#, r#""a\u0000""#, "[]"] {
            assert_eq!(key(wrong, Some("h")), Err("/idempotencyKey".to_owned()), "{wrong}");
            assert_eq!(key(wrong, None), Err("/idempotencyKey".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn the_envelope_has_its_keys_in_order_and_data_as_sent() {
        let parsed = ParsedEvent::parse(
            br#"{"data":{"zeta":1.0,"id":"p1","10":true}, "event":"NEW_PARTICIPANT_ADDED"}"#,
            None,
        )
        .expect("accepted");
        let body = render_envelope(parsed.kind, 5, &parsed.data);
        assert_eq!(
            &body[..],
            br#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":5,"data":{"10":true,"zeta":1,"id":"p1"}}"#
        );
    }

    #[test]
    fn whatever_is_accepted_can_be_read_again() {
        let deep = |levels: usize| {
            format!(r#"{{"id":"a","of":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        let wide = |values: usize| format!(r#"{{"id":"a","of":[{}0]}}"#, "0,".repeat(values - 4));
        let sent = |data: &str| {
            let text = format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{data}}}"#);
            let parsed = ParsedEvent::parse(text.as_bytes(), None).ok()?;
            Some(render_envelope(parsed.kind, 5, &parsed.data))
        };
        let emitted = |data: &str| {
            let record = EmittedRecord {
                id: crate::store::EmittedId::default(),
                program_id: "p".to_owned(),
                event: "NEW_PARTICIPANT_ADDED".to_owned(),
                data: None,
                idempotency_key: None,
                created_at_ms: 5,
            };
            let parsed = ParsedEvent::emitted(&record, data).ok()?;
            Some(render_envelope(parsed.kind, 5, &parsed.data))
        };
        let (deepest, widest) = (json::MAX_DEPTH - 1, json::MAX_VALUES - 3);
        for (data, is_accepted) in [
            (deep(deepest), true),
            (deep(deepest + 1), false),
            (wide(widest), true),
            (wide(widest + 1), false),
        ] {
            for envelope in [sent(&data), emitted(&data)] {
                assert_eq!(envelope.is_some(), is_accepted);
                assert!(envelope.is_none_or(|envelope| json::parse(&envelope).is_ok()));
            }
        }
    }

    #[test]
    fn spelling_does_not_change_what_a_key_stands_for() {
        let hash = |text: &'static str| {
            ParsedEvent::parse(text.as_bytes(), Some("k")).expect("accepted").content_hash()
        };
        let first = hash(r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"a","n":1}}"#);
        assert_eq!(first, hash(r#"{"data":{"id":"\u0061", "n":1.0},"event":"NEW_PARTICIPANT_ADDED"}"#));
        assert_ne!(first, hash(r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"a","n":2}}"#));
        assert_ne!(first, hash(r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1,"data":{"id":"a","n":1}}"#));
    }
}
