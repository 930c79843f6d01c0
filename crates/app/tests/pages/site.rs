//! Renders pages and posts forms the way the server does.

use std::sync::Arc;
use std::time::Duration;

use any_spawner::Executor;
use axum::body::Body;
use axum::extract::Request;
use groundswell_app::backend::Backend;
use groundswell_app::failure::Failure;
use groundswell_app::forms::{self, Answer, Post};
use groundswell_app::plain::provider::Provider;
use groundswell_app::plain::{Asked, Outcome, PlainPage, PlainShown};
use groundswell_app::{Language, Returned, SiteAssets, plain_shell, shell};
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use leptos::prelude::{IntoView, provide_context};

use crate::memory::Memory;

/// A page that takes longer waits for something that never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The page of API keys.
pub const API_KEYS: &str = "/settings/api-keys";

/// A browser without JavaScript.
pub struct Site {
    pub backend: Arc<Memory>,
    /// What its pages are in.
    pub language: Language,
    /// The OpenID provider of the server, if it has one.
    pub provider: Option<Provider>,
}

/// A page as it arrived.
pub struct Page {
    pub status: StatusCode,
    pub html: String,
}

impl Site {
    pub fn new(backend: Memory) -> Self {
        // What futures are spawned on; another test may have set it up.
        let _ = Executor::init_tokio();
        Self { backend: Arc::new(backend), language: Language::English, provider: None }
    }

    /// A browser of somebody who reads that language.
    pub fn in_language(backend: Memory, language: Language) -> Self {
        Self { language, ..Self::new(backend) }
    }

    pub async fn get(&self, path: &str) -> Page {
        let (only_path, _) = path.split_once('?').unwrap_or((path, ""));
        // Of the paths with a part that varies, it is the last one.
        let is_at = |page: &PlainPage| match page.path().split_once('{') {
            Some((before, _)) => only_path.starts_with(before),
            None => page.path() == only_path,
        };
        match PlainPage::ALL.into_iter().find(is_at) {
            Some(page) => self.plain((page, path), None).await,
            None => self.render(path, None).await,
        }
    }

    async fn render(&self, path: &str, returned: Option<Returned>) -> Page {
        let context = move || {
            if let Some(returned) = &returned {
                provide_context(returned.clone());
            }
        };
        self.render_as(path, context, shell).await
    }

    /// A page that the browser half has nothing of.
    async fn plain(&self, (page, path): (PlainPage, &str), outcome: Option<Outcome>) -> Page {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let shown = PlainShown::read(
            self.backend.as_ref(),
            Asked { page, path: path.split('?').next().unwrap_or_default(), query, outcome },
        )
        .await;
        self.render_as(path, move || provide_context(shown.clone()), plain_shell).await
    }

    /// The page for signing in, where the server puts it in the place of another.
    pub async fn sign_in_before(&self, path: &str) -> Page {
        let shown = Ok::<_, Failure>(PlainShown::sign_in(self.backend.as_ref(), path));
        self.render_as(path, move || provide_context(shown.clone()), plain_shell).await
    }

    /// The page of API keys.
    pub async fn api_keys(&self) -> Page {
        self.get(API_KEYS).await
    }

    async fn render_as<Document: IntoView + 'static>(
        &self,
        path: &str,
        provide: impl Fn() + Clone + Send + Sync + 'static,
        document: fn(SiteAssets) -> Document,
    ) -> Page {
        let backend: Arc<dyn Backend> = self.backend.clone();
        let (language, provider) = (self.language, self.provider.clone());
        let context = move || {
            provide_context(Arc::clone(&backend));
            provide_context(language);
            if let Some(provider) = provider.clone() {
                provide_context(provider);
            }
            provide();
        };
        let url = |extension: &str| format!("/pkg/groundswell.{extension}");
        let texts = Language::ALL.map(|language| url(&format!("{}.txt", language.tag())));
        let assets = SiteAssets { js: url("js"), wasm: url("wasm"), css: url("css"), texts };
        let render = leptos_axum::render_app_async_with_context(context, move || document(assets.clone()));
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::try_from(path).expect("a path");
        let whole = async {
            let response = render(request).await;
            let status = response.status();
            (status, response.into_body().collect().await.expect("the page is whole").to_bytes())
        };
        let (status, bytes) = tokio::time::timeout(PATIENCE, whole).await.expect("the page ends");
        let html = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        // Leptos' markers between texts that may change apart from each other.
        Page { status, html: html.replace("<!>", "") }
    }

    /// Posts a form; what it is redirected to, or the page that came back.
    pub async fn post(&self, path: &str, body: &str) -> Result<String, Page> {
        let (only_path, query) = path.split_once('?').unwrap_or((path, ""));
        let post = Post { path: only_path, query, body: body.as_bytes(), language: self.language };
        match forms::submit(self.backend.as_ref(), post).await {
            Answer::Redirect { location, .. } | Answer::SignedIn { location, .. } => Ok(location),
            Answer::Page { status, returned } => {
                let page = self.render(path, Some(*returned)).await;
                Err(Page { status: StatusCode::from_u16(status).expect("a status"), ..page })
            }
            Answer::Plain { status, outcome } => {
                let page = self.plain((outcome.page(), path), Some(*outcome)).await;
                Err(Page { status: StatusCode::from_u16(status).expect("a status"), ..page })
            }
        }
    }

    /// Posts a form that works and opens the page it leads to.
    pub async fn post_and_follow(&self, path: &str, body: &str) -> Page {
        let location = match self.post(path, body).await {
            Ok(location) => location,
            Err(page) => panic!("the form came back with {}: {}", page.status, page.main()),
        };
        self.get(location.split('#').next().unwrap_or_default()).await
    }
}

impl Page {
    /// What is in `<main>`, without the data for the browser half after it.
    pub fn main(&self) -> &str {
        let start = self.html.find("<main").expect("a main element");
        let end = self.html.rfind("</main>").expect("a main element");
        &self.html[start..end]
    }

    /// Whether all of that is to be seen, tags left out.
    #[track_caller]
    pub fn shows(&self, texts: &[&str]) {
        let text = self.text();
        for wanted in texts {
            assert!(text.contains(wanted), "{wanted:?} is not in {text}");
        }
    }

    /// What is to be seen, tags left out.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut is_tag = false;
        for c in self.main().chars() {
            match c {
                '<' => is_tag = true,
                '>' => {
                    is_tag = false;
                    text.push(' ');
                }
                c if !is_tag => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The tags that have this text in them.
    pub fn tags(&self, part: &str) -> Vec<&str> {
        self.main()
            .split('<')
            .map(|tag| tag.split('>').next().unwrap_or_default())
            .filter(|tag| tag.contains(part))
            .collect()
    }
}
