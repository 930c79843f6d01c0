//! One call of the API: what it takes, what it answers, and what can go wrong.

pub use groundswell_types::Scope;
use serde_json::{Map, Value, json};

use crate::errors::{self, Errors};

/// A call.
#[derive(Debug)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    /// Its members in the document, but for the answers.
    members: Map<String, Value>,
    parameters: Vec<Value>,
    /// By status.
    answers: Map<String, Value>,
    scope: Option<Scope>,
}

/// A reference to a schema of the document.
pub fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[expect(clippy::needless_pass_by_value, reason = "what is described is made where it is handed over")]
impl Operation {
    /// `call` is a method and a path, `GET /v2/campaigns`; `id` is what generated clients call it.
    pub fn new(call: &'static str, id: &str, summary: &str) -> Self {
        let (method, path) = call.split_once(' ').expect("a call is a method and a path");
        let method = match method {
            "GET" => "get",
            "POST" => "post",
            "PUT" => "put",
            "PATCH" => "patch",
            "DELETE" => "delete",
            other => unreachable!("no call has the method {other}"),
        };
        let members = Map::from_iter([
            ("operationId".to_owned(), Value::from(id)),
            ("summary".to_owned(), summary.into()),
        ]);
        Self { method, path, members, parameters: Vec::new(), answers: Map::new(), scope: None }
    }

    /// The method as the document writes it.
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The path with its parameters in braces.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The group that it is shown in.
    pub fn tag(mut self, tag: &str) -> Self {
        self.members.insert("tags".to_owned(), json!([tag]));
        self
    }

    /// More than the summary.
    pub fn about(mut self, text: &str) -> Self {
        self.members.insert("description".to_owned(), text.into());
        self
    }

    /// It needs a key with this scope.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// It needs the admin key: whatever scopes another key has, it may not.
    pub fn operators_only(mut self) -> Self {
        self.members.insert("x-operators-only".to_owned(), true.into());
        self.scope(Scope::Admin)
    }

    /// A parameter, inline or by reference.
    pub fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Several of them.
    pub fn parameters(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// A JSON body that must be there.
    pub fn body(self, of: Value, example: Value) -> Self {
        self.body_of("application/json", true, json!({ "schema": of, "example": example }))
    }

    /// A JSON body that may be left out.
    pub fn optional_body(self, of: Value, example: Value) -> Self {
        self.body_of("application/json", false, json!({ "schema": of, "example": example }))
    }

    /// A body of some media type.
    pub fn body_of(mut self, media_type: &str, is_required: bool, content: Value) -> Self {
        let body = json!({ "required": is_required, "content": { media_type: content } });
        self.members.insert("requestBody".to_owned(), body);
        self
    }

    /// Answers JSON.
    pub fn answers(self, status: u16, text: &str, of: Value) -> Self {
        self.answers_with(status, text, json!({ "application/json": { "schema": of } }))
    }

    /// Answers what `content` says, by media type.
    pub fn answers_with(mut self, status: u16, text: &str, content: Value) -> Self {
        let mut headers = Map::from_iter([header("x-request-id", "RequestId")]);
        let is_limited = |resource: &&str| self.path.starts_with(*resource);
        if ["/v2/campaign", "/v2/api-keys", "/v2/teams", "/v2/incidents", "/v2/maintenances"]
            .iter()
            .any(is_limited)
        {
            headers.extend(errors::RATE_LIMIT_HEADERS.map(|(name, component)| header(name, component)));
        }
        let answer = json!({ "description": text, "headers": headers, "content": content });
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// A header of the last answer that was described.
    pub fn with_header(mut self, name: &str, component: &str) -> Self {
        if let Some((_, answer)) = self.answers.iter_mut().next_back() {
            answer["headers"][name] = json!({ "$ref": format!("#/components/headers/{component}") });
        }
        self
    }

    /// An answer without a body.
    pub fn answers_nothing(mut self, status: u16, text: &str) -> Self {
        let headers = Map::from_iter([header("x-request-id", "RequestId")]);
        self.answers.insert(status.to_string(), json!({ "description": text, "headers": headers }));
        self
    }

    /// From the last answer that was described one can go on: `parameter` of `operation` is at `expression` of it.
    pub fn leads_to(mut self, operation: &str, parameters: &[(&str, &str)]) -> Self {
        let parameters: Map<String, Value> = parameters
            .iter()
            .map(|(name, expression)| ((*name).to_owned(), Value::from(*expression)))
            .collect();
        if let Some((_, answer)) = self.answers.iter_mut().next_back() {
            answer["links"][operation] = json!({ "operationId": operation, "parameters": parameters });
        }
        self
    }

    /// What can go wrong beside what can go wrong with every call that needs a key.
    pub fn fails(mut self, errors: &[Errors]) -> Self {
        for error in errors {
            self.answers.insert(error.status().to_string(), error.reference());
        }
        // What can be too large can also be too slow.
        if errors.contains(&Errors::PayloadTooLarge) {
            let slow = Errors::RequestTimeout;
            self.answers.insert(slow.status().to_string(), slow.reference());
        }
        self
    }

    /// As it stands in the document.
    pub fn description(mut self) -> Value {
        if let Some(scope) = self.scope {
            let with_key = [
                Errors::Unauthorized,
                Errors::Forbidden,
                Errors::RateLimit,
                Errors::Internal,
                Errors::Overloaded,
            ];
            self = self.fails(&with_key);
            // Events are accepted by whichever server is asked.
            if scope != Scope::Events {
                self = self.fails(&[Errors::OutcomeUnknown]);
            }
            self.members.insert("security".to_owned(), json!([{ "apiKey": [scope.as_str()] }]));
        } else {
            self.members.insert("security".to_owned(), json!([]));
        }
        if !self.parameters.is_empty() {
            self.members.insert("parameters".to_owned(), self.parameters.into());
        }
        let mut answers: Vec<(String, Value)> = self.answers.into_iter().collect();
        answers.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.members.insert("responses".to_owned(), Map::from_iter(answers).into());
        self.members.into()
    }
}

fn header(name: &str, component: &str) -> (String, Value) {
    (name.to_owned(), json!({ "$ref": format!("#/components/headers/{component}") }))
}
