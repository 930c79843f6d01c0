//! What every kind of answer tells browsers: all headers that protect, and nothing else that would weaken them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::{Browser, Head};
use crate::server::{ADMIN_KEY, QUICK_RETRY, Server};

const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
const DOCUMENTATION: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                             frame-ancestors 'none'";
const SETTINGS: &str = "default-src 'none'; script-src 'nonce-…'; style-src 'self'; img-src 'self'; form-action 'self'; \
                        base-uri 'none'; frame-ancestors 'none'";
const APP: &str = "default-src 'none'; script-src 'nonce-…' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'; \
                   img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const PICTURE: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const DENIED: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), \
                      display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), \
                      hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), \
                      microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), \
                      publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), sync-xhr=(), \
                      usb=(), window-management=(), xr-spatial-tracking=()";

const NO_STORE: &str = "no-store";
const PRIVATE: &str = "private, no-store";
const PAGE: &str = "private, no-cache";
const STATUS: &str = "public, max-age=15, stale-while-revalidate=60";
const STREAM: &str = "no-store, no-transform";

/// To whom an answer goes, with what it may do and how long it is kept.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A page, or what pages load.
    Browser(&'static str, &'static str),
    /// Everything that pages have no part in.
    Program(&'static str),
    /// The description of the API, which any page may read.
    Public(&'static str),
    /// The answer to an event.
    Event,
}

/// A request, and what its answer is to be.
type Row = (&'static str, u16, Kind);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// `{…}` are filled in.
const GETS: &[Row] = &[
    ("GET /", 200, Kind::Browser(APP, PAGE)),
    ("GET /sign-in", 200, Kind::Browser(SETTINGS, PRIVATE)),
    ("GET /programs/{id}/options", 200, Kind::Browser(APP, PAGE)),
    ("GET /programs/{id}/options/webhooks", 200, Kind::Browser(APP, PAGE)),
    ("GET /programs/{id}/options/webhooks/history", 200, Kind::Browser(APP, PAGE)),
    ("GET /programs/{id}/deliveries", 200, Kind::Browser(APP, PAGE)),
    ("GET /programs/{id}/inbox", 200, Kind::Browser(APP, PAGE)),
    ("GET /programs/none/options", 404, Kind::Browser(APP, PAGE)),
    ("GET /no/such/page", 404, Kind::Browser(APP, PAGE)),
    ("GET /settings/api-keys", 200, Kind::Browser(SETTINGS, PRIVATE)),
    ("GET /status", 200, Kind::Browser(DOCUMENTATION, PRIVATE)),
    ("GET /programs/live", 200, Kind::Browser(NOTHING, STREAM)),
    ("GET /programs/{id}/live", 200, Kind::Browser(NOTHING, STREAM)),
    ("GET /programs/none/live", 404, Kind::Browser(NOTHING, PRIVATE)),
    ("GET /programs/{id}/deliveries/export?format=csv", 200, Kind::Browser(NOTHING, PRIVATE)),
    ("GET /programs/{id}/deliveries/export?format=pdf", 404, Kind::Browser(NOTHING, PRIVATE)),
    ("GET /_fn/get_programs", 405, Kind::Browser(NOTHING, PRIVATE)),
    ("GET {js}", 200, Kind::Browser(NOTHING, "public, max-age=31536000, immutable")),
    ("GET {wasm}", 200, Kind::Browser(NOTHING, "public, max-age=31536000, immutable")),
    ("GET {css}", 200, Kind::Browser(NOTHING, "public, max-age=31536000, immutable")),
    ("GET {texts}", 200, Kind::Browser(NOTHING, "public, max-age=31536000, immutable")),
    ("GET /favicon.svg", 200, Kind::Browser(PICTURE, "public, max-age=3600")),
    ("GET /robots.txt", 200, Kind::Browser(NOTHING, "public, max-age=3600")),
    ("GET /docs", 200, Kind::Browser(DOCUMENTATION, "public, no-cache")),
    ("GET /docs/search?q=%3Cscript%3E", 200, Kind::Browser(DOCUMENTATION, "public, no-cache")),
    ("GET /docs/none", 404, Kind::Browser(DOCUMENTATION, "public, no-cache")),
    ("GET /docs/", 308, Kind::Browser(NOTHING, PRIVATE)),
    ("GET /docs/security.md", 200, Kind::Browser(DOCUMENTATION, "public, no-cache")),
    ("GET /llms.txt", 200, Kind::Browser(DOCUMENTATION, "public, no-cache")),
    ("POST /docs", 405, Kind::Browser(NOTHING, PRIVATE)),
    ("OPTIONS /", 405, Kind::Browser(NOTHING, PRIVATE)),
    ("GET /v2/campaigns", 200, Kind::Program(NO_STORE)),
    ("GET /v2/campaign/{id}/webhooks", 200, Kind::Program(NO_STORE)),
    ("GET /v2/campaign/{id}/events/stream", 200, Kind::Program(STREAM)),
    ("GET /v2/campaign/{id}/deliveries/export?format=csv", 200, Kind::Program(PRIVATE)),
    ("GET /v2/none", 404, Kind::Program(NO_STORE)),
    ("PUT /v2/campaigns", 405, Kind::Program(NO_STORE)),
    ("OPTIONS /v2/campaigns", 405, Kind::Program(NO_STORE)),
    ("GET /v2/openapi.json", 200, Kind::Public("public, max-age=300")),
    ("GET /v2/schemas/CAMPAIGN_ENDED.json", 200, Kind::Public("public, max-age=300")),
    ("GET /api/v2/summary.json", 200, Kind::Public(STATUS)),
    ("GET /api/v2/scheduled-maintenances/active.json", 200, Kind::Public(STATUS)),
    ("GET /status/history.rss", 200, Kind::Public(STATUS)),
    ("GET /status/history.atom", 200, Kind::Public(STATUS)),
    ("GET /settings/status", 200, Kind::Browser(SETTINGS, PRIVATE)),
    ("GET /status/incidents/none", 404, Kind::Browser(DOCUMENTATION, PRIVATE)),
    ("GET {inbox}", 200, Kind::Program(NO_STORE)),
    ("OPTIONS {inbox}", 204, Kind::Program(NO_STORE)),
    ("DELETE {inbox}", 405, Kind::Program(NO_STORE)),
    ("POST {inbox}", 200, Kind::Program(NO_STORE)),
    ("POST /inbox/none", 404, Kind::Program(NO_STORE)),
    ("GET /healthz", 200, Kind::Program(NO_STORE)),
    ("GET /readyz", 200, Kind::Program(NO_STORE)),
    ("GET /healthz/none", 404, Kind::Browser(APP, PAGE)),
];

const POSTS: &[(Row, &str)] = &[
    (("POST /language", 303, Kind::Browser(NOTHING, PRIVATE)), "language=de&back=%2F"),
    (("POST /language", 404, Kind::Browser(APP, PAGE)), "language=xx&back=%2F"),
    (("POST /settings/api-keys", 200, Kind::Browser(SETTINGS, PRIVATE)), "intent=create&name=k&scope=read"),
    (("POST /", 422, Kind::Browser(APP, PAGE)), "type=NONE"),
];

const EVENT: &str = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

/// Everything that says what browsers may do, and whatever would allow another origin something.
fn protecting(head: &Head) -> BTreeMap<String, String> {
    const NAMES: [&str; 7] = [
        "content-security-policy",
        "permissions-policy",
        "referrer-policy",
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "cache-control",
    ];
    let is_one = |name: &str| {
        NAMES.contains(&name) || name.starts_with("cross-origin-") || name.starts_with("access-control-")
    };
    let named = head.fields.iter().filter(|(name, _)| is_one(name));
    named.map(|(name, _)| (name.clone(), without_nonce(head.get(name).expect("it is there")))).collect()
}

fn without_nonce(value: &str) -> String {
    match value.split_once("'nonce-") {
        None => value.to_owned(),
        Some((before, rest)) => {
            let (nonce, after) = rest.split_once('\'').expect("an end");
            assert_eq!(nonce.len(), 22, "128 bits: {nonce}");
            format!("{before}'nonce-…'{after}")
        }
    }
}

fn wanted(kind: Kind, reached: Reached) -> BTreeMap<String, String> {
    let mut wanted = vec![("x-content-type-options", "nosniff")];
    if reached == Reached::OverHttps {
        wanted.push(("strict-transport-security", "max-age=63072000"));
    }
    let (policy, caching) = match kind {
        Kind::Browser(policy, caching) => (policy, caching),
        Kind::Program(caching) | Kind::Public(caching) => (NOTHING, caching),
        Kind::Event => ("", ""),
    };
    if !matches!(kind, Kind::Event) {
        wanted.extend([
            ("content-security-policy", policy),
            ("cache-control", caching),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ]);
    }
    match kind {
        Kind::Browser(..) => {
            wanted.extend([("cross-origin-opener-policy", "same-origin"), ("permissions-policy", DENIED)]);
        }
        Kind::Public(_) => {
            wanted.extend([("access-control-allow-origin", "*"), ("access-control-expose-headers", "etag")]);
        }
        Kind::Program(_) | Kind::Event => {}
    }
    wanted.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What the server's public URL begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    OverHttp,
    OverHttps,
}

/// A server with a program, and how a row's path is filled in for it.
struct Fixture {
    server: Server,
    browser: Browser,
    reached: Reached,
    places: Vec<(&'static str, String)>,
}

impl Fixture {
    fn new(reached: Reached) -> Self {
        let settings: &[_] = match reached {
            Reached::OverHttp => &[],
            Reached::OverHttps => &[("GROUNDSWELL_PUBLIC_URL", "https://groundswell.example")],
        };
        let server = Server::with(&[&QUICK_RETRY[..], settings].concat());
        let browser = Browser::signed_in(&server);
        let client = server.client();
        let program = client.program("REFERRAL");
        let inbox = client.get(&format!("/v2/campaign/{program}/inbox")).ok()["url"]
            .as_str()
            .expect("a URL")
            .to_owned();
        let inbox = inbox[inbox.find("/inbox/").expect("its path")..].to_owned();
        let site = Path::new(env!("CARGO_BIN_EXE_groundswell")).with_file_name("site");
        let manifest =
            std::fs::read(site.join("manifest.json")).expect("`cargo xtask build --debug` makes the site");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let file = |name: &str| manifest[name].as_str().expect("a path").to_owned();
        let places = vec![
            ("{id}", program),
            ("{inbox}", inbox),
            ("{js}", file("js")),
            ("{wasm}", file("wasm")),
            ("{css}", file("css")),
            ("{texts}", manifest["texts"][0].as_str().expect("a path").to_owned()),
        ];
        Self { server, browser, reached, places }
    }

    fn line(&self, line: &str) -> String {
        self.places.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value))
    }

    fn check(&self, (line, status, kind): Row, headers: &[(&str, &str)], body: &str) {
        let head = self.browser.ask(&self.line(line), headers, body);
        assert_eq!(head.status, status, "{line}: {head:?}");
        assert_eq!(protecting(&head), wanted(kind, self.reached), "{line}");
        assert!(head.get("x-request-id").is_some(), "{line}");
    }

    fn check_all(&self) {
        let key = format!("Bearer {ADMIN_KEY}");
        let with_key = [("authorization", key.as_str())];
        for row in GETS {
            let headers = if row.0.contains(" /v2/") { &with_key[..] } else { &[] };
            self.check(*row, headers, "");
        }
        for (row, form) in POSTS {
            self.check(*row, &[FORM], form);
        }
        let json = [with_key[0], ("content-type", "application/json")];
        self.check(("POST /_fn/get_programs", 200, Kind::Browser(NOTHING, PRIVATE)), &json[1..], "{}");
        self.check(("POST /_fn/none", 400, Kind::Browser(NOTHING, PRIVATE)), &json[1..], "{}");
        let elsewhere = [FORM, ("sec-fetch-site", "cross-site")];
        self.check(("POST /sign-in", 403, Kind::Browser(NOTHING, PRIVATE)), &elsewhere, "token=none");
        self.check(("GET /v2/campaigns", 401, Kind::Program(NO_STORE)), &[], "");
        self.check(("POST /v2/campaign/{id}/events", 202, Kind::Event), &json, EVENT);
        self.check(("POST /v2/campaign/{id}/events/batch", 202, Kind::Event), &json, EVENT);
        self.check(("POST /v2/campaign/{id}/events", 401, Kind::Event), &json[1..], EVENT);
        self.check(("POST /v2/campaign/{id}/events", 400, Kind::Event), &json, "{}");
        // A key that is in the answer to its making.
        let new = json!({ "name": "k", "scopes": ["read"] }).to_string();
        self.check(("POST /v2/api-keys", 200, Kind::Program(NO_STORE)), &json, &new);
        let nobody = Browser::signed_out(&self.server);
        assert_eq!(nobody.ask("GET /programs/live", &[], "").status, 401);
        let export = nobody.ask(&self.line("GET /programs/{id}/deliveries/export?format=csv"), &[], "");
        assert_eq!((export.status, export.get("location")), (303, Some("/sign-in")));
        assert_eq!(export.get("cache-control"), Some(PRIVATE));
    }
}

#[test]
fn every_kind_of_answer_has_exactly_the_headers_that_protect_it() {
    Fixture::new(Reached::OverHttp).check_all();
}

#[test]
fn behind_tls_browsers_are_told_to_stay_there_and_cookies_are_of_this_host_alone() {
    let fixture = Fixture::new(Reached::OverHttps);
    fixture.check_all();
    assert!(fixture.browser.cookie.starts_with("__Host-groundswell_session="), "{}", fixture.browser.cookie);
    let choice = fixture.browser.ask("POST /language", &[FORM], "language=de&back=%2F");
    let cookie = choice.get("set-cookie").expect("it is remembered");
    assert!(cookie.starts_with("__Host-groundswell_language=de; Path=/; HttpOnly; "), "{cookie}");
    assert!(cookie.contains("; Secure"), "{cookie}");
    let out = fixture.browser.ask("POST /sign-out", &[FORM], "");
    let cookie = out.get("set-cookie").expect("it is forgotten");
    assert!(cookie.starts_with("__Host-groundswell_session=; ") && cookie.contains("Max-Age=0"), "{cookie}");
}

#[test]
fn no_two_answers_have_the_same_nonce() {
    let fixture = Fixture::new(Reached::OverHttp);
    let policy =
        || fixture.browser.ask("GET /", &[], "").get("content-security-policy").expect("a policy").to_owned();
    assert_ne!(policy(), policy());
    let page = fixture.browser.page("/");
    let policy =
        page.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).expect("a policy");
    let nonce = policy.split_once("'nonce-").and_then(|(_, rest)| rest.split_once('\'')).expect("a nonce").0;
    let scripts: Vec<&str> = page.split("<script").skip(1).collect();
    assert!(scripts.len() > 1, "{page}");
    for script in scripts {
        let tag = script.split('>').next().expect("a tag");
        assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{tag}");
    }
}
