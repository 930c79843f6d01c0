//! What other sites can make a signed-in browser do here: lead it to a page, and nothing else.

use crate::browser::Browser;
use crate::server::{QUICK_RETRY, Server};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PUBLIC: &str = "https://groundswell.example";

type Headers = &'static [(&'static str, &'static str)];

/// What a browser says of a request that another site made, and what an attacker may say on top. `{here}` is the
/// server's own host.
const FOREIGN: [Headers; 11] = [
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "same-site"), ("origin", "https://other.groundswell.example")],
    // A frame in a sandbox, or a page from a file.
    &[("sec-fetch-site", "cross-site"), ("origin", "null")],
    &[("origin", "null")],
    &[("origin", "https://evil.example")],
    &[("origin", "https://other.groundswell.example")],
    &[("origin", "https://groundswell.example.evil.example")],
    &[("origin", "https://groundswell.example:8443")],
    // Somebody on the way who passes for the host without TLS.
    &[("origin", "http://groundswell.example")],
    &[("origin", "https://groundswell.example"), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
];

const OWN: [Headers; 4] = [
    &[("sec-fetch-site", "same-origin"), ("origin", "https://groundswell.example")],
    &[("origin", "https://groundswell.example")],
    &[("sec-fetch-site", "none")],
    &[],
];

fn server() -> Server {
    Server::with(&[&QUICK_RETRY[..], &[("GROUNDSWELL_PUBLIC_URL", PUBLIC)]].concat())
}

fn programs(server: &Server) -> usize {
    server.client().get("/v2/campaigns").ok()["campaigns"].as_array().expect("a list").len()
}

#[test]
fn nothing_is_changed_for_another_site() {
    let server = server();
    let browser = Browser::signed_in(&server);
    let program = server.client().program("REFERRAL");
    let to_all = [
        ("POST /", "type=REFERRAL"),
        ("POST /sign-in", "token=of-the-attacker"),
        ("POST /sign-out", ""),
        ("POST /language", "language=de&back=%2F"),
        ("POST /settings/api-keys", "intent=create&name=k&scope=read"),
        ("POST /programs/{id}/inbox", "intent=clear"),
        ("POST /programs/{id}/options/webhooks", "intent=add"),
        ("POST /_fn/get_programs", "{}"),
        ("POST /no/such/page", ""),
        ("PUT /", ""),
        ("DELETE /programs/{id}/options", ""),
    ];
    for foreign in FOREIGN {
        for (line, body) in to_all {
            // Text is what a form of another site can send without asking first; the body is JSON for all that.
            for kind in [FORM, ("content-type", "text/plain"), ("content-type", "application/json")] {
                let line = line.replace("{id}", &program);
                let head = browser.ask(&line, &[&[kind], foreign].concat(), body);
                assert_eq!(head.status, 403, "{line} {foreign:?}");
                assert_eq!(head.get("set-cookie"), None, "{line}");
            }
        }
    }
    assert_eq!(programs(&server), 1);
    for (made, own) in OWN.into_iter().enumerate() {
        assert_eq!(browser.ask("POST /", &[&[FORM], own].concat(), "type=REFERRAL").status, 303, "{own:?}");
        assert_eq!(programs(&server), made + 2);
    }
}

#[test]
fn nobody_is_signed_in_by_another_site() {
    let server = server();
    let link = server.client().post("/v2/sign-in-links", &serde_json::json!({})).ok();
    let token = link["url"].as_str().and_then(|url| url.split_once("token=")).expect("a token").1.to_owned();
    let nobody = Browser::signed_out(&server);
    for foreign in FOREIGN {
        let head = nobody.ask("POST /sign-in", &[&[FORM], foreign].concat(), &format!("token={token}"));
        assert_eq!((head.status, head.get("set-cookie")), (403, None), "{foreign:?}");
    }
    let head = nobody.ask("POST /sign-in", &[FORM], &format!("token={token}"));
    assert_eq!(head.status, 303, "the link is as good as before");
}

#[test]
fn other_sites_lead_to_pages_but_load_none() {
    let server = server();
    let browser = Browser::signed_in(&server);
    let program = server.client().program("REFERRAL");
    let paths = [
        "/".to_owned(),
        format!("/programs/{program}/deliveries"),
        format!("/programs/{program}/deliveries/export?format=csv"),
        format!("/programs/{program}/live"),
        "/programs/live".to_owned(),
        "/settings/api-keys".to_owned(),
    ];
    for path in &paths {
        for site in ["cross-site", "same-site"] {
            let ask = |mode, dest| {
                let headers = [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
                browser.ask(&format!("GET {path}"), &headers, "").status
            };
            for (mode, dest) in [
                ("no-cors", "image"),
                ("no-cors", "script"),
                ("cors", "empty"),
                ("navigate", "object"),
                ("navigate", "embed"),
                ("websocket", "websocket"),
            ] {
                assert_eq!(ask(mode, dest), 403, "{path} {site} {mode} {dest}");
            }
            assert_eq!(ask("navigate", "document"), 200, "{path} {site}");
        }
        assert_eq!(
            browser.ask(&format!("GET {path}"), &[("origin", "https://evil.example")], "").status,
            403,
            "{path}"
        );
        let own =
            [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
        assert_eq!(browser.ask(&format!("GET {path}"), &own, "").status, 200, "{path}");
    }
}

#[test]
fn reading_changes_nothing_whatever_the_method_is_said_to_be() {
    let server = server();
    let browser = Browser::signed_in(&server);
    let before = server.client().get("/v2/api-keys").ok();
    let forms = [
        "/?type=REFERRAL",
        "/sign-out",
        "/language?language=de",
        "/settings/api-keys?intent=create&name=k&scope=read",
    ];
    let functions = ["/_fn/create_program?name=x&kind=REFERRAL", "/_fn/get_programs"];
    for override_name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        for path in forms {
            for method in ["GET", "HEAD"] {
                let head =
                    browser.ask(&format!("{method} {path}&_method=POST"), &[(override_name, "POST")], "");
                assert_eq!(head.get("set-cookie"), None, "{method} {path}");
            }
        }
        for path in functions {
            let head = browser.ask(&format!("GET {path}"), &[(override_name, "POST")], "");
            assert_eq!(head.status, 405, "{path}");
        }
    }
    assert_eq!(programs(&server), 0);
    assert_eq!(server.client().get("/v2/api-keys").ok(), before);
    assert_eq!(browser.ask("GET /settings/api-keys", &[], "").status, 200, "and nobody is signed out");
}

#[test]
fn no_answer_lets_another_origin_in() {
    let server = server();
    let browser = Browser::signed_in(&server);
    let program = server.client().program("REFERRAL");
    for path in [
        "/",
        "/sign-in",
        "/_fn/get_programs",
        "/programs/live",
        "/docs",
        "/v2/campaigns",
        "/v2/api-keys",
        "/healthz",
    ] {
        let preflight = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization, content-type"),
        ];
        let head = browser.ask(&format!("OPTIONS {path}"), &preflight, "");
        assert!(!(200..300).contains(&head.status), "{path}: {head:?}");
        let allows = head.fields.iter().any(|(name, _)| name.starts_with("access-control-"));
        assert!(!allows, "{path}: {head:?}");
    }
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for path in ["/".to_owned(), "/programs/live".to_owned(), format!("/programs/{program}/live")] {
        assert_ne!(browser.ask(&format!("GET {path}"), &upgrade, "").status, 101, "{path}");
    }
}
