//! An OpenID provider that does what it is told, be it wrong: what OpenID Connect Core 1.0 says of its answers is done by
//! openidconnect's types, which a real provider's answers are read with elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::receiver::{Reaction, Receiver, Reply, Request};
use crate::waiting::now_ms;

pub const CLIENT: &str = "groundswell";
pub const SECRET: &str = "the-client-secret-of-these-tests";

/// What it answers with, which tests change.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Claims of the ID token that are not what they should be; null takes one away.
    pub claims: Value,
    /// The number of the key that signs, and of the one it shows.
    pub signs: u8,
    pub shows: u8,
    /// What the endpoint for user information says besides the subject.
    pub user_info: Value,
    /// What it says of itself that is not what it should be.
    pub metadata: Value,
    /// In the place of the answer to a code.
    pub token: Option<Reaction>,
    /// In the place of what is signed.
    pub forged: Option<fn(&str) -> String>,
}

impl Default for Answers {
    fn default() -> Self {
        let claims = json!({ "email": "ada@example.com", "email_verified": true, "name": "Ada" });
        Self {
            claims,
            signs: 1,
            shows: 1,
            user_info: json!({}),
            metadata: json!({}),
            token: None,
            forged: None,
        }
    }
}

/// A code that was given and not yet brought.
struct Given {
    nonce: String,
    challenge: String,
    redirect: String,
}

struct Shared {
    issuer: String,
    answers: Answers,
    codes: HashMap<String, Given>,
    number: usize,
}

/// A listening provider.
pub struct Provider {
    receiver: Receiver,
    shared: Arc<Mutex<Shared>>,
}

impl Provider {
    pub fn start() -> Self {
        let receiver = Receiver::start();
        let issuer = receiver.url("");
        let answers = Answers::default();
        let shared = Arc::new(Mutex::new(Shared { issuer, answers, codes: HashMap::new(), number: 0 }));
        let own = Arc::clone(&shared);
        receiver.behave(move |request| own.lock().expect("no panic under the lock").react(request));
        Self { receiver, shared }
    }

    pub fn issuer(&self) -> String {
        self.receiver.url("")
    }

    /// How often it was asked for that path.
    pub fn asked(&self, path: &str) -> usize {
        self.receiver.requests().iter().filter(|request| request.path == path).count()
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.receiver.requests()
    }

    pub fn answer(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.shared.lock().expect("no panic under the lock").answers);
    }

    /// Has somebody say who they are there: the address they are sent back to.
    pub fn say_yes(&self, address: &str) -> String {
        let query = query_of(address.split_once('?').expect("a query").1);
        let mut shared = self.shared.lock().expect("no panic under the lock");
        assert!(address.starts_with(&format!("{}/authorize?", shared.issuer)), "{address}");
        assert_eq!((query["client_id"].as_str(), query["response_type"].as_str()), (CLIENT, "code"));
        assert_eq!(
            (query["scope"].as_str(), query["code_challenge_method"].as_str()),
            ("openid email profile", "S256")
        );
        shared.number += 1;
        let code = format!("code-{}", shared.number);
        let given = Given {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect: query["redirect_uri"].clone(),
        };
        shared.codes.insert(code.clone(), given);
        format!("{}?code={code}&state={}", query["redirect_uri"], query["state"])
    }
}

/// The parts of a query or a form.
pub fn query_of(text: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

impl Shared {
    fn react(&mut self, request: &Request) -> Reaction {
        match request.path.as_str() {
            "/.well-known/openid-configuration" => json_reply(&self.metadata()),
            "/keys" => {
                let key = key(self.answers.shows).as_verification_key();
                let set = CoreJsonWebKeySet::new(vec![key]);
                json_reply(&serde_json::to_value(set).expect("keys"))
            }
            "/token" => self.answers.token.clone().unwrap_or_else(|| self.token(request)),
            "/userinfo" => {
                assert_eq!(header(request, "authorization"), Some("Bearer an-access-token"));
                json_reply(&merged(json!({ "sub": "ada" }), &self.answers.user_info))
            }
            _ => 404.into(),
        }
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        });
        merged(metadata, &self.answers.metadata)
    }

    /// RFC 6749, section 4.1.3, with RFC 7636, section 4.6.
    fn token(&mut self, request: &Request) -> Reaction {
        let form = query_of(std::str::from_utf8(&request.body).expect("a form"));
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
        assert_eq!(header(request, "authorization"), Some(basic.as_str()));
        let Some(given) = self.codes.remove(&form["code"]) else {
            let mut reply = json_body(&json!({ "error": "invalid_grant" }));
            reply.status = 400;
            return Reaction::Answer(reply);
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
        assert_eq!((challenge, &form["redirect_uri"]), (given.challenge, &given.redirect));
        let now_s = now_ms() / 1000;
        let claims = json!({
            "iss": self.issuer, "sub": "ada", "aud": CLIENT, "iat": now_s, "exp": now_s + 300, "nonce": given.nonce,
        });
        let claims: CoreIdTokenClaims =
            serde_json::from_value(merged(claims, &self.answers.claims)).expect("claims");
        let signs = key(self.answers.signs);
        let token = CoreIdToken::new(claims, &signs, CoreJwsSigningAlgorithm::EdDsa, None, None);
        let token = token.expect("a token").to_string();
        let token = self.answers.forged.map_or(token.clone(), |forge| forge(&token));
        json_reply(&json!({ "access_token": "an-access-token", "token_type": "Bearer", "id_token": token }))
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn merged(mut base: Value, changes: &Value) -> Value {
    let all = base.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    base
}

fn json_body(value: &Value) -> Reply {
    let reply = Reply::status(200).header("content-type", "application/json");
    Reply { body: value.to_string().into_bytes(), ..reply }
}

fn json_reply(value: &Value) -> Reaction {
    Reaction::Answer(json_body(value))
}

/// An Ed25519 key in the form of RFC 8410, section 7, whose secret is that number.
fn key(number: u8) -> CoreEdDsaPrivateSigningKey {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let der = [&head[..], &[number; 32]].concat();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    let id = JsonWebKeyId::new(format!("key-{number}"));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(id)).expect("a key")
}
