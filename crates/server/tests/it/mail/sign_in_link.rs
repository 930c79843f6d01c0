//! Sign-in links by e-mail: the way in for whoever comes with a new browser while somebody guesses at their account.

use serde_json::Value;

use super::server::MailServer;
use super::{sending_to, token};
use crate::browser::Browser;
use crate::server::Server;
use crate::sign_in::{ADA, Answer, BEHIND_PROXY, PASSWORD, browser, post, sign_in, with_password};

/// In a network of its own.
fn far(number: usize) -> String {
    format!("198.51.{number}.1")
}

/// Has a link sent, in a browser that nobody has signed in with.
fn wish(server: &Server, email: &str, from: &str) -> Answer {
    let fields =
        [("intent", "send-link"), ("email", email), ("password", ""), ("next", "/settings/sessions")];
    post(server, "/sign-in", (&fields, "", from))
}

/// The token of the link in a letter, which stands there alone.
fn way_in(server: &Server, letter: &Value) -> String {
    let text = letter["text"].as_str().expect("a text");
    let (_, after) = text.split_once(&format!("{}/sign-in?token=", server.url())).expect("a link");
    after.split_whitespace().next().expect("a token").to_owned()
}

/// The owner's address is confirmed, and somebody has used up what strangers may guess at their account.
fn under_attack(mail: &MailServer) -> Server {
    let server = sending_to(mail.port(), &[BEHIND_PROXY]);
    with_password(&server);
    let question = mail.wait_for_letters_to(ADA, 1).remove(0);
    let form = format!("token={}&intent=want", token(&question));
    let confirmed = Browser::signed_out(&server).post("/notifications", &form);
    assert!(confirmed.starts_with("HTTP/1.1 200"), "{confirmed}");
    for number in 0..10 {
        assert_eq!(sign_in(&server, (ADA, "wrong"), ("", &far(number))).status, 401);
    }
    let locked = sign_in(&server, (ADA, PASSWORD), ("", &far(20)));
    assert_eq!(locked.status, 429);
    assert!(locked.page.contains("E-mail me a link to sign in"), "{}", locked.page);
    server
}

#[test]
fn an_owner_with_a_new_browser_comes_in_by_e_mail_while_somebody_guesses_at_their_account() {
    let mail = MailServer::start();
    let server = under_attack(&mail);
    let asked = wish(&server, ADA, &far(21));
    assert_eq!(asked.location.as_deref(), Some("/sign-in?sent=link&next=%2Fsettings%2Fsessions"));
    let letter = mail.wait_for_letters_to(ADA, 2).remove(1);
    assert_eq!(letter["subject"], "Your link to sign in");
    assert!(letter["headers"].get("list-unsubscribe").is_none(), "{letter}");
    assert!(letter["text"].as_str().is_some_and(|text| text.contains(&far(21))), "{letter}");
    let token = way_in(&server, &letter);

    // Mail scanners and previews open links; only the button uses one up.
    for _ in 0..2 {
        let page = Browser::signed_out(&server).page(&format!("/sign-in?token={token}"));
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("This link works once"), "{page}");
    }
    let begun = post(&server, "/sign-in", (&[("token", token.as_str())], "", &far(21)));
    assert_eq!(begun.status, 303, "{}", begun.page);
    let own = browser(&server, &begun.cookies);
    assert!(own.page("/settings/sessions").contains("This browser"));
    let again = post(&server, "/sign-in", (&[("token", token.as_str())], "", &far(21)));
    assert_eq!((again.status, again.cookies.as_str()), (409, ""));
    // The browser is one of theirs from now on.
    assert_eq!(sign_in(&server, (ADA, PASSWORD), (&begun.cookies, &far(21))).status, 303);
    assert!(!server.log().contains(&token) && !server.log().contains(ADA));
}

#[test]
fn strangers_fill_no_mailbox_and_learn_of_no_account() {
    let mail = MailServer::start();
    let server = under_attack(&mail);
    let mut answers = Vec::new();
    for number in 0..6 {
        for email in [ADA, "nobody@example.com"] {
            let Answer { status, location, page, .. } = wish(&server, email, &far(30 + number));
            answers.push((status, location, page));
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let page = Browser::signed_out(&server).page(answers[0].1.as_deref().expect("leads on"));
    assert!(page.contains("an e-mail with a link is on its way"), "{page}");
    let none = wish(&server, "no address", &far(40));
    assert_eq!(none.status, 422);
    // One network can do as little as it can guess, whomever it asks for.
    let statuses: Vec<u16> =
        (0..25).map(|number| wish(&server, &format!("{number}@example.com"), &far(50)).status).collect();
    assert_eq!(statuses[..20], [303; 20]);
    assert_eq!(statuses[20..], [429; 5]);

    // The question, and three links; of which the last is as good as the first.
    mail.wait_for_letters_to(ADA, 4);
    wish(&server, ADA, &far(60));
    // What comes behind it in the outbox comes behind it to the mail server.
    let owner = Browser::signed_in(&server);
    let told = mail.wait_for_letters_to(ADA, 5);
    assert_eq!(told[4]["subject"], "New sign-in to your account", "{:?}", told[4]["subject"]);
    assert_eq!(mail.letters_to("nobody@example.com"), Vec::<Value>::new());
    let last = way_in(&server, &told[3]);
    assert_eq!(post(&server, "/sign-in", (&[("token", last.as_str())], "", &far(61))).status, 303);

    // A new password ends those that are left.
    let left = way_in(&server, &told[1]);
    let fields = [("intent", "sign-in"), ("email", ADA), ("new-password", "staple of another kind")];
    assert_eq!(post(&server, "/settings/account", (&fields, &owner.cookie, &far(62))).status, 303);
    assert_eq!(post(&server, "/sign-in", (&[("token", left.as_str())], "", &far(61))).status, 409);
}

#[test]
fn without_a_mail_server_no_link_is_offered() {
    let server = Server::start();
    let page = Browser::signed_out(&server).page("/sign-in?sent=link");
    assert!(page.contains("type=\"password\"") && !page.contains("send-link"), "{page}");
    assert!(!page.contains("on its way"));
    assert_eq!(wish(&server, ADA, &far(1)).status, 404);
}
