//! A request for each route. Whoever may make it gets an answer that says so: what is asked for is there, and well-formed.

use super::things::{IDS, Things};

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// It changes nothing, or nothing that matters to others.
    Shared,
    /// Things of its own.
    Anew,
}

/// A request. `{names}` in path and body stand for what [`Things`] have of that name.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub method: &'static str,
    /// As the server lists it.
    pub path: &'static str,
    /// What the path's parameters are, where their names do not say it.
    pub as_sent: Option<&'static str>,
    pub body: &'static str,
    pub make: Make,
}

impl Recipe {
    /// As the server lists its route.
    pub fn route(&self) -> String {
        format!("{} {}", self.listed_method(), self.path)
    }

    /// What the table calls it.
    pub fn name(&self) -> String {
        let intent = self.body.split('&').find_map(|pair| pair.strip_prefix("intent="));
        intent.map_or_else(|| self.route(), |intent| format!("{} {intent}", self.route()))
    }

    fn listed_method(&self) -> &'static str {
        if self.as_sent.is_some_and(|sent| sent.starts_with("any:")) { "ANY" } else { self.method }
    }

    pub fn is_rest(&self) -> bool {
        self.path.starts_with("/v2") || self.path == "/metrics"
    }

    pub fn is_embedded(&self) -> bool {
        self.path.starts_with("/embed")
    }

    /// Whether it does something to the session it comes with.
    pub fn is_about_session(&self) -> bool {
        ["/sign-out", "/sign-in", "/team"].contains(&self.path)
            || (self.method == "POST" && ["/settings/sessions", "/settings/account"].contains(&self.path))
    }

    /// Its path as it is sent, with its query.
    pub fn sent(&self) -> &'static str {
        self.as_sent.map_or(self.path, |sent| sent.strip_prefix("any:").unwrap_or(sent))
    }

    /// What it names of a team, wherever in the request.
    pub fn ids(&self) -> Vec<&'static str> {
        let names = |text: &str, name: &str| text.contains(&format!("{{{name}}}"));
        let is_named = |name: &&str| {
            [self.sent(), self.body].iter().any(|text| {
                // The program, where the server's own name for the part stands.
                names(text, name) || (*name == "program" && names(text, "id"))
            })
        };
        IDS.into_iter().filter(is_named).collect()
    }

    pub fn path(&self, things: &Things) -> String {
        filled(self.sent(), things)
    }

    pub fn body(&self, things: &Things) -> String {
        filled(self.body, things)
    }

    pub fn content_type(&self) -> (&'static str, &'static str) {
        let value = match self.body.chars().next() {
            Some('{') if self.path.ends_with("/batch") => "application/x-ndjson",
            Some('{') | None => "application/json",
            Some(_) => "application/x-www-form-urlencoded",
        };
        ("content-type", value)
    }
}

fn filled(text: &str, things: &Things) -> String {
    let filled = text.replace("{id}", things.of("program"));
    let filled = things.all().fold(filled, |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
    let is_name = |rest: &str| rest.starts_with(|first: char| first.is_ascii_lowercase());
    assert!(!filled.split('{').skip(1).any(is_name), "something is named that there is nothing of: {filled}");
    filled
}

const fn get(path: &'static str) -> Recipe {
    Recipe { method: "GET", path, as_sent: None, body: "", make: Make::Shared }
}

const fn get_as(path: &'static str, sent: &'static str) -> Recipe {
    Recipe { as_sent: Some(sent), ..get(path) }
}

const fn post(path: &'static str, body: &'static str) -> Recipe {
    Recipe { method: "POST", path, as_sent: None, body, make: Make::Anew }
}

/// It leaves what it sets as the others expect it.
const fn put(path: &'static str, body: &'static str) -> Recipe {
    Recipe { method: "PUT", path, as_sent: None, body, make: Make::Shared }
}

/// A post that only reads.
const fn ask(path: &'static str, body: &'static str) -> Recipe {
    Recipe { make: Make::Shared, ..post(path, body) }
}

const fn patch(path: &'static str, body: &'static str) -> Recipe {
    Recipe { method: "PATCH", ..post(path, body) }
}

const fn delete(path: &'static str) -> Recipe {
    Recipe { method: "DELETE", ..post(path, "") }
}

const fn any(path: &'static str, sent: &'static str) -> Recipe {
    Recipe { as_sent: Some(sent), ..get(path) }
}

/// All of them.
pub fn recipes() -> Vec<Recipe> {
    let mut all = [REST, PAGES, FUNCTIONS, FORMS, EMBEDDED].concat();
    // Pages inside of another product have the same functions, for other people.
    let embedded = FUNCTIONS.iter().filter(|recipe| recipe.as_sent.is_none());
    all.extend(
        embedded.map(|recipe| Recipe { path: String::leak(format!("/embed{}", recipe.path)), ..*recipe }),
    );
    all
}

/// The row as it would be saved, which nothing is tested without.
const TEST_OF_ROW: &str = "intent=test:{row}&version=0&row={row}&enabled.{row}=on&event.{row}=NEW_PARTICIPANT_ADDED&url.{row}={receiver}";

/// With a secret typed.
const SECRET_OF_ROW: &str = "intent=secret:{row}&version=0&row={row}&enabled.{row}=on&event.{row}=NEW_PARTICIPANT_ADDED&url.{row}={receiver}&secret.{row}=a+secret+of+more+than+sixteen+bytes";

const EVENT: &str = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p2"}}"#;

const REST: &[Recipe] = &[
    get("/v2/campaigns"),
    post("/v2/campaigns", r#"{"type":"REFERRAL"}"#),
    post("/v2/operations", ""),
    get("/v2/campaign/{id}"),
    patch("/v2/campaign/{id}", r#"{"name":"Renamed"}"#),
    get("/v2/campaign/{id}/webhooks"),
    post(
        "/v2/campaign/{id}/webhooks",
        r#"{"payloadUrl":"https://example.com/","events":[],"isEnabled":false}"#,
    ),
    patch("/v2/campaign/{id}/webhooks/{webhook}", r#"{"isEnabled":false}"#),
    delete("/v2/campaign/{id}/webhooks/{webhook}"),
    post("/v2/campaign/{id}/webhooks/{webhook}/test", "{}"),
    delete("/v2/campaign/{id}/webhooks/{webhook}/old-secret"),
    get("/v2/campaign/{id}/webhooks/{webhook}/recipients"),
    post("/v2/campaign/{id}/webhooks/{webhook}/recipients", r#"{"email":"{member}"}"#),
    delete("/v2/campaign/{id}/webhooks/{webhook}/recipients/{recipient}"),
    post("/v2/campaign/{id}/events", EVENT),
    post("/v2/campaign/{id}/events/batch", EVENT),
    get("/v2/campaign/{id}/events/stream"),
    get("/v2/campaign/{id}/rejected-events"),
    get("/v2/rejected-events"),
    get("/v2/campaign/{id}/notices"),
    get("/v2/campaign/{id}/inbox"),
    post("/v2/campaign/{id}/inbox/address", ""),
    delete("/v2/campaign/{id}/inbox/requests"),
    get("/v2/campaign/{id}/inbox/requests/{request}"),
    get("/v2/campaign/{id}/deliveries"),
    get_as("/v2/campaign/{id}/deliveries/export", "/v2/campaign/{id}/deliveries/export?format=csv"),
    get("/v2/campaign/{id}/deliveries/{delivery}"),
    post("/v2/campaign/{id}/deliveries/{delivery}/resend", ""),
    get("/v2/campaign/{id}/resends"),
    post("/v2/campaign/{id}/resends", r#"{"deliveries":["{delivery}"]}"#),
    get("/v2/campaign/{id}/resends/{job}"),
    delete("/v2/campaign/{id}/resends/{job}"),
    get("/v2/api-keys"),
    post("/v2/api-keys", r#"{"name":"new"}"#),
    Recipe { as_sent: Some("/v2/api-keys/{key}"), ..delete("/v2/api-keys/{id}") },
    post("/v2/sign-in-links", ""),
    post("/v2/campaign/{id}/editor-link", "{}"),
    delete("/v2/campaign/{id}/editor-link/{link}"),
    get("/v2/audit-log"),
    get_as("/v2/audit-log/export", "/v2/audit-log/export?format=csv"),
    get("/v2/campaign/{id}/erasures"),
    post("/v2/campaign/{id}/erasures", r#"{"participantId":"nobody"}"#),
    get("/v2/campaign/{id}/erasures/{erasure}"),
    get("/v2/teams"),
    post("/v2/teams", r#"{"name":"New"}"#),
    patch("/v2/teams/{team}", r#"{"name":"Renamed"}"#),
    get("/v2/teams/{team}/members"),
    patch("/v2/teams/{team}/members/{user}", r#"{"role":"viewer"}"#),
    Recipe {
        as_sent: Some("/v2/teams/{team}/members/{leaver}"),
        ..delete("/v2/teams/{team}/members/{user}")
    },
    get("/v2/teams/{team}/invitations"),
    post("/v2/teams/{team}/invitations", r#"{"email":"{address}","role":"viewer"}"#),
    delete("/v2/teams/{team}/invitations/{invitation}"),
    get("/metrics"),
    get("/v2/log-level"),
    put("/v2/log-level", r#"{"filter":"info,groundswell::routes=debug"}"#),
    get("/v2/incidents"),
    post("/v2/incidents", r#"{"name":"Late","message":"We look into it."}"#),
    get("/v2/incidents/{incident}"),
    patch("/v2/incidents/{incident}", r#"{"name":"Later"}"#),
    delete("/v2/incidents/{incident}"),
    post("/v2/incidents/{incident}/updates", r#"{"message":"Still."}"#),
    get("/v2/maintenances"),
    post(
        "/v2/maintenances",
        r#"{"name":"Disk","message":"Soon.","scheduledFrom":{soon},"scheduledUntil":{later},"components":["api"]}"#,
    ),
    get("/v2/maintenances/{maintenance}"),
    patch("/v2/maintenances/{maintenance}", r#"{"name":"A disk"}"#),
    delete("/v2/maintenances/{maintenance}"),
    post("/v2/maintenances/{maintenance}/updates", r#"{"message":"Soon."}"#),
    any("/v2", "any:/v2"),
    any("/v2/", "any:/v2/"),
    any("/v2/{*rest}", "any:/v2/campaign/{id}/participants"),
    any("/v2/accounts", "any:/v2/accounts"),
    get("/v2/openapi.json"),
    get_as("/v2/schemas/{file}", "/v2/schemas/CAMPAIGN_ENDED.json"),
];

const PAGES: &[Recipe] = &[
    get("/healthz"),
    get("/readyz"),
    any("/inbox/{token}", "any:/inbox/nobody-has-this"),
    post("/node/say", ""),
    get("/docs"),
    get("/docs/"),
    get_as("/docs/search", "/docs/search?q=retry"),
    get_as("/docs/{*page}", "/docs/events"),
    get("/llms.txt"),
    get("/"),
    get("/sign-in"),
    get("/status"),
    get("/sign-in/provider/callback"),
    get("/programs/{id}/options"),
    get("/programs/{id}/options/webhooks"),
    get("/programs/{id}/options/webhooks/history"),
    get_as("/programs/{id}/deliveries", "/programs/{id}/deliveries?delivery={delivery}"),
    get_as("/programs/{id}/deliveries/export", "/programs/{id}/deliveries/export?format=ndjson"),
    get("/programs/{id}/inbox"),
    get("/programs/live"),
    get("/programs/{id}/live"),
    get("/settings/api-keys"),
    get("/settings/members"),
    get("/settings/audit-log"),
    get_as("/settings/audit-log/export", "/settings/audit-log/export?format=csv"),
    get_as("/settings/privacy", "/settings/privacy?campaign={id}"),
    get("/settings/account"),
    get("/settings/sessions"),
    get_as("/settings/notifications", "/settings/notifications?campaign={id}"),
    get_as("/notifications", "/notifications?token=nobody-has-this"),
    get_as("/invitation", "/invitation?token=nobody-has-this"),
    get("/settings/status"),
    get_as("/status/incidents/{id}", "/status/incidents/{incident}"),
    get("/status/history.rss"),
    get("/status/history.atom"),
    get("/status/badge.svg"),
    get("/api/v2/summary.json"),
    get("/api/v2/status.json"),
    get("/api/v2/components.json"),
    get("/api/v2/incidents.json"),
    get("/api/v2/incidents/unresolved.json"),
    get("/api/v2/scheduled-maintenances.json"),
    get("/api/v2/scheduled-maintenances/upcoming.json"),
    get("/api/v2/scheduled-maintenances/active.json"),
];

const FUNCTIONS: &[Recipe] = &[
    Recipe { as_sent: Some("/_fn/no_such_function"), ..ask("/_fn/{*name}", "{}") },
    ask("/_fn/get_viewer", "{}"),
    ask("/_fn/get_programs", "{}"),
    ask("/_fn/get_program", r#"{"id":"{program}"}"#),
    ask("/_fn/get_panel", r#"{"id":"{program}"}"#),
    ask("/_fn/get_examples", r#"{"id":"{program}"}"#),
    post("/_fn/save_draft", r#"{"id":"{program}","seen":{"draftVersion":0,"liveVersion":null},"rows":[]}"#),
    post(
        "/_fn/change_secret",
        r#"{"id":"{program}","edit":{"rowKey":"{row}","change":{"set":"another-s3cret"},"draftVersion":0}}"#,
    ),
    ask("/_fn/generate_secret", "{}"),
    post("/_fn/discard_draft", r#"{"id":"{program}"}"#),
    post(
        "/_fn/resolve_conflicts",
        r#"{"id":"{program}","seen":{"draftVersion":0,"liveVersion":null},"side":"mine"}"#,
    ),
    ask("/_fn/get_history", r#"{"id":"{program}","before":null}"#),
    post("/_fn/enable_webhook", r#"{"id":"{program}","row_key":"{row}"}"#),
    post("/_fn/publish", r#"{"id":"{program}","version":1}"#),
    post("/_fn/test_webhook", r#"{"id":"{program}","row_key":"{row}","event":null}"#),
    ask("/_fn/test_result", r#"{"id":"{program}","test":"{test}"}"#),
    post("/_fn/release_parked", r#"{"id":"{program}","row_key":"{row}"}"#),
    post("/_fn/discard_parked", r#"{"id":"{program}","row_key":"{row}"}"#),
    post("/_fn/end_old_secret", r#"{"id":"{program}","row_key":"{row}"}"#),
    ask("/_fn/get_deliveries", r#"{"id":"{program}","query":{}}"#),
    ask("/_fn/get_delivery", r#"{"id":"{program}","delivery":"{delivery}"}"#),
    ask("/_fn/get_inbox", r#"{"id":"{program}"}"#),
    ask("/_fn/get_inbox_request", r#"{"id":"{program}","request":"{request}"}"#),
    ask("/_fn/get_first_steps", r#"{"id":"{program}"}"#),
    post("/_fn/end_first_steps", r#"{"id":"{program}"}"#),
    ask("/_fn/get_log_news", r#"{"id":"{program}","shown":["{delivery}"],"filter":null}"#),
    post("/_fn/resend", r#"{"id":"{program}","delivery":"{delivery}"}"#),
    ask("/_fn/count_resends", r#"{"id":"{program}","selection":{"deliveries":["{delivery}"]}}"#),
    post("/_fn/begin_resends", r#"{"id":"{program}","selection":{"deliveries":["{delivery}"]}}"#),
    ask("/_fn/get_resend_jobs", r#"{"id":"{program}"}"#),
    post("/_fn/cancel_resends", r#"{"id":"{program}","job":"{job}"}"#),
];

const FORMS: &[Recipe] = &[
    post("/", "type=REFERRAL&name=New"),
    post("/language", "language=de&back=%2F"),
    post("/sign-in", "token=nobody-has-this"),
    post("/sign-in", "intent=send-link&email=nobody@example.com"),
    post("/sign-in/provider", "x=y"),
    post("/sign-in/provider", "intent=connect&present-password=x"),
    post("/sign-out", "x=y"),
    ask("/seen", ""),
    post("/team", "team={team}&back=%2F"),
    post("/invitation", "intent=new&token=nobody-has-this&name=N&password=correct+horse+battery+staple"),
    post("/invitation", "intent=sign-in&token=nobody-has-this&password=correct+horse+battery+staple"),
    post("/invitation", "intent=join&token=nobody-has-this"),
    post("/settings/members", "intent=invite&email={address}&role=viewer"),
    post("/settings/members", "intent=take-back&invitation={invitation}"),
    post("/settings/members", "intent=rename&name=Renamed"),
    post("/settings/members", "intent=role&user={user}&role=viewer"),
    post("/settings/members", "intent=remove&user={leaver}"),
    post("/settings/account", "intent=name&name=Ada"),
    post("/settings/account", "intent=sign-in&email=x&new-password=y&present-password=z"),
    post("/settings/account", "intent=disconnect-provider"),
    post("/settings/sessions", "intent=end&session={session}"),
    post("/settings/sessions", "intent=end-others"),
    post("/settings/privacy", "intent=keep&campaign={id}&days=7"),
    post("/settings/privacy", "intent=erase&campaign={id}&by=participantId&subject=nobody&sure=yes"),
    post("/settings/status", "intent=report&name=Late&status=investigating&impact=minor&message=Soon"),
    post(
        "/settings/status",
        "intent=announce&name=Disk&from={soon_minute}&until={later_minute}&component=api&message=Soon",
    ),
    post(
        "/settings/status",
        "intent=update&kind=incident&incident={incident}&status=identified&message=Soon",
    ),
    post("/settings/status", "intent=correct&kind=incident&incident={incident}&name=Later"),
    post("/settings/status", "intent=delete&kind=incident&incident={incident}"),
    post("/settings/notifications", "intent=operations"),
    post("/settings/notifications", "intent=add&campaign={id}&webhook={webhook}&email={member}"),
    post("/settings/notifications", "intent=remove&campaign={id}&webhook={webhook}&recipient={recipient}"),
    post("/notifications", "intent=want&token=nobody-has-this"),
    post("/notifications", "intent=stop&token=nobody-has-this"),
    post("/notifications", "intent=stop-all&token=nobody-has-this"),
    post("/settings/api-keys", "intent=create&name=New&scope=events"),
    post("/settings/api-keys", "intent=revoke&key={key}"),
    post("/programs/{id}/options", "intent=end-first-steps"),
    post("/programs/{id}/options/webhooks", "intent=save&version=0"),
    post("/programs/{id}/options/webhooks", TEST_OF_ROW),
    post("/programs/{id}/options/webhooks", "intent=enable:{row}&version=0"),
    post("/programs/{id}/options/webhooks", "intent=publish&version=0"),
    post("/programs/{id}/options/webhooks", "intent=discard&version=0"),
    post("/programs/{id}/options/webhooks", "intent=mine&version=0"),
    post("/programs/{id}/options/webhooks", "intent=theirs&version=0"),
    post("/programs/{id}/options/webhooks", "intent=send:{row}&version=0"),
    post("/programs/{id}/options/webhooks", "intent=drop:{row}&version=0"),
    post("/programs/{id}/options/webhooks", "intent=end:{row}&version=0"),
    post("/programs/{id}/options/webhooks", SECRET_OF_ROW),
    post("/programs/{id}/options/webhooks/history", "version=1&draft=0"),
    post("/programs/{id}/inbox", "intent=use"),
    post("/programs/{id}/inbox", "intent=replace"),
    post("/programs/{id}/inbox", "intent=clear"),
    post("/programs/{id}/deliveries", "intent=resend&delivery={delivery}"),
    post("/programs/{id}/deliveries", "intent=resend-selected&delivery={delivery}"),
    post("/programs/{id}/deliveries", "intent=resend-all"),
    post("/programs/{id}/deliveries", "intent=stop&job={job}"),
];

/// What editor links lead to.
const EMBEDDED: &[Recipe] = &[
    get_as("/embed", "/embed?token=nobody-has-this"),
    post("/embed", "token=nobody-has-this"),
    ask("/embed/seen", ""),
    Recipe { as_sent: Some("/embed/_fn/no_such_function"), ..ask("/embed/_fn/{*name}", "{}") },
    get("/embed/programs/{id}/live"),
    get("/embed/programs/{id}/webhooks"),
    get("/embed/programs/{id}/webhooks/history"),
    post("/embed/programs/{id}/webhooks", "intent=save&version=0"),
    post("/embed/programs/{id}/webhooks", TEST_OF_ROW),
    post("/embed/programs/{id}/webhooks", "intent=publish&version=0"),
    post("/embed/programs/{id}/webhooks", "intent=discard&version=0"),
    post("/embed/programs/{id}/webhooks", "intent=mine&version=0"),
    post("/embed/programs/{id}/webhooks", "intent=theirs&version=0"),
    post("/embed/programs/{id}/webhooks", "intent=send:{row}&version=0"),
    post("/embed/programs/{id}/webhooks", "intent=drop:{row}&version=0"),
    post("/embed/programs/{id}/webhooks", "intent=end:{row}&version=0"),
    post("/embed/programs/{id}/webhooks", SECRET_OF_ROW),
    post("/embed/programs/{id}/webhooks/history", "version=1&draft=0"),
];

/// More requests with names of a team's things in them: in queries, filters, and members that may be left out. Their routes
/// are in the table already.
pub const NAMING: &[Recipe] = &[
    get_as("/v2/campaign/{id}/deliveries", "/v2/campaign/{id}/deliveries?webhookId={webhook}"),
    get_as("/v2/campaign/{id}/deliveries", "/v2/campaign/{id}/deliveries?text={delivery}"),
    get_as("/v2/campaign/{id}/deliveries", "/v2/campaign/{id}/deliveries?text={event}"),
    get_as(
        "/v2/campaign/{id}/deliveries/export",
        "/v2/campaign/{id}/deliveries/export?format=csv&webhookId={webhook}",
    ),
    post("/v2/campaign/{id}/resends", r#"{"webhookId":"{webhook}"}"#),
    post("/v2/campaign/{id}/resends", r#"{"text":"{event}"}"#),
    post("/v2/campaigns", r#"{"type":"REFERRAL","teamId":"{team}"}"#),
    post("/v2/operations", r#"{"teamId":"{team}"}"#),
    post("/v2/api-keys", r#"{"name":"new","campaignId":"{program}"}"#),
    post("/v2/sign-in-links", r#"{"email":"{member}"}"#),
    post("/v2/teams/{team}/invitations", r#"{"email":"{member}","role":"viewer"}"#),
    get_as("/v2/audit-log", "/v2/audit-log?campaign={program}"),
    get_as("/v2/audit-log", "/v2/audit-log?actor={user}"),
    get_as("/v2/audit-log/export", "/v2/audit-log/export?format=csv&campaign={program}"),
    get_as("/programs/{id}/deliveries", "/programs/{id}/deliveries?webhook={webhook}"),
    get_as("/programs/{id}/deliveries", "/programs/{id}/deliveries?text={event}"),
    get_as("/programs/{id}/deliveries", "/programs/{id}/deliveries?job={job}"),
    get_as("/programs/{id}/options/webhooks", "/programs/{id}/options/webhooks?row={row}&test={test}"),
    get_as("/programs/{id}/inbox", "/programs/{id}/inbox?request={request}"),
    get_as("/settings/audit-log", "/settings/audit-log?campaign={program}"),
    get_as("/settings/audit-log", "/settings/audit-log?actor={user}"),
    ask("/_fn/get_deliveries", r#"{"id":"{program}","query":{"filter":{"webhookId":"{webhook}"}}}"#),
    ask("/_fn/get_deliveries", r#"{"id":"{program}","query":{"filter":{"text":"{event}"}}}"#),
    ask("/_fn/count_resends", r#"{"id":"{program}","selection":{"webhookId":"{webhook}"}}"#),
];
