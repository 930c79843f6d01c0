//! The Program Editor and the pages around it.
//!
//! Compiled twice: with feature `ssr` into the server, where [`shell()`] renders a whole document over a
//! [`backend::Backend`], and with feature `hydrate` into the browser half, which takes over the server's HTML.
//! Every page works without the browser half: its forms are plain HTML forms, answered by [`forms`]. In the
//! browser the same markup is enhanced.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the components and server functions take their arguments by value, because the macros need it"
)]

mod app;
#[cfg(feature = "ssr")]
mod audit_query;
#[cfg(feature = "ssr")]
pub mod backend;
mod boxed;
mod codec;
mod components;
mod curl;
pub mod failure;
#[cfg(feature = "ssr")]
pub mod forms;
pub mod functions;
mod intent;
mod json;
pub mod language;
mod live;
mod log_intent;
mod log_query;
#[cfg(feature = "ssr")]
pub mod mail;
mod pages;
pub mod place;
#[cfg(feature = "ssr")]
pub mod plain;
mod returned;
mod routing;
#[cfg(feature = "ssr")]
mod said;
#[cfg(feature = "ssr")]
mod shell;
pub mod texts;
pub mod time;
mod viewer;
mod words;

pub use app::App;
#[cfg(feature = "ssr")]
pub use audit_query::AuditQuery;
pub use language::Language;
pub use log_query::LogQuery;
pub use returned::Returned;
#[cfg(feature = "ssr")]
pub use routing::Page;
#[cfg(feature = "ssr")]
pub use shell::{SiteAssets, plain_shell, shell};
pub use viewer::Viewer;
