//! Keeping open pages as the server has them.
//!
//! The server tells over a stream what kind of thing changed (`server/src/live.rs`), and whoever shows it asks for it
//! anew, through the server function the page was made with. Where there is no stream, everybody asks every few seconds.
//! While the page is hidden, nothing of this happens.
//!
//! None of it keeps a session from ending because nobody uses it. Once it has ended, the next answer says so, and the page is
//! loaded anew: what it showed is gone then, and there is the way to sign in.

mod line;
mod turn;
mod wire;

use std::future::Future;

use groundswell_types::{Change, ProgramId};
use leptos::prelude::*;

use crate::boxed::effect;
use crate::failure::Failure;
use crate::place::{Place, place};
pub use turn::Asked;

/// What a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    AllPrograms,
    Program(ProgramId),
}

impl Watched {
    /// Where the server tells what changed.
    fn url(&self, place: Place) -> String {
        match self {
            Self::AllPrograms => "/programs/live".to_owned(),
            Self::Program(id) => format!("{}/programs/{id}/live", place.base()),
        }
    }
}

/// Calls `ask` whenever one of `changes` may have happened, one call at a time, for as long as the component lives.
pub fn follow<F, A>(watched: Watched, changes: &'static [Change], ask: A)
where
    F: Future<Output = Asked> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    let url = watched.url(place());
    // Effects run in the browser only.
    effect(move |_| {
        let follower = wire::join(url.clone(), changes, move || Box::pin(ask()));
        on_cleanup(move || wire::leave(follower));
    });
}

/// Keeps `shown` equal to what `ask` answers. A question that fails changes nothing, and is asked again.
pub fn keep<T, F, A>(watched: Watched, changes: &'static [Change], shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, Failure>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    follow(watched, changes, move || async move { take(shown, ask().await) });
}

/// Shows an answer if it is another one than before.
pub fn take<T: PartialEq + Send + Sync + 'static>(shown: RwSignal<T>, answer: Result<T, Failure>) -> Asked {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return Asked::without_answer(&failure),
    };
    // The person may have left the page meanwhile.
    if shown.try_with_untracked(|shown| *shown != answer) == Some(true) {
        shown.set(answer);
    }
    Asked::Done
}
