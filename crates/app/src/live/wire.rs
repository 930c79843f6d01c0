//! The browser's part: streams, timers, and whether the page can be seen.
//!
//! All who show something of the same program share a line, which goes with the last of them.

use std::cell::RefCell;
use std::pin::Pin;
use std::time::Duration;

use groundswell_types::Change;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent, VisibilityState};

use crate::codec::read;

use super::line::{Act, Heard, Line};
use super::turn::{Asked, Step, Turn};

type Answer = Pin<Box<dyn Future<Output = Asked>>>;

/// Somebody who shows something.
struct Follower {
    number: u64,
    changes: &'static [Change],
    ask: Box<dyn Fn() -> Answer>,
    turn: Turn,
}

/// A line with everything the browser holds for it.
struct Held {
    url: String,
    line: Line,
    stream: Option<Stream>,
    timer: Option<TimeoutHandle>,
    followers: Vec<Follower>,
    _visibility: Visibility,
}

thread_local! {
    /// A page has one thread, and almost always one line.
    static LINES: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
    static NEXT_FOLLOWER: RefCell<u64> = const { RefCell::new(0) };
}

/// Calls `ask` when one of `changes` may have happened; returns a number for [`leave`].
pub fn join(url: String, changes: &'static [Change], ask: impl Fn() -> Answer + 'static) -> u64 {
    let number = NEXT_FOLLOWER.with_borrow_mut(|next| {
        *next += 1;
        *next
    });
    let follower = Follower { number, changes, ask: Box::new(ask), turn: Turn::default() };
    let is_new = LINES.with_borrow_mut(|lines| {
        if let Some(held) = lines.iter_mut().find(|held| held.url == url) {
            held.followers.push(follower);
            return false;
        }
        lines.push(Held {
            url: url.clone(),
            line: Line::default(),
            stream: None,
            timer: None,
            followers: vec![follower],
            _visibility: Visibility::watch(url.clone()),
        });
        true
    });
    if is_new && is_visible() {
        hear(&url, Heard::Shown);
    } else if !is_new {
        // The line stands already and will not say so again.
        want(number);
    }
    number
}

/// Nothing is to be asked any more; the last one out ends the line.
pub fn leave(number: u64) {
    let ended = LINES.with_borrow_mut(|lines| {
        let at = lines.iter().position(|held| held.followers.iter().any(|one| one.number == number))?;
        lines[at].followers.retain(|one| one.number != number);
        lines[at].followers.is_empty().then(|| lines.swap_remove(at))
    });
    if let Some(timer) = ended.and_then(|held| held.timer) {
        timer.clear();
    }
}

fn is_visible() -> bool {
    document().visibility_state() == VisibilityState::Visible
}

/// Lets a line decide, and does what it says.
fn hear(url: &str, heard: Heard) {
    let acts = with_line(url, |held| held.line.hear(heard)).unwrap_or_default();
    for act in acts {
        match act {
            Act::Connect => connect(url),
            Act::Disconnect => drop(with_line(url, |held| held.stream.take())),
            Act::AskAll => ask_those(url, Change::ALL),
            Act::Ask(changed) => ask_those(url, &changed),
            Act::WakeIn(wait_ms) => wake(url, Some(wait_ms)),
            Act::Sleep => wake(url, None),
        }
    }
}

fn with_line<T>(url: &str, act: impl FnOnce(&mut Held) -> T) -> Option<T> {
    LINES.with_borrow_mut(|lines| lines.iter_mut().find(|held| held.url == url).map(act))
}

fn connect(url: &str) {
    let stream = Stream::open(url);
    let is_open = stream.is_some();
    with_line(url, |held| held.stream = stream);
    if !is_open {
        // Not at once: whoever connects is in the middle of something.
        let url = url.to_owned();
        set_timeout(move || hear(&url, Heard::Broken), Duration::ZERO);
    }
}

/// Sets the line's one timer anew. Pages do not ask in step.
fn wake(url: &str, wait_ms: Option<u32>) {
    let timer = wait_ms.and_then(|wait_ms| {
        let wait = Duration::from_millis(wait_ms.into()).mul_f64(1.0 + js_sys::Math::random() / 4.0);
        let url = url.to_owned();
        set_timeout_with_handle(move || hear(&url, Heard::Timer), wait).ok()
    });
    let before = with_line(url, |held| std::mem::replace(&mut held.timer, timer)).flatten();
    if let Some(before) = before {
        before.clear();
    }
}

fn ask_those(url: &str, changed: &[Change]) {
    let concerned = with_line(url, |held| {
        let concerned =
            held.followers.iter().filter(|one| one.changes.iter().any(|own| changed.contains(own)));
        concerned.map(|one| one.number).collect::<Vec<_>>()
    });
    for number in concerned.unwrap_or_default() {
        want(number);
    }
}

fn with_follower<T>(number: u64, act: impl FnOnce(&mut Follower) -> T) -> Option<T> {
    LINES.with_borrow_mut(|lines| {
        lines.iter_mut().flat_map(|held| &mut held.followers).find(|one| one.number == number).map(act)
    })
}

fn want(number: u64) {
    go_on(number, with_follower(number, |one| one.turn.want()));
}

/// Does what is next for somebody's questions, as long as they are there.
fn go_on(number: u64, step: Option<Step>) {
    match step {
        None | Some(Step::Nothing) => {}
        Some(Step::Ask) => {
            let Some(answer) = with_follower(number, |one| (one.ask)()) else { return };
            spawn_local(async move {
                let began = js_sys::Date::now();
                let asked = answer.await;
                if asked == Asked::Over {
                    // Nothing more is asked, whether the browser lets the page go at once or asks about what was typed.
                    let _ = window().location().reload();
                    return;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a cast of a float ends at the bounds of the integer, which is what is wanted"
                )]
                let took_ms = (js_sys::Date::now() - began) as u32;
                go_on(number, with_follower(number, |one| one.turn.answered(asked, took_ms)));
            });
        }
        Some(Step::Rest(rest_ms)) => {
            let rested = move || {
                go_on(number, with_follower(number, |one| one.turn.rested(is_visible())));
            };
            set_timeout(rested, Duration::from_millis(rest_ms.into()));
        }
    }
}

/// An `EventSource`; closed when it is dropped.
struct Stream {
    source: EventSource,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(Event)>,
}

impl Stream {
    /// None where the browser has no such thing.
    fn open(url: &str) -> Option<Self> {
        let source = EventSource::new(url).ok()?;
        let to = url.to_owned();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
            let text = message.data().as_string().unwrap_or_default();
            // A server that is newer than this page may tell of things this page does not know.
            let changed = read::<Vec<String>>(&text).unwrap_or_default();
            let known = changed.iter().filter_map(|one| Change::parse(one));
            hear(&to, Heard::Message(known.collect()));
        });
        let to = url.to_owned();
        let on_error = Closure::<dyn Fn(Event)>::new(move |_| hear(&to, Heard::Broken));
        source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Some(Self { source, _on_message: on_message, _on_error: on_error })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onmessage(None);
        self.source.set_onerror(None);
        self.source.close();
    }
}

/// Tells a line whether its page can be seen, as long as this is there.
struct Visibility {
    listener: Closure<dyn Fn()>,
}

const VISIBILITY: &str = "visibilitychange";

impl Visibility {
    fn watch(url: String) -> Self {
        let listener = Closure::<dyn Fn()>::new(move || {
            hear(&url, if is_visible() { Heard::Shown } else { Heard::Hidden });
        });
        // Adding a listener to the document cannot fail.
        let _ = document().add_event_listener_with_callback(VISIBILITY, listener.as_ref().unchecked_ref());
        Self { listener }
    }
}

impl Drop for Visibility {
    fn drop(&mut self) {
        let _ = document()
            .remove_event_listener_with_callback(VISIBILITY, self.listener.as_ref().unchecked_ref());
    }
}
