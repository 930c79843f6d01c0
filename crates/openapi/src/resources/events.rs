//! `/v2/campaign/{id}/events`.

use groundswell_types::EventKind;
use serde_json::{Value, json};

use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, Unprocessable, UnsupportedMediaType,
};
use crate::events::example;
use crate::operation::{Operation, Scope, schema};
use crate::parameters::{in_path, in_query};

pub const TAG: &str = "Events";

pub fn operations() -> Vec<Operation> {
    let posted = json!({ "schema": schema("NewEvent"), "examples": examples() });
    vec![
        Operation::new("POST /v2/campaign/{id}/events", "submitEvent", "Post an event")
            .tag(TAG)
            .about(
                "Answered once it is on disk, and from then on it is delivered. With an idempotency key it can be posted \
                 again without coming twice; a key is kept for 7 days. At most 4 MiB and 250,000 JSON values.",
            )
            .scope(Scope::Events)
            .parameter(in_path("id"))
            .parameter(json!({
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same for every repetition of this event, and for no other.",
                "schema": { "type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$" },
                "example": "signup-1",
            }))
            .body_of("application/json", true, posted)
            .answers(202, "It is on disk.", schema("EventAccepted"))
            .fails(&[
                BadRequest,
                NotFound,
                Conflict,
                PayloadTooLarge,
                UnsupportedMediaType,
                Unprocessable,
                StorageFull,
            ]),
        batch(),
        stream(),
        Operation::new("GET /v2/campaign/{id}/rejected-events", "listRejectedEvents", "List events that were rejected")
            .tag(TAG)
            .about(
                "Over REST, an event that cannot be accepted is refused to whoever posts it. One that was emitted in SQL has \
                 nobody to be refused to: it is kept here with the reason, as long as the program keeps its events.",
            )
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .parameter(before())
            .answers(200, "The events, newest first, at most 100.", schema("RejectedEventList"))
            .fails(&[BadRequest, NotFound]),
        Operation::new("GET /v2/rejected-events", "listAllRejectedEvents", "List rejected events of all programs")
            .tag(TAG)
            .about(
                "Those that were emitted for programs that there are not among them. For the admin key alone.",
            )
            .scope(Scope::Admin)
            .operators_only()
            .parameter(before())
            .answers(200, "The events, newest first, at most 100.", schema("RejectedEventList"))
            .fails(&[BadRequest]),
    ]
}

fn before() -> Value {
    in_query(
        "before",
        "Only those before this one: the `id` of the last one read.",
        json!({ "type": "integer", "format": "int64" }),
    )
}

fn batch() -> Operation {
    let line = |text: &str| {
        json!({
            "application/x-ndjson": {
                "schema": { "type": "string", "description": text },
                "example": "{\"index\":0,\"id\":\"evt_1sj7e4k9v2w0c\",\"deliveries\":1,\"duplicate\":false}\n",
            },
        })
    };
    Operation::new("POST /v2/campaign/{id}/events/batch", "submitEvents", "Post many events")
        .tag(TAG)
        .about(
            "A line of JSON each, at most 1,000 and 8 MiB. Each line is accepted or refused by itself, and answered with a \
             line of its own.",
        )
        .scope(Scope::Events)
        .parameter(in_path("id"))
        .body_of(
            "application/x-ndjson",
            true,
            json!({
                "schema": {
                    "type": "string",
                    "pattern": "\\S",
                    "description": "Lines of `NewEvent`; an `idempotencyKey` stands in the line.",
                },
                "example": batch_example(),
            }),
        )
        .answers_with(
            202,
            "Every event is on disk.",
            line("Lines with an `index`, from 0, and the members of `EventAccepted`."),
        )
        .answers_with(
            207,
            "Some are, and some were refused.",
            line("Lines with an `index`, from 0, and either the members of `EventAccepted` or an `error`, an `ApiError`."),
        )
        .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull])
}

fn stream() -> Operation {
    let id = || json!({ "type": "string", "pattern": "^evt_0[0-9a-hjkmnp-tv-z]{12}$" });
    Operation::new("GET /v2/campaign/{id}/events/stream", "streamEvents", "Follow a program's events")
        .tag(TAG)
        .about(
            "Server-sent events, from now on or from behind `after`, for as long as the connection stands; for developers' \
             machines, not for production. Each message has the event's id, and as its data a JSON object with `id`, \
             `event`, `createdAt`, and `body`, the bytes that a webhook gets, as a string. A message without data says that \
             everything up to its id was given. A key can have 10 open at a time, all keys of a team 25: beyond that the answer \
             is 429. When as many are open as the server can have, it is 503.",
        )
        .scope(Scope::Read)
        .parameter(in_path("id"))
        .parameter(in_query("after", "Only events accepted after this one.", id()))
        .parameter(in_query("events", "Only these events, by name, with commas between them.", json!({ "type": "string" })))
        .parameter(json!({
            "name": "Last-Event-ID",
            "in": "header",
            "description": "As `after`, and counts when both are there: browsers send it when they come back.",
            "schema": id(),
        }))
        .answers_with(
            200,
            "The stream.",
            json!({ "text/event-stream": { "schema": { "type": "string" } } }),
        )
        .fails(&[BadRequest, NotFound])
}

fn examples() -> Value {
    let examples = EventKind::ALL.map(|kind| {
        let example = json!({ "summary": kind.title(), "value": example(kind) });
        (kind.name().to_owned(), example)
    });
    Value::Object(examples.into_iter().collect())
}

fn batch_example() -> String {
    let line = |participant: &str| {
        let event = json!({
            "event": EventKind::NewParticipantAdded,
            "data": { "id": participant },
            "idempotencyKey": format!("joined-{participant}"),
        });
        format!("{event}\n")
    };
    line("p1") + &line("p2")
}
