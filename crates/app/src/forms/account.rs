//! The forms for signing in and out, and those of the account and its sessions.

use groundswell_types::SignInChange;

use super::{Answer, Form, own_page};
use crate::backend::Backend;
use crate::backend::account::Turned;
use crate::failure::Failure;
use crate::plain::account::Done;
use crate::plain::{Outcome, account, sign_in};

/// Signs in with a link's token, or else with address and password; leads to where somebody wanted to go. Or has a link sent.
pub async fn sign_in(backend: &dyn Backend, form: &Form) -> Answer {
    if form.get("intent") == "send-link" {
        return send_link(backend, form).await;
    }
    let (token, email) = (form.get("token"), form.get("email"));
    let signed_in = if token.is_empty() {
        backend.sign_in_with_password(email, form.get("password")).await
    } else {
        backend.sign_in(token).await
    };
    let next = form.get("next");
    match signed_in {
        Ok(set_cookies) => Answer::SignedIn { location: after_sign_in(next), set_cookies },
        Err(turned) => turned_away(turned, form),
    }
}

fn turned_away(turned: Turned, form: &Form) -> Answer {
    let status = turned.status;
    let (email, next) = (form.get("email").to_owned(), form.get("next").to_owned());
    let outcome = Outcome::SignIn(sign_in::Outcome { turned, email, next });
    Answer::Plain { status, outcome: Box::new(outcome) }
}

async fn send_link(backend: &dyn Backend, form: &Form) -> Answer {
    match backend.send_sign_in_link(form.get("email")).await {
        Ok(()) => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("sent", "link").append_pair("next", &after_sign_in(form.get("next")));
            Answer::redirect(format!("/sign-in?{}", query.finish()))
        }
        Err(turned) => turned_away(turned, form),
    }
}

/// Where somebody is led who has signed in and wanted to go to `next`: one of our pages; not the one for signing in, nor what
/// no page is at.
pub fn after_sign_in(next: &str) -> String {
    let own = own_page(next);
    let path = own.split('?').next().unwrap_or_default();
    if ["/sign-in", "/sign-out", "/language"].contains(&path) { "/".to_owned() } else { own }
}

pub async fn sign_out(backend: &dyn Backend) -> Answer {
    match backend.sign_out().await {
        Ok(cookie) => Answer::Redirect { location: "/sign-in".to_owned(), set_cookie: Some(cookie) },
        // Whoever is signed out already has what they wanted; anything else the page shows by itself.
        Err(_) => Answer::redirect("/sign-in"),
    }
}

/// A post of one of the account's forms.
pub async fn submit(backend: &dyn Backend, form: &Form) -> Answer {
    let done = |done: Done| format!("/settings/account?done={}", done.as_str());
    let (turned, name, email) = match form.get("intent") {
        "name" => {
            let name = form.get("name");
            match backend.rename_account(name).await {
                Ok(()) => return Answer::redirect(done(Done::Renamed)),
                Err(failure) => (Turned::from(failure), Some(name.to_owned()), None),
            }
        }
        "sign-in" => {
            let email = form.get("email");
            let (new_password, present_password) = (form.get("new-password"), form.get("present-password"));
            match backend.change_sign_in(SignInChange { email, new_password, present_password }).await {
                Ok(set_cookies) => {
                    return Answer::SignedIn { location: done(Done::SignInChanged), set_cookies };
                }
                Err(turned) => (turned, None, Some(email.to_owned())),
            }
        }
        "disconnect-provider" => match backend.disconnect_provider().await {
            Ok(()) => return Answer::redirect(done(Done::ProviderDisconnected)),
            Err(failure) => (Turned::from(failure), None, None),
        },
        _ => (Turned::from(Failure::NotFound), None, None),
    };
    let status = turned.status;
    let outcome = Outcome::Account(account::Outcome { turned, name, email });
    Answer::Plain { status, outcome: Box::new(outcome) }
}

/// A post of one of the sessions' forms.
pub async fn submit_to_sessions(backend: &dyn Backend, form: &Form) -> Answer {
    let ended = match form.get("intent") {
        "end" => backend.end_session(form.get("session")).await,
        "end-others" => backend.end_other_sessions().await,
        _ => Err(Failure::NotFound),
    };
    match ended {
        // It may have ended by itself meanwhile.
        Ok(()) | Err(Failure::NotFound) => Answer::redirect("/settings/sessions"),
        Err(failure) => {
            Answer::Plain { status: failure.status(), outcome: Box::new(Outcome::Sessions(failure)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::after_sign_in;

    #[test]
    fn signing_in_leads_to_our_own_pages_only_and_not_in_a_circle() {
        assert_eq!(after_sign_in("/programs/p1/deliveries?state=held"), "/programs/p1/deliveries?state=held");
        for other in
            ["", "/sign-in", "/sign-in?next=/", "/sign-out", "https://evil.example/", "//evil.example"]
        {
            assert_eq!(after_sign_in(other), "/", "{other}");
        }
    }
}
