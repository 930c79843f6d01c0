//! A server with two teams, and requests to it as everybody who can make one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::recipes::{Make, Recipe};
use super::somebody::Somebody;
use super::things::{FIRST_TEAM, IDS, Things};
use crate::receiver::Receiver;
use crate::server::{ADMIN_KEY, QUICK_RETRY, Server};

/// See the module.
pub struct Ground {
    pub server: Server,
    pub receiver: Receiver,
    /// The `Authorization` or `Cookie` of each.
    credentials: RefCell<HashMap<Somebody, (&'static str, String)>>,
    other_program: String,
    pub foreign_team: String,
    /// The addresses of those who can sign in.
    people: HashMap<Somebody, String>,
    pub shared: RefCell<Option<Things>>,
}

/// Fields of an answer's head, and members of its body, that are never the same.
const CHANGING: [&str; 9] =
    ["x-request-id", "date", "requestId", "timestamp", "id", "createdAt", "expiresAt", "key", "url"];

/// The answer to a request.
pub struct Answer {
    pub status: u16,
    text: String,
    /// What the request was about, which an answer may repeat.
    names: Vec<String>,
}

impl Answer {
    /// What two answers that tell nothing have in common: all but what they are about, ids of the request, times, and what
    /// was made by it, which has an id and a secret of its own.
    pub fn comparable(&self) -> String {
        let (head, body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        let is_changing = |name: &str| CHANGING.contains(&name);
        let fields = head.lines().filter(|line| !is_changing(line.split(':').next().unwrap_or_default()));
        let body = match serde_json::from_str::<Value>(body) {
            Ok(Value::Object(mut members)) => {
                members.retain(|name, _| !is_changing(name));
                Value::Object(members).to_string()
            }
            _ if body.contains("<script") => in_any_order(body),
            _ => body.to_owned(),
        };
        let fields = fields.collect::<Vec<_>>().join("\n");
        let mut text = without_times(&without_nonces(&format!("{fields}\n\n{body}")));
        let mut names: Vec<&String> = self.names.iter().filter(|name| !name.is_empty()).collect();
        // What is part of another comes after it.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in names {
            text = text.replace(name, "{id}");
        }
        // A job that was begun, wherever it is named.
        let mut parts = text.split("rsj_");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + "rsj_" + part.get(13..).unwrap_or_default())
    }
}

/// A page whose scripts bring what it waited for: which was there first, which were waited for at the beginning, and which come
/// together in a script, is another each time.
fn in_any_order(page: &str) -> String {
    const WAITED_FOR: &str = "__PENDING_RESOURCES=[";
    const BROUGHT: &str = "__RESOLVED_RESOURCES[";
    let mut parts: Vec<String> = page.split_inclusive("</script>").map(str::to_owned).collect();
    let mut brought = Vec::new();
    for part in &mut parts {
        if let Some((before, after)) = part.split_once(WAITED_FOR)
            && let Some((_, after)) = after.split_once(']')
        {
            *part = format!("{before}{WAITED_FOR}]{after}");
        }
        if let Some(at) = part.find(BROUGHT) {
            let each = part[at..].trim_end_matches("</script>").split(BROUGHT).filter(|one| !one.is_empty());
            brought.extend(each.map(|one| format!("{BROUGHT}{one}")));
            let begins = part[..at].rfind("<script").unwrap_or(at);
            let (_, said_before) = part[begins..at].split_once('>').unwrap_or_default();
            brought.push(said_before.to_owned());
            part.truncate(begins);
        }
    }
    parts.extend(brought);
    parts.sort_unstable();
    parts.concat()
}

/// What comes in pieces comes in others each time.
fn in_one_piece(answer: &[u8]) -> String {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let (head, mut rest) = answer.split_at(end);
    let head = String::from_utf8_lossy(head).into_owned();
    if !head.contains("transfer-encoding: chunked") {
        return head + &String::from_utf8_lossy(rest);
    }
    let mut whole = Vec::new();
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&rest[..at]).ok();
        let length = length.and_then(|text| usize::from_str_radix(text, 16).ok()).unwrap_or_default();
        let behind = &rest[at + 2..];
        let (piece, behind) = behind.split_at(length.min(behind.len()));
        whole.extend_from_slice(piece);
        rest = behind.strip_prefix(b"\r\n").unwrap_or(behind);
    }
    head + &String::from_utf8_lossy(&whole)
}

/// A page has a nonce of its own each time, and its policy names it.
fn without_nonces(page: &str) -> String {
    let mut text = page.to_owned();
    for (begin, end) in [("nonce=\"", '"'), ("'nonce-", '\'')] {
        let mut parts = text.split(begin);
        let first = parts.next().unwrap_or_default().to_owned();
        text = parts.fold(first, |text, part| text + part.split_once(end).map_or("", |(_, rest)| rest));
    }
    text
}

/// Without times of day, to the millisecond where they are given so, and without Unix milliseconds.
fn without_times(page: &str) -> String {
    let is_time = |text: &str| {
        let digits = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        digits.eq("00:00:00".bytes())
    };
    let mut text = String::new();
    let mut rest = page;
    while let Some(at) = rest.find(':') {
        let begin = at.saturating_sub(2);
        let end = begin + "00:00:00".len();
        if rest.get(begin..end).is_some_and(is_time) {
            text += &rest[..begin];
            let behind = &rest[end..];
            rest = behind.trim_start_matches(|one: char| one == '.' || one.is_ascii_digit());
        } else {
            text += &rest[..=at];
            rest = &rest[at + 1..];
        }
    }
    text += rest;
    let is_moment = |run: &str| run.len() == 13 && run.bytes().all(|byte| byte.is_ascii_digit());
    let runs = text.split_inclusive(|one: char| !one.is_ascii_digit());
    runs.map(|run| {
        let digits = run.trim_end_matches(|one: char| !one.is_ascii_digit());
        if is_moment(digits) { &run[digits.len()..] } else { run }
    })
    .collect()
}

impl Ground {
    pub fn new() -> Self {
        let mut settings = QUICK_RETRY.to_vec();
        settings.push(("GROUNDSWELL_LOG", "info,groundswell::routes=debug"));
        let server = Server::with(&settings);
        let receiver = Receiver::start();
        let operator = server.client();
        let other_program = operator.program("REFERRAL");
        let foreign = operator.post("/v2/teams", &json!({ "name": "Others" })).ok();
        let foreign_team = foreign["id"].as_str().expect("an id").to_owned();
        let foreign_program = json!({ "type": "REFERRAL", "teamId": foreign_team });
        let foreign_program = operator.post("/v2/campaigns", &foreign_program).ok();
        let mut ground = Self {
            server,
            receiver,
            credentials: RefCell::default(),
            other_program,
            foreign_team,
            people: HashMap::new(),
            shared: RefCell::default(),
        };
        let key = |scopes: &str, program: Option<&str>| {
            let new = json!({ "name": "key", "scopes": [scopes], "campaignId": program });
            let made = operator.post("/v2/api-keys", &new).ok();
            ("authorization", format!("Bearer {}", made["key"].as_str().expect("a key")))
        };
        let foreign_program = foreign_program["id"].as_str().expect("an id");
        let credentials = [
            (Somebody::ReadKey, key("read", None)),
            (Somebody::EventsKey, key("events", None)),
            (Somebody::WebhooksKey, key("webhooks", None)),
            (Somebody::AdminKey, key("admin", None)),
            (Somebody::OtherProgramsKey, key("admin", Some(&ground.other_program))),
            (Somebody::ForeignKey, key("admin", Some(foreign_program))),
            (Somebody::Operator, ("authorization", format!("Bearer {ADMIN_KEY}"))),
            (Somebody::OtherLink, ("cookie", ground.link_to(&ground.other_program))),
        ];
        ground.credentials.borrow_mut().extend(credentials);
        for (somebody, team, role) in [
            (Somebody::Stranger, ground.foreign_team.clone(), "owner"),
            (Somebody::Viewer, FIRST_TEAM.to_owned(), "viewer"),
            (Somebody::Editor, FIRST_TEAM.to_owned(), "editor"),
            (Somebody::Owner, FIRST_TEAM.to_owned(), "owner"),
            (Somebody::OwnersSession, FIRST_TEAM.to_owned(), "owner"),
        ] {
            let email = address();
            let cookie = ground.member((&team, &email), role);
            ground.credentials.borrow_mut().insert(somebody, ("cookie", cookie));
            ground.people.insert(somebody, email);
        }
        for role in ["viewer", "editor"] {
            ground.member((&ground.foreign_team, &address()), role);
        }
        let key = ("authorization", ground.key_of_foreign_team());
        ground.credentials.borrow_mut().insert(Somebody::ForeignTeamsKey, key);
        ground
    }

    /// The cookie of a new member of a team.
    pub fn member(&self, (team, email): (&str, &str), role: &str) -> String {
        let invitation = json!({ "email": email, "role": role });
        let made = self.server.client().post(&format!("/v2/teams/{team}/invitations"), &invitation).ok();
        let token = made["url"].as_str().expect("a URL").split_once("token=").expect("a token").1.to_owned();
        let form = format!("intent=new&token={token}&name={role}&password=correct+horse+battery+staple");
        let cookie = self.cookie(("POST", "/invitation"), &form);
        // Whoever reads the letters there has said so; this server has no mail server that could ask.
        let theirs = "INSERT OR IGNORE INTO mail_address (user_id, email, token, state, at_ms)
                      SELECT id, email, NULL, 'theirs', 0 FROM user_account WHERE email = ?1";
        let database = Connection::open(self.server.database()).expect("it is there");
        database.busy_timeout(Duration::from_secs(10)).expect("a time");
        database.execute(theirs, [email]).expect("written");
        cookie
    }

    /// For all that the stranger owns.
    fn key_of_foreign_team(&self) -> String {
        let (name, cookie) = self.credentials.borrow()[&Somebody::Stranger].clone();
        let headers = [FORM, self.own_origin(), (name, &cookie)];
        let made = self.raw(("POST", "/settings/api-keys"), &headers, "intent=create&name=key&scope=admin");
        let (_, key) = made.text.split_once("value=\"gsk_").unwrap_or_else(|| panic!("{}", made.text));
        format!("Bearer gsk_{}", key.split('"').next().unwrap_or_default())
    }

    fn own_origin(&self) -> (&'static str, &str) {
        ("origin", self.server.url())
    }

    /// The cookie of somebody who came by a link to that program.
    fn link_to(&self, program: &str) -> String {
        let made = self.server.client().post(&format!("/v2/campaign/{program}/editor-link"), &json!({}));
        if made.status == 404 {
            return String::new();
        }
        let url = made.ok()["url"].as_str().expect("a URL").to_owned();
        let token =
            url.split_once("token=").expect("a token").1.split('&').next().unwrap_or_default().to_owned();
        self.cookie(("POST", "/embed"), &format!("token={token}"))
    }

    /// What a server function tells the owner of a team.
    pub fn told_to_owner(&self, team: &str, function: &str, about: &Value) -> Value {
        let owner = if team == FIRST_TEAM { Somebody::Owner } else { Somebody::Stranger };
        let (name, cookie) = self.credentials.borrow()[&owner].clone();
        let headers = [(name, cookie.as_str()), ("content-type", "application/json"), self.own_origin()];
        let answer = self.raw(("POST", &format!("/_fn/{function}")), &headers, &about.to_string());
        let (_, body) = answer.text.split_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{}", answer.text))
    }

    /// Another session of somebody.
    pub fn anew(&self, somebody: Somebody) -> String {
        let email = &self.people[&somebody];
        let form = format!("email={email}&password=correct+horse+battery+staple");
        self.cookie(("POST", "/sign-in"), &form)
    }

    /// The cookie that a form is answered with.
    fn cookie(&self, call: (&str, &str), form: &str) -> String {
        let answer = self.raw(call, &[FORM, self.own_origin()], form);
        assert!((300..400).contains(&answer.status), "{}", answer.text);
        let lines = answer.text.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let mut cookies = lines.filter(|line| line.contains("session=") || line.contains("editor="));
        let cookie = cookies.next().unwrap_or_else(|| panic!("no cookie in {}", answer.text));
        cookie.split(';').next().expect("a cookie").to_owned()
    }

    /// Every route, as `METHOD path`.
    pub fn routes(&self) -> Vec<String> {
        let log = self.server.log();
        let routes = log.lines().filter(|line| line.contains("a route is served"));
        let routes =
            routes.filter_map(|line| line.split_once("route=")).map(|(_, route)| route.trim().to_owned());
        routes.collect()
    }

    /// Makes the request of `recipe` as somebody.
    pub fn send(&self, recipe: &Recipe, somebody: Somebody) -> Answer {
        let things = self.things_for(recipe);
        let answer = self.send_about(recipe, somebody, (&things, &things));
        // There may be 1,000 API keys, and there are more requests. The recipe may have revoked its own.
        if recipe.make == Make::Anew && !things.of("key").is_empty() {
            let gone = self.server.client().delete(&format!("/v2/api-keys/{}", things.of("key")));
            assert!(matches!(gone.status, 200 | 404), "{}", gone.text);
        }
        answer
    }

    /// Makes it as somebody who has `own` things, about others.
    pub fn send_about(&self, recipe: &Recipe, somebody: Somebody, (own, sent): (&Things, &Things)) -> Answer {
        let (path, body) = (recipe.path(sent), recipe.body(sent));
        let mut own_key = None;
        let credential: Option<(&str, String)> = match somebody {
            Somebody::Nobody => None,
            Somebody::ProgramsKey => {
                let new = json!({ "name": "own", "scopes": ["admin"], "campaignId": own.of("program") });
                let made = self.server.client().post("/v2/api-keys", &new).ok();
                own_key = made["id"].as_str().map(str::to_owned);
                Some(("authorization", format!("Bearer {}", made["key"].as_str().expect("a key"))))
            }
            Somebody::Link => Some(("cookie", self.link_to(own.of("program")))),
            person if recipe.is_about_session() && self.people.contains_key(&person) => {
                Some(("cookie", self.anew(person)))
            }
            other => self.credentials.borrow().get(&other).cloned(),
        };
        let mut headers = vec![recipe.content_type(), self.own_origin()];
        headers.extend(credential.as_ref().map(|(name, value)| (*name, value.as_str())));
        let mut answer = self.raw((recipe.method, &path), &headers, &body);
        if let Some(own) = own_key {
            self.server.client().delete(&format!("/v2/api-keys/{own}"));
        }
        if body.contains("end-others") && self.people.contains_key(&somebody) {
            self.credentials.borrow_mut().insert(somebody, ("cookie", self.anew(somebody)));
        }
        answer.names = IDS.iter().flat_map(|name| [own.of(name), sent.of(name)]).map(str::to_owned).collect();
        answer
    }

    fn raw(&self, (method, path): (&str, &str), headers: &[(&str, &str)], body: &str) -> Answer {
        let address = &self.server.url()["http://".len()..];
        let mut connection = TcpStream::connect(address).expect("it listens");
        connection.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let _ = write!(request, "content-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        let mut part = [0; 16 * 1024];
        loop {
            let is_stream = String::from_utf8_lossy(&answer).contains("text/event-stream");
            // A stream has no end.
            let has_head = answer.windows(4).any(|four| four == b"\r\n\r\n");
            if is_stream && has_head {
                break;
            }
            match connection.read(&mut part).expect("it answers") {
                0 => break,
                count => answer.extend_from_slice(&part[..count]),
            }
        }
        let text = in_one_piece(&answer);
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer to {method} {path}: {text:?}"));
        Answer { status, text, names: Vec::new() }
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An address that nobody has.
pub fn address() -> String {
    format!("somebody{}@example.com", NEXT.next())
}

struct Next(std::sync::atomic::AtomicUsize);

impl Next {
    fn next(&self) -> usize {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

/// So that no two addresses are the same.
static NEXT: Next = Next(std::sync::atomic::AtomicUsize::new(1));
