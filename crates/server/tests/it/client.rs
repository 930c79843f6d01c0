//! A client of the REST API that knows nothing of the server's types.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request};

/// Calls one server with one key.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// A call with everything that can be wrong about it.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Client {
    /// A client that opens a connection per call, so that no call can hit one that is just being closed.
    pub fn new(base: &str, key: &str) -> Self {
        Self::with_idle_connections(base, key, 0)
    }

    /// A client that keeps its connections.
    pub fn keeping_connections(base: &str, key: &str) -> Self {
        Self::with_idle_connections(base, key, 4)
    }

    fn with_idle_connections(base: &str, key: &str, idle: usize) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(idle)
            .max_idle_connections_per_host(idle)
            .timeout_global(Some(Duration::from_mins(1)))
            .proxy(None)
            .build();
        Self {
            agent: config.new_agent(),
            base: base.to_owned(),
            authorization: Some(format!("Bearer {key}")),
        }
    }

    /// The same without, or with another, `Authorization` header.
    pub fn authorized_by(&self, authorization: Option<&str>) -> Self {
        Self { authorization: authorization.map(str::to_owned), ..self.clone() }
    }

    /// Makes the call; an error means that nobody knows whether the server has seen it.
    pub fn try_send(&self, call: Call<'_>) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(call.method).uri(format!("{}{}", self.base, call.path));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let mut response = if call.body.is_empty() && matches!(call.method, "GET" | "DELETE") {
            self.agent.run(request.body(()).expect("a valid request"))?
        } else {
            self.agent.run(request.body(call.body).expect("a valid request"))?
        };
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), text })
    }

    /// Makes the call; the server must answer.
    pub fn send(&self, call: Call<'_>) -> Answer {
        self.try_send(call).unwrap_or_else(|error| panic!("{} {}: {error}", call.method, call.path))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(Call { method: "GET", path, headers: &[], body: &[] })
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send(Call { method: "DELETE", path, headers: &[], body: &[] })
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string(), &[])
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        let headers = &[("content-type", "application/json")];
        self.send(Call { method: "PATCH", path, headers, body: body.to_string().as_bytes() })
    }

    /// Posts JSON as it stands.
    pub fn post_text(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Call { method: "POST", path, headers: &all, body: body.as_bytes() })
    }

    /// Posts one event a line.
    pub fn post_lines(&self, program: &str, lines: &str) -> Answer {
        let path = &format!("/v2/campaign/{program}/events/batch");
        let headers = &[("content-type", "application/x-ndjson")];
        self.send(Call { method: "POST", path, headers, body: lines.as_bytes() })
    }

    /// Creates a program and returns its id.
    pub fn program(&self, kind: &str) -> String {
        let program = self.post("/v2/campaigns", &json!({ "type": kind, "name": "Pied Piper" })).ok();
        program["id"].as_str().expect("a program has an id").to_owned()
    }

    /// Creates an enabled webhook and returns its id. `more` is added to what is posted, or replaces it.
    pub fn webhook(&self, program: &str, url: &str, more: Value) -> String {
        let mut webhook =
            json!({ "payloadUrl": url, "events": ["NEW_PARTICIPANT_ADDED"], "isEnabled": true });
        if let Value::Object(members) = more {
            webhook.as_object_mut().expect("an object").extend(members);
        }
        let made = self.post(&format!("/v2/campaign/{program}/webhooks"), &webhook).ok();
        made["id"].as_str().expect("a webhook has an id").to_owned()
    }

    /// The webhook as the list shows it.
    pub fn webhook_view(&self, program: &str, id: &str) -> Value {
        let list = self.get(&format!("/v2/campaign/{program}/webhooks")).ok();
        let webhooks = list["webhooks"].as_array().expect("a list");
        webhooks.iter().find(|webhook| webhook["id"] == id).cloned().unwrap_or(Value::Null)
    }

    /// Posts that a participant joined, and returns the event's id.
    pub fn join(&self, program: &str, participant: &str) -> String {
        let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": participant } });
        let answer = self.post(&format!("/v2/campaign/{program}/events"), &event);
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()["id"].as_str().expect("an accepted event has an id").to_owned()
    }

    /// The program's deliveries, newest first.
    pub fn deliveries(&self, program: &str, query: &str) -> Vec<Value> {
        let page = self.get(&format!("/v2/campaign/{program}/deliveries{query}")).ok();
        page["deliveries"].as_array().cloned().expect("a list")
    }

    /// The only delivery of `event`, in full.
    pub fn delivery_of(&self, program: &str, event: &str) -> Value {
        let all = self.deliveries(program, "");
        let of_event: Vec<&Value> = all.iter().filter(|delivery| delivery["eventId"] == event).collect();
        let [delivery] = of_event[..] else { panic!("not one delivery of {event}: {of_event:?}") };
        let id = delivery["id"].as_str().expect("a delivery has an id");
        self.get(&format!("/v2/campaign/{program}/deliveries/{id}")).ok()
    }
}

/// What was answered to one line of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchLine {
    Accepted { id: String, duplicate: bool },
    Refused { status: i64, code: String, pointers: Vec<String> },
}

impl Answer {
    /// The answer to a batch, line by line.
    pub fn batch(&self) -> Vec<BatchLine> {
        assert!(matches!(self.status, 202 | 207), "{} {}", self.status, self.text);
        let lines = self.text.lines().enumerate().map(|(at, line)| {
            let line: Value = serde_json::from_str(line).expect("each line is JSON");
            assert_eq!(line["index"], at, "answers are in the order of the events");
            BatchLine::of(&line)
        });
        let lines: Vec<BatchLine> = lines.collect();
        let is_complete = lines.iter().all(|line| matches!(line, BatchLine::Accepted { .. }));
        assert_eq!(self.status == 202, is_complete, "{}", self.text);
        lines
    }

    /// The answer as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The JSON of an answer that must be a success.
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.json()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks that this is an error with `status` and `code` in the documented shape; returns the pointers of what
    /// is wrong with the input.
    pub fn refused(&self, status: u16, code: &str) -> Vec<String> {
        assert_eq!(self.status, status, "{}", self.text);
        let error = self.json();
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["status"], status, "{error}");
        for text in ["name", "message", "supportUrl"] {
            assert!(error[text].as_str().is_some_and(|text| !text.is_empty()), "no {text} in {error}");
        }
        let age_ms = crate::waiting::now_ms() - error["timestamp"].as_i64().expect("a timestamp");
        assert!((-1000..60_000).contains(&age_ms), "{error}");
        assert!(self.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
        let problems = error["errors"].as_array().cloned().unwrap_or_default();
        for problem in &problems {
            assert!(problem["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
        problems.iter().map(|problem| problem["pointer"].as_str().expect("a pointer").to_owned()).collect()
    }
}

impl BatchLine {
    fn of(line: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let error = &line["error"];
        if error.is_null() {
            return Self::Accepted {
                id: text(&line["id"]),
                duplicate: line["duplicate"].as_bool().expect("a boolean"),
            };
        }
        let problems = error["errors"].as_array().cloned().unwrap_or_default();
        Self::Refused {
            status: error["status"].as_i64().expect("a number"),
            code: text(&error["code"]),
            pointers: problems.iter().map(|problem| text(&problem["pointer"])).collect(),
        }
    }
}
