//! System Status, from outside: the page that everybody sees, after what happens to a server.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{Answer, Call, Client};
use crate::receiver::{Reaction, Receiver};
use crate::server::{ADMIN_KEY, NO_BREAKER, QUICK_RETRY, Server, on};
use crate::waiting;

/// The components as the page calls them.
pub const COMPONENTS: [&str; 5] = ["Accepting events", "Delivering", "Retry queue", "Program Editor", "API"];

/// A heartbeat is written every ten seconds, so a crash seems so much longer.
const BEAT: Duration = Duration::from_secs(10);

/// The page as somebody sees it who is not signed in.
pub fn page(client: &Client) -> String {
    let answer = client.authorized_by(None).get("/status");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// How a component is, as a tone: `ok`, `warn` or `error`.
pub fn tone<'a>(page: &'a str, component: &str) -> &'a str {
    let line = page.split_once(&format!("<h3>{component}<")).expect("it is on the page").1;
    line.split_once("data-tone=\"").and_then(|(_, rest)| rest.split_once('"')).expect("it has a tone").0
}

/// When the page was true, as it says.
fn as_of(page: &str) -> String {
    page.split_once("<time datetime=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .expect("it says")
        .0
        .to_owned()
}

/// What the table of days says of accepting events today.
pub fn today(page: &str) -> String {
    // None until the first heartbeat is written.
    let Some((_, row)) = page.split_once("scope=\"row\"") else { return String::new() };
    let cell = row.split_once("<td>").and_then(|(_, rest)| rest.split_once('<')).expect("it has cells").0;
    cell.to_owned()
}

/// The seconds of `down 1 min 3 s`.
fn down_s(said: &str) -> u64 {
    let words: Vec<&str> = said.strip_prefix("down ").expect("there was a downtime").split(' ').collect();
    let parts = words.chunks(2).map(|pair| {
        let number: u64 = pair[0].parse().expect("a number");
        number * if pair[1] == "min" { 60 } else { 1 }
    });
    parts.sum()
}

fn with(client: &Client, headers: &[(&str, &str)]) -> Answer {
    ask(client, "/status", headers)
}

fn ask(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let call = Call { method: "GET", path, headers, body: &[] };
    client.authorized_by(None).try_send(call).expect("it answers")
}

/// An incident, and where its page is.
fn report(client: &Client) -> (String, String) {
    let incident = json!({ "name": "Deliveries are late", "impact": "minor", "message": "We look into it." });
    let id = client.post("/v2/incidents", &incident).ok()["id"].as_str().expect("an id").to_owned();
    let page = format!("/status/incidents/{id}");
    (id, page)
}

#[test]
fn what_passes_between_a_kill_and_the_next_start_is_downtime_and_so_is_a_clean_stop() {
    const DOWN: Duration = Duration::from_secs(4);
    let mut server = Server::start();
    assert!(page(&server.client()).contains("None is known of."), "it never ran before");
    server.kill();
    let killed = Instant::now();
    // Time has to pass in which nothing runs.
    thread::sleep(DOWN);
    server.restart();
    let was_down = killed.elapsed();
    let said = waiting::until("the downtime is on the page", || {
        let said = today(&page(&server.client()));
        said.starts_with("down ").then_some(said)
    });
    let seconds = down_s(&said);
    assert!((DOWN.as_secs()..=(was_down + BEAT).as_secs() + 1).contains(&seconds), "{said}");
    let text = page(&server.client());
    assert!(text.contains("The last downtime") && text.contains("Nothing was waiting then."), "{text}");
    for component in COMPONENTS {
        assert_eq!(tone(&text, component), "ok", "{component} works again");
    }
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    thread::sleep(DOWN);
    server.restart();
    let both = waiting::until("both are on the page", || {
        let both = down_s(&today(&page(&server.client())));
        (both > seconds).then_some(both)
    });
    assert!(both >= seconds + DOWN.as_secs() - 1, "{both} s after {seconds} s");
}

#[test]
fn receivers_that_fail_turn_nothing_red() {
    const WATCHED: Duration = Duration::from_secs(16);
    // None is ever held, so that they are tried, and fail, all the time.
    let server = Server::with(&[QUICK_RETRY.as_slice(), &[NO_BREAKER]].concat());
    let client = server.client();
    let receiver = Receiver::that(|_| Reaction::from(500));
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    for number in 0..40 {
        client.join(&program, &format!("p{number}"));
    }
    receiver
        .within(Duration::from_secs(30), "attempts fail", |exchanges| (exchanges.len() >= 40).then_some(()));
    let began = Instant::now();
    let first = as_of(&page(&client));
    let mut last = first.clone();
    while began.elapsed() < WATCHED {
        let text = page(&client);
        for component in COMPONENTS {
            assert_eq!(tone(&text, component), "ok", "{component}: {text}");
        }
        last = as_of(&text);
        thread::sleep(Duration::from_millis(500));
    }
    assert_ne!(first, last, "it looks again and again");
    let text = page(&client);
    assert_eq!(today(&text), "no interruption");
}

#[test]
fn today_goes_on_while_the_database_is_away() {
    let postgres = private_postgres::Server::start();
    let (name, url) = on(&postgres);
    let server = Server::with(&[(name, &url)]);
    let client = server.client();
    waiting::until("the first heartbeat is written", || {
        (today(&page(&client)) == "no interruption").then_some(())
    });
    postgres.stop(private_postgres::Mode::Immediate);
    // Longer than until the last turn, when it is no longer sure whose the database is: that is on the page anyway.
    waiting::within(Duration::from_mins(2), "the downtime is on the page and grows", || {
        let said = today(&page(&client));
        (said.starts_with("down ") && down_s(&said) >= 35).then_some(())
    });
    postgres.start_again();
    waiting::within(Duration::from_mins(2), "it works again", || {
        (tone(&page(&client), "Accepting events") == "ok").then_some(())
    });
}

/// Lets nobody read who is signed in for as long as the returned thread runs.
fn hold_sessions(
    postgres: &'static private_postgres::Server,
    (database, seconds): (&str, u64),
) -> thread::JoinHandle<()> {
    let statement =
        format!("BEGIN; LOCK TABLE session IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT");
    let own = database.to_owned();
    let holding = thread::spawn(move || drop(postgres.sql(&own, &statement)));
    waiting::until("it is held", || {
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IN \
                    (SELECT oid FROM pg_class WHERE relname = 'session')";
        (postgres.sql(database, held).trim() == "1").then_some(())
    });
    holding
}

#[test]
fn whoever_is_signed_in_gets_the_page_that_everybody_sees_when_the_database_does_not_say_who_they_are() {
    let postgres = private_postgres::Server::shared();
    let database = postgres.create(None);
    let server = Server::with(&[("GROUNDSWELL_DATABASE_URL", &postgres.url(&database))]);
    let (client, browser) = (server.client(), Browser::signed_in(&server));
    let (_, incident) = report(&client);
    let signed_in = |path: &str| ask(&client, path, &[("cookie", &browser.cookie)]);
    assert!(signed_in("/status").text.contains("Your webhooks"));
    assert_eq!(signed_in(&incident).header("cache-control"), Some("private, no-store"));
    let holding = hold_sessions(postgres, (&database, 12));
    for path in ["/status", &incident] {
        let began = Instant::now();
        let public = signed_in(path);
        assert_eq!(
            (public.status, public.header("cache-control")),
            (200, Some("public, max-age=5")),
            "{path}"
        );
        assert!(public.text.contains("We look into it."), "{}", public.text);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(!holding.is_finished(), "it was held meanwhile");
    }
    holding.join().expect("no panic");
    waiting::until("their own page is back", || {
        signed_in("/status").text.contains("Your webhooks").then_some(())
    });
}

#[test]
fn an_incident_s_page_is_kept_until_something_new_is_said_of_it() {
    let server = Server::start();
    let client = server.client();
    let (id, path) = report(&client);
    let first = ask(&client, &path, &[]);
    assert_eq!((first.status, first.header("cache-control")), (200, Some("public, max-age=5")));
    assert!(first.text.contains("Deliveries are late") && !first.text.contains("<script"), "{}", first.text);
    let tag = first.header("etag").expect("a tag").to_owned();
    let german = ask(&client, &path, &[("accept-language", "de")]);
    assert!(german.header("content-language") == Some("de") && german.text.contains("Wird untersucht"));
    assert_eq!(ask(&client, &path, &[("if-none-match", &tag)]).status, 304);
    let over = json!({ "status": "resolved", "message": "It is mended." });
    assert_eq!(client.post(&format!("/v2/incidents/{id}/updates"), &over).status, 201);
    let then = ask(&client, &path, &[("if-none-match", &tag)]);
    assert!(then.status == 200 && then.text.contains("It is mended."), "{}", then.text);
    client.delete(&format!("/v2/incidents/{id}")).ok();
    let gone = ask(&client, &path, &[]);
    assert_eq!((gone.status, gone.header("cache-control")), (404, Some("private, no-store")));
}

#[test]
fn the_page_is_kept_for_everybody_and_for_nobody_who_is_signed_in() {
    let server = Server::start();
    let client = Client::new(server.url(), ADMIN_KEY);
    let header = |answer: &Answer, name: &str| {
        let value = answer.headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        value.unwrap_or_default()
    };
    let first = with(&client, &[]);
    assert_eq!(header(&first, "cache-control"), "public, max-age=5");
    assert_eq!(header(&first, "content-language"), "en");
    assert_eq!(header(&first, "vary"), "cookie, accept-language, accept-encoding");
    assert!(!first.text.contains("<script"), "no script is on it");
    assert!(first.text.ends_with("</html>"));
    let etag = header(&first, "etag");
    let again = with(&client, &[("if-none-match", &etag)]);
    // Unless five seconds have just gone by.
    assert!([200, 304].contains(&again.status), "{}", again.status);
    assert_eq!(with(&client, &[]).text == first.text, header(&with(&client, &[]), "etag") == etag);
    let german = with(&client, &[("accept-language", "de")]);
    assert!(german.text.contains("Alles funktioniert") && header(&german, "content-language") == "de");
    assert_ne!(header(&german, "etag"), etag);
    // A cookie that is nobody's gets what everybody sees.
    let nobody = with(&client, &[("cookie", "groundswell_session=nobody")]);
    assert_eq!(header(&nobody, "cache-control"), "public, max-age=5");
    assert!(!nobody.text.contains("Your webhooks"));

    let browser = Browser::signed_in(&server);
    let own = with(&client, &[("cookie", &browser.cookie)]);
    assert_eq!(own.status, 200);
    assert_eq!(header(&own, "cache-control"), "private, no-store");
    assert!(own.text.contains("Your webhooks") && !own.text.contains("<script"), "{}", own.text);
    assert!(!with(&client, &[]).text.contains("Your webhooks"), "that is kept for nobody else");
}
