//! The whole document around the app, and how the browser half is started in it.

use groundswell_types::Theme;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::app::App;
use crate::language::{Language, language};
use crate::plain::PlainApp;

/// The URLs of the site's files. Their names have hashes of their contents, so browsers keep them for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteAssets {
    /// The JavaScript that loads the browser half.
    pub js: String,
    /// The browser half.
    pub wasm: String,
    /// The style sheet.
    pub css: String,
    /// The texts that the browser half loads, in the order of [`Language::ALL`].
    pub texts: [String; Language::ALL.len()],
}

/// Tells the server that somebody does something on the page, every five minutes at most. What the page asks for by itself
/// keeps no session, and what it asks for because of a click looks the same to the server. The browser half is not needed for
/// this, and would be larger.
const SEEN: &str = r#"let told = Date.now();
const seen = () => {
  if (Date.now() - told < 300000) return;
  told = Date.now();
  const base = /^\/embed\//.test(location.pathname) ? "/embed" : "";
  fetch(base + "/seen", { method: "POST", keepalive: true }).catch(() => {});
};
for (const act of ["pointerdown", "keydown", "wheel"]) addEventListener(act, seen, { capture: true, passive: true });"#;

/// The whole page.
pub fn shell(assets: SiteAssets) -> impl IntoView {
    // Leptos' own HydrationScripts looks for names with hashes in a file beside the binary; the server knows them.
    let [js, wasm] = [&assets.js, &assets.wasm].map(|path| quoted(path));
    let texts = &assets.texts[language() as usize];
    let start = format!(
        "import start, {{ hydrate }} from {js};\n\
         const said = (answer) => {{ if (!answer.ok) throw new Error(answer.url); return answer.text(); }};\n\
         Promise.all([fetch({}).then(said), start({{ module_or_path: {wasm} }})]).then(([texts]) => hydrate(texts));\n{SEEN}",
        quoted(texts),
    );
    let browser_half = view! {
        <link rel="modulepreload" href=assets.js nonce=use_nonce()/>
        <link rel="preload" href=assets.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
        <link rel="preload" href=texts.clone() r#as="fetch" r#type="text/plain" crossorigin="anonymous"/>
        <script type="module" nonce=use_nonce()>{start}</script>
    };
    document(assets.css, browser_half, view! { <App/> })
}

/// A page of HTML and forms alone, without the browser half.
pub fn plain_shell(assets: SiteAssets) -> impl IntoView {
    document(assets.css, (), view! { <PlainApp/> })
}

fn document(css: String, head: impl IntoView, body: impl IntoView) -> impl IntoView {
    // The style sheet goes by the visitor's system where none is said.
    let theme = use_context::<Theme>().filter(|theme| *theme != Theme::Auto).map(Theme::as_str);
    view! {
        <!DOCTYPE html>
        <html lang=language().tag() data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="stylesheet" href=css/>
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                {head}
                <MetaTags/>
            </head>
            <body>{body}</body>
        </html>
    }
}

/// A URL path as a JavaScript string. The server chose it, so it has nothing to escape but what would end it.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace(['"', '\\', '<', '\n'], ""))
}
