//! Signing in with a password, one's own account, and sessions.

use groundswell_app::Language;
use groundswell_app::backend::account::{Account, Asks};
use groundswell_app::backend::telling::Whose;
use groundswell_app::plain::provider::Provider;
use http::StatusCode;

use crate::memory::{Memory, PASSWORD};
use crate::site::Site;

const ACCOUNT: &str = "/settings/account";
const SESSIONS: &str = "/settings/sessions";

#[tokio::test]
async fn a_password_signs_in_and_leads_to_where_somebody_wanted_to_go() {
    let site = Site::new(Memory::default());
    let page = site.sign_in_before("/programs/p1/deliveries?state=held").await;
    page.shows(&["Sign in", "E-mail address", "No password, or forgotten?", "one-time link"]);
    assert_eq!(page.tags("name=\"next\" value=\"/programs/p1/deliveries?state=held\"").len(), 1);
    for attribute in ["autocomplete=\"username\"", "autocomplete=\"current-password\""] {
        assert_eq!(page.tags(attribute).len(), 1, "{attribute}");
    }
    assert!(!page.html.contains(".wasm"), "the page has no browser half");

    let form = format!("email=ada@example.com&password={PASSWORD}&next=/programs/p1/inbox");
    assert_eq!(site.post("/sign-in", &form).await.ok().as_deref(), Some("/programs/p1/inbox"));
    let form = format!("email=ada@example.com&password={PASSWORD}&next=https://evil.example/");
    assert_eq!(site.post("/sign-in", &form).await.ok().as_deref(), Some("/"));
}

#[tokio::test]
async fn a_wrong_password_comes_back_without_it_and_with_everything_else() {
    let site = Site::in_language(Memory::default(), Language::German);
    let form = "email=ada@example.com&password=wrong-password&next=/programs/p1/inbox";
    let page = site.post("/sign-in", form).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.shows(&["E-Mail-Adresse und Passwort passen nicht zusammen."]);
    assert_eq!(page.tags("value=\"ada@example.com\"").len(), 1);
    assert_eq!(page.tags("value=\"/programs/p1/inbox\"").len(), 1);
    assert!(!page.html.contains("wrong-password"));
    let page = site.post("/sign-in", "email=locked@example.com&password=x").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    page.shows(&["Versuchen Sie es in 30 Min. wieder"]);
}

#[tokio::test]
async fn an_account_gets_its_first_password_and_then_asks_for_it() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").account = Some(Account {
        name: "Owner".to_owned(),
        email: None,
        whose: None,
        has_password: false,
        asks: Asks::Nothing,
        has_provider: false,
    });
    let site = Site::new(memory);
    let page = site.get(ACCOUNT).await;
    page.shows(&["Account", "So far you can only come back with a link."]);
    assert!(page.tags("name=\"present-password\"").is_empty());
    let form = format!("intent=sign-in&email=ada@example.com&new-password={PASSWORD}");
    assert_eq!(site.post(ACCOUNT, &form).await.ok().as_deref(), Some("/settings/account?done=sign-in"));
    let page = site.get("/settings/account?done=sign-in").await;
    page.shows(&["That is how you sign in from now on.", "Changing either signs you out everywhere else."]);
    assert_eq!(page.tags("name=\"present-password\"").len(), 1);

    let form = "intent=sign-in&email=other@example.com&new-password=&present-password=x";
    let page = site.post(ACCOUNT, form).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["The present password is not right."]);
    assert_eq!(page.tags("value=\"other@example.com\"").len(), 1, "what was typed is kept");
    let renamed = site.post(ACCOUNT, "intent=name&name=Ada+L.").await;
    assert_eq!(renamed.ok().as_deref(), Some("/settings/account?done=name"));
    assert_eq!(site.get(ACCOUNT).await.tags("value=\"Ada L.\"").len(), 1);
}

#[tokio::test]
async fn who_has_just_come_by_a_link_needs_no_present_password_and_who_came_long_ago_signs_in_again() {
    let site = site_with_provider(true, false);
    let asks = |asks| {
        let mut state = site.backend.state.lock().expect("not poisoned");
        state.account.as_mut().expect("an account").asks = asks;
    };
    asks(Asks::Nothing);
    let page = site.get(ACCOUNT).await;
    page.shows(&["How you sign in", "Connect with Acme"]);
    assert_eq!(page.tags("name=\"present-password\"").len(), 1, "to connect, and not for a new password");
    asks(Asks::NewSignIn);
    let page = site.get(ACCOUNT).await;
    page.shows(&["How you sign in", "You signed in more than an hour ago."]);
    for gone in ["name=\"new-password\"", "action=\"/sign-in/provider\""] {
        assert!(page.tags(gone).is_empty(), "{gone}");
    }
    site.get(&format!("{ACCOUNT}?provider=too-long-ago"))
        .await
        .shows(&["You signed in more than an hour ago."]);
}

#[tokio::test]
async fn a_link_is_offered_where_there_is_e_mail_and_whoever_asks_learns_nothing() {
    let site = Site::new(Memory::default());
    assert!(
        !site.get("/sign-in?sent=link").await.html.contains("link\" formnovalidate"),
        "there is no e-mail"
    );
    site.backend.state.lock().expect("not poisoned").sends_links = true;
    let page = site.sign_in_before("/programs/p1/inbox").await;
    page.shows(&["E-mail me a link to sign in"]);
    assert_eq!(page.tags("value=\"send-link\"").len(), 1);
    let mut pages = Vec::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        let form = format!("intent=send-link&email={email}&password=&next=/programs/p1/inbox");
        let location = site.post("/sign-in", &form).await.ok().expect("leads on");
        assert_eq!(location, "/sign-in?sent=link&next=%2Fprograms%2Fp1%2Finbox");
        pages.push(site.get(&location).await);
    }
    pages[0].shows(&["an e-mail with a link is on its way"]);
    assert_eq!(pages[0].text(), pages[1].text());
    assert_eq!(pages[0].tags("name=\"next\" value=\"/programs/p1/inbox\"").len(), 1);
    let page = site.post("/sign-in", "intent=send-link&email=ada&password=").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Must be an e-mail address such as ada@example.com."]);
    assert_eq!(page.tags("value=\"ada\"").len(), 1, "what was typed is kept");
}

#[tokio::test]
async fn a_page_with_a_browser_half_tells_when_somebody_does_something_on_it() {
    let site = Site::new(Memory::full());
    for (path, tells) in [("/", true), (SESSIONS, false)] {
        let page = site.get(path).await;
        let is_told = page.html.contains("const seen = () => {") && page.html.contains("\"/seen\"");
        assert_eq!(is_told, tells, "{path}");
    }
}

#[tokio::test]
async fn whoever_has_no_password_is_asked_for_one_on_the_list_of_programs() {
    let memory = Memory::full();
    let asks = "Set your e-mail address and a password";
    let site = Site::new(memory);
    assert!(!site.get("/").await.text().contains(asks));
    let set = |needs| {
        let mut state = site.backend.state.lock().expect("not poisoned");
        state.viewer.as_mut().expect("somebody").needs_password = needs;
    };
    set(true);
    let page = site.get("/").await;
    page.shows(&[asks, "Bring a friend"]);
    assert_eq!(page.tags("href=\"/settings/account\"").len(), 1);
}

#[tokio::test]
async fn sessions_are_listed_in_words_and_all_but_this_one_can_be_ended() {
    let site = Site::new(Memory::full());
    let page = site.get(SESSIONS).await;
    page.shows(&["Sessions", "Firefox on Linux", "198.51.100.7", "This browser", "End all others"]);
    assert_eq!(page.tags("name=\"session\"").len(), 1, "this one is ended by signing out");
    assert_eq!(site.post(SESSIONS, "intent=end&session=ses_2").await.ok().as_deref(), Some(SESSIONS));
    let page = site.get(SESSIONS).await;
    assert!(page.tags("name=\"session\"").is_empty() && !page.text().contains("End all others"));
    assert_eq!(site.post(SESSIONS, "intent=end-others").await.ok().as_deref(), Some(SESSIONS));
}

#[tokio::test]
async fn the_page_says_whether_the_address_is_known_to_be_theirs() {
    for (whose, shown) in [
        (Whose::Unknown, "Not confirmed yet"),
        (Whose::Theirs, "Confirmed. What concerns your account"),
        (Whose::NotTheirs, "wants nothing about this account"),
    ] {
        let memory = Memory::full();
        let with_mail = |account: &mut Account| account.whose = Some(whose);
        memory.state.lock().expect("not poisoned").account.as_mut().map(with_mail).expect("an account");
        Site::new(memory).get(ACCOUNT).await.shows(&[shown]);
    }
    let page = Site::new(Memory::full()).get(ACCOUNT).await;
    assert!(!page.text().contains("onfirmed"), "this server sends no e-mail");
}

/// A site whose server has an OpenID provider, for somebody who has these ways in.
fn site_with_provider(has_password: bool, has_provider: bool) -> Site {
    let memory = Memory::full();
    let email = Some("ada@example.com".to_owned());
    let asks = if has_password { Asks::PresentPassword } else { Asks::Nothing };
    memory.state.lock().expect("not poisoned").account =
        Some(Account { name: "Ada".to_owned(), email, whose: None, has_password, asks, has_provider });
    Site { provider: Some(Provider { name: "Acme".to_owned() }), ..Site::new(memory) }
}

#[tokio::test]
async fn the_way_through_the_provider_keeps_where_somebody_wanted_to_go() {
    let site = site_with_provider(true, false);
    let wanted = "name=\"next\" value=\"/programs/p1/inbox\"";
    assert_eq!(site.sign_in_before("/programs/p1/inbox").await.tags(wanted).len(), 2, "in both forms");
    let page = site.get("/sign-in?provider=declined&next=%2Fprograms%2Fp1%2Finbox").await;
    page.shows(&["The sign-in was cancelled there."]);
    assert_eq!(page.tags(wanted).len(), 2);
    assert!(!Site::new(Memory::full()).get("/sign-in").await.html.contains("/sign-in/provider"));
}

#[tokio::test]
async fn an_account_is_connected_with_its_password_and_keeps_a_way_in_when_that_ends() {
    let site = site_with_provider(true, false);
    let page = site.get(ACCOUNT).await;
    page.shows(&["Connect with Acme"]);
    assert_eq!(page.tags("name=\"present-password\"").len(), 2, "for either change");
    for (word, sentence) in [
        ("wrong-password", "The present password is not right."),
        ("too-many-guesses", "There were too many wrong passwords."),
        ("busy", "Too many people sign in at the moment."),
        ("is-anothers", "Somebody else's account here is connected with that account already."),
    ] {
        site.get(&format!("{ACCOUNT}?provider={word}")).await.shows(&[sentence]);
    }
    let site = site_with_provider(false, false);
    assert!(site.get(ACCOUNT).await.tags("name=\"present-password\"").is_empty(), "there is none to ask for");

    let site = site_with_provider(false, true);
    let page = site.get(ACCOUNT).await;
    page.shows(&["You can sign in with Acme.", "set a password first"]);
    assert!(
        !page.html.contains("disconnect-provider") && !page.html.contains("action=\"/sign-in/provider\"")
    );
    let page = site.post(ACCOUNT, "intent=disconnect-provider").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);

    let site = site_with_provider(true, true);
    assert_eq!(site.get(ACCOUNT).await.tags("value=\"disconnect-provider\"").len(), 1);
    let page = site.post_and_follow(ACCOUNT, "intent=disconnect-provider").await;
    page.shows(&["That account opens this one no longer.", "Connect with Acme"]);
}
