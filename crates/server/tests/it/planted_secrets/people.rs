//! What people have that is secret: passwords, cookies, and the links that are made for them.

use serde_json::{Value, json};

use super::{Allowed, Fixture};
use crate::browser::Browser;
use crate::mail::server::PASSWORD as SMTP_PASSWORD;
use crate::oidc::provider::SECRET as CLIENT_SECRET;

/// Who comes in with a password, who comes in through the provider, who has not come yet, and who only gets letters.
const BOB: &str = "bob@example.com";
const ADA: &str = "ada@example.com";
const CAROL: &str = "carol@example.com";
const EVE: &str = "eve@example.org";

const PASSWORD: &str = "planted & \"first\" password+8";
const NEW_PASSWORD: &str = "planted & \"second\" password+9";
const REFUSED_PASSWORD: &str = "planted & \"Groundswell\" password+10";
const MISTYPED_PASSWORD: &str = "planted & \"mistyped\" password+11";
const ANNOUNCED: &str = "planted & \"announced\" secret+12";

impl Fixture {
    /// Nobody has signed in with it.
    fn browser(&self) -> Browser {
        Browser { address: self.tap.address(), cookie: String::new() }
    }

    /// Plants the cookies that an answer sets; a browser that has them.
    fn with_cookies(&mut self, answer: &str) -> Browser {
        let set = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let pairs: Vec<&str> = set.filter_map(|cookie| cookie.split(';').next()).collect();
        for (name, value) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
            if !value.is_empty() && !name.ends_with("language") {
                self.plant("cookie", value, &[Allowed::Answers(1, "the answer that sets it")]);
            }
        }
        assert!(!pairs.is_empty(), "{answer}");
        Browser { cookie: pairs.join("; "), ..self.browser() }
    }

    /// The token of an invitation.
    fn invite(&self, email: &str) -> String {
        let invitation = json!({ "email": email, "role": "editor" });
        token(&self.client.post("/v2/teams/team_first/invitations", &invitation).ok())
    }

    /// Somebody is invited, comes in with a password, changes it, and signs in with it; some others they do not get through with.
    pub fn passwords(&mut self) {
        let invitation = self.invite(BOB);
        let shown =
            "the answer that makes it, and the form that it opens, which comes back when it is refused";
        self.plant("invitation token", &invitation, &[Allowed::Answers(3, shown)]);
        for password in [PASSWORD, NEW_PASSWORD, REFUSED_PASSWORD, MISTYPED_PASSWORD] {
            self.plant("password", password, &[]);
        }
        let browser = self.browser();
        is(200, &browser.page(&format!("/invitation?token={invitation}")));
        let accept = |password| {
            let named = [("intent", "new"), ("token", &*invitation), ("name", "Bob"), ("password", password)];
            browser.post("/invitation", &form(&named))
        };
        is(422, &accept(REFUSED_PASSWORD));
        let accepted = accept(PASSWORD);
        is(303, &accepted);
        let bob = self.with_cookies(&accepted);
        let change = |present, new| {
            let fields =
                [("intent", "sign-in"), ("email", BOB), ("new-password", new), ("present-password", present)];
            bob.post("/settings/account", &form(&fields))
        };
        is(422, &change(MISTYPED_PASSWORD, NEW_PASSWORD));
        let changed = change(PASSWORD, NEW_PASSWORD);
        is(303, &changed);
        self.with_cookies(&changed);
        let sign_in = |password| browser.post("/sign-in", &form(&[("email", BOB), ("password", password)]));
        is(401, &sign_in(MISTYPED_PASSWORD));
        let signed_in = sign_in(NEW_PASSWORD);
        is(303, &signed_in);
        self.with_cookies(&signed_in);

        let open = self.invite(CAROL);
        self.plant("open invitation", &open, &[Allowed::Answers(1, "the answer that makes it")]);
    }

    /// Somebody comes in through the provider.
    pub fn provider(&mut self) {
        self.plant(
            "client secret",
            CLIENT_SECRET,
            &[Allowed::Provider("it is how the server says who it is")],
        );
        self.plant("access token", "an-access-token", &[]);
        let invitation = self.invite(ADA);
        self.plant("invitation by provider", &invitation, &[Allowed::Answers(1, "the answer that makes it")]);
        let begun = self.browser().post("/sign-in/provider", "");
        is(200, &begun);
        let leads_to = begun.lines().find_map(|line| line.strip_prefix("refresh: 0; url="));
        let back = self.outside.provider.say_yes(leads_to.expect("it leads on"));
        let path = back.strip_prefix(self.server.url()).expect("it leads back here");
        let came = self.with_cookies(&begun).page(path);
        is(303, &came);
        assert!(came.contains("groundswell_session="), "{came}");
        self.with_cookies(&came);
    }

    /// Somebody opens a program's editor by a link.
    pub fn editor_link(&mut self) {
        let link = token(&self.client.post(&self.path("/editor-link"), &json!({})).ok());
        let link = link.split('&').next().expect("a token");
        let shown = "the answer that makes it, and the form that it opens";
        self.plant("editor link", link, &[Allowed::Answers(2, shown)]);
        let browser = self.browser();
        is(200, &browser.page(&format!("/embed?token={link}")));
        let headers =
            [("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded")];
        let opened = browser.ask("POST /embed", &headers, &form(&[("token", link)]));
        let cookie = opened.get("set-cookie").unwrap_or_else(|| panic!("{opened:?}"));
        let frame = self.with_cookies(&format!("set-cookie: {cookie}"));
        is(200, &frame.page(&format!("/embed/programs/{}/webhooks", self.program)));
    }

    /// Somebody is asked whether they want letters, does, and gets one. What each letter has is its reader's alone.
    pub fn letters(&mut self) {
        self.plant("SMTP password", SMTP_PASSWORD, &[]);
        self.plant("announced secret", ANNOUNCED, &[]);
        let recipient = json!({ "email": EVE, "language": "en" });
        self.client.post(&self.path("/webhooks/primary/recipients"), &recipient).ok();
        let question = self.outside.mail.wait_for_letters_to(EVE, 1).remove(0);
        let asked = tokens(&question).remove(0);
        let reader = "it is in every letter to them, and begins and ends these letters alone";
        let shown = "the page that the link opens, and that it leads to";
        let allowed = [Allowed::Letters(EVE.to_owned(), reader), Allowed::Answers(2, shown)];
        self.plant("token of letters", &asked, &allowed);
        let browser = self.browser();
        is(200, &browser.page(&format!("/notifications?token={asked}")));
        is(200, &browser.post("/notifications", &form(&[("token", &asked), ("intent", "want")])));
        self.client.patch(&self.path("/webhooks/primary"), &json!({ "secret": ANNOUNCED })).ok();
        self.outside.mail.wait_for_letters_to(EVE, 2);
        for letter in self.outside.mail.letters() {
            let to = letter["to"][0].as_str().expect("it is to somebody").to_owned();
            for token in tokens(&letter) {
                if self.secrets.iter().all(|secret| secret.value != token) {
                    self.plant("token of letters", &token, &[Allowed::Letters(to.clone(), reader)]);
                }
            }
        }
    }
}

/// The token of the link in an answer.
fn token(answer: &Value) -> String {
    let url = answer["url"].as_str().unwrap_or_else(|| panic!("no link in {answer}"));
    url.split_once("token=").expect("a token").1.to_owned()
}

/// The tokens of the links in a letter.
fn tokens(letter: &Value) -> Vec<String> {
    let text = letter["text"].as_str().expect("a text");
    let links = text.split("token=").skip(1);
    links.map(|rest| rest.split_whitespace().next().expect("a token").to_owned()).collect()
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[track_caller]
fn is(status: u16, answer: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status} was wanted: {answer}");
}
