//! The pages in every language, and the choice of one.

use groundswell_app::Language;
use groundswell_app::forms::{self, Answer, Post};
use groundswell_catalogue::{Catalogue, SAID, Text};
use http::StatusCode;

use crate::memory::Memory;
use crate::site::Site;

const PAGES: [&str; 16] = [
    "/",
    "/sign-in",
    "/sign-in?token=good",
    "/nothing",
    "/settings/account",
    "/settings/sessions",
    "/programs/p1/options",
    "/programs/p1/options/webhooks",
    "/programs/p1/options/webhooks/history",
    "/programs/p1/deliveries",
    "/programs/p1/deliveries?delivery=dlv_0000000000010",
    "/programs/p1/inbox",
    "/programs/p1/inbox?request=inr_0000000000001",
    "/programs/p1/deliveries?delivery=dlv_000000000001r&status=2xx",
    "/programs/p1/deliveries?resend=all",
    "/programs/p1/deliveries?job=rsj_0000000000001&text=nothing",
];

fn catalogue() -> Catalogue {
    Catalogue::read("../../catalogue".as_ref()).expect("the catalogue is complete")
}

/// The stretches of words of a text.
fn words(text: &Text) -> Vec<String> {
    let shown = text.shown();
    shown.split(['{', '}', '<', '>']).step_by(2).map(|words| words.trim().to_owned()).collect()
}

/// The texts of several words that are English and nothing else.
fn english_only(language: Language) -> Vec<String> {
    let catalogue = catalogue();
    let other: Vec<String> = catalogue.texts(language as usize).values().flat_map(words).collect();
    let english = catalogue.texts(0).iter().filter(|((area, _), _)| area != SAID);
    let english = english.flat_map(|(_, text)| words(text));
    english.filter(|words| words.split(' ').count() > 1 && !other.contains(words)).collect()
}

#[tokio::test]
async fn every_page_is_whole_in_every_language() {
    for language in [Language::German, Language::Spanish] {
        let site = Site::in_language(Memory::full(), language);
        let english = english_only(language);
        for path in PAGES {
            let page = site.get(path).await;
            assert!(page.html.contains(&format!("<html lang=\"{}\"", language.tag())), "{path}");
            let left: Vec<_> = english.iter().filter(|words| page.html.contains(*words)).collect();
            assert!(left.is_empty(), "English on {path} in {language:?}: {left:?}");
        }
    }
}

#[tokio::test]
async fn every_page_has_the_switch_and_it_leads_back_to_the_page() {
    for language in Language::ALL {
        let site = Site::in_language(Memory::full(), language);
        for path in PAGES {
            let page = site.get(path).await;
            let path = path.replace('&', "&amp;");
            let start = page.html.find("class=\"languages\"").expect("there is a switch");
            let switch = &page.html[start..][..page.html[start..].find("</form>").expect("it ends")];
            assert!(switch.contains(&format!("name=\"back\" value=\"{path}\"")), "{path}: {switch}");
            for other in Language::ALL {
                let is_current = if other == language { "true" } else { "false" };
                let tag = other.tag();
                let button = format!("value=\"{tag}\" lang=\"{tag}\" aria-current=\"{is_current}\"");
                assert!(switch.contains(&button) && switch.contains(other.name()), "{path}: {switch}");
            }
        }
    }
}

#[tokio::test]
async fn a_choice_is_remembered_and_leads_back() {
    let site = Site::new(Memory::full());
    let body = "language=de&back=%2Fprograms%2Fp1%2Fdeliveries%3Fstate%3Dheld";
    let post = Post { path: "/language", query: "", body: body.as_bytes(), language: site.language };
    let answer = forms::submit(site.backend.as_ref(), post).await;
    let Answer::Redirect { location, set_cookie } = answer else { panic!("does not redirect") };
    assert_eq!(location, "/programs/p1/deliveries?state=held");
    assert_eq!(set_cookie.as_deref(), Some("language=de"));
    let page = site.post("/language", "language=xx&back=%2F").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_the_server_says_is_in_the_language_of_the_page() {
    let panel = "/programs/p1/options/webhooks";
    for (language, wanted) in [
        (Language::German, ["Einige der Eingaben können so", "Muss mit https:// oder http:// beginnen."]),
        (Language::Spanish, ["Algunos de los datos introducidos", "Debe empezar por https:// o http://."]),
    ] {
        let site = Site::in_language(Memory::full(), language);
        let page =
            site.post(panel, "version=0&row=a&url.a=ftp&intent=publish").await.expect_err("comes back");
        page.shows(&wanted);
        site.get(panel).await.shows(&wanted[1..]);
    }
    let site = Site::in_language(Memory::full(), Language::German);
    let page = site.post("/", "name=A&type=NONE").await.expect_err("comes back");
    page.shows(&["Wählen Sie Empfehlungsprogramm oder Affiliate-Programm."]);
}

#[test]
fn every_text_is_typed_as_its_language_does() {
    let catalogue = catalogue();
    for language in Language::ALL {
        for ((area, key), text) in catalogue.texts(language as usize) {
            let shown = text.shown();
            let quotes: &[char] = match language {
                Language::English => &['„', '«', '»'],
                Language::German => &['”', '«', '»', '\''],
                Language::Spanish => &['„', '“', '”', '\''],
            };
            assert!(!shown.contains(quotes), "{language:?} {area} {key}: {shown}");
            assert!(!shown.contains("..."), "{language:?} {area} {key}: {shown}");
        }
    }
}
