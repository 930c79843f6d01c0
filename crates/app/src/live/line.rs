//! When to connect, when to give a connection up, and when to ask without one. Pure: what happened comes in, what is to be
//! done comes out.

use groundswell_types::Change;

/// The server says something, be it nothing new, every 20 s (`server/src/live.rs`). After twice that it is gone.
const SILENCE_MS: u32 = 45_000;

/// So long a connection may take before everybody asks without it.
const PATIENCE_MS: u32 = 3_000;

/// How often everybody asks while there is no stream.
const POLL_MS: u32 = 3_000;

/// After a stream broke, for example because the server is started again.
const BROKEN_MS: u32 = 1_000;

/// Every so many polls the stream is tried again, when it was tried a few times in vain: once a minute.
const POLLS_PER_TRY: u32 = 20;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The page can be seen, from the beginning or again.
    Shown,
    Hidden,
    /// The server's list of what changed; the first one says that the stream stands.
    Message(Vec<Change>),
    /// The stream ended, or could not be begun.
    Broken,
    /// The time is up that was asked for last.
    Timer,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Connect,
    Disconnect,
    /// Everybody asks.
    AskAll,
    /// Those ask who show one of these.
    Ask(Vec<Change>),
    /// Wake up in so many milliseconds, and not when it was asked for before.
    WakeIn(u32),
    /// Do not wake up.
    Sleep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Link {
    #[default]
    Down,
    Trying,
    Up,
}

/// The connection of a page.
#[derive(Debug, Default)]
pub struct Line {
    link: Link,
    /// Since the last time there was a stream.
    polls: u32,
}

impl Line {
    /// What to do about something that happened.
    pub fn hear(&mut self, heard: Heard) -> Vec<Act> {
        match heard {
            Heard::Shown => {
                *self = Self { link: Link::Trying, polls: 0 };
                vec![Act::Connect, Act::WakeIn(PATIENCE_MS)]
            }
            Heard::Hidden => {
                self.link = Link::Down;
                vec![Act::Disconnect, Act::Sleep]
            }
            Heard::Message(changed) if self.link == Link::Up => {
                let ask = (!changed.is_empty()).then_some(Act::Ask(changed));
                ask.into_iter().chain([Act::WakeIn(SILENCE_MS)]).collect()
            }
            // What changed while there was no stream nobody has told.
            Heard::Message(_) => {
                *self = Self { link: Link::Up, polls: 0 };
                vec![Act::AskAll, Act::WakeIn(SILENCE_MS)]
            }
            // The browser would try again by itself, at its own times.
            Heard::Broken => {
                let was_up = std::mem::take(&mut self.link) == Link::Up;
                vec![Act::Disconnect, Act::WakeIn(if was_up { BROKEN_MS } else { POLL_MS })]
            }
            Heard::Timer => self.poll(),
        }
    }

    fn poll(&mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        if std::mem::take(&mut self.link) != Link::Down {
            acts.push(Act::Disconnect);
        }
        acts.push(Act::AskAll);
        self.polls = self.polls.saturating_add(1);
        let is_early = self.polls.is_power_of_two() && self.polls < POLLS_PER_TRY;
        if is_early || self.polls.is_multiple_of(POLLS_PER_TRY) {
            self.link = Link::Trying;
            acts.push(Act::Connect);
        }
        acts.push(Act::WakeIn(POLL_MS));
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Line {
        let mut line = Line::default();
        assert_eq!(line.hear(Heard::Shown), [Act::Connect, Act::WakeIn(PATIENCE_MS)]);
        line
    }

    fn up() -> Line {
        let mut line = shown();
        assert_eq!(line.hear(Heard::Message(Vec::new())), [Act::AskAll, Act::WakeIn(SILENCE_MS)]);
        line
    }

    #[test]
    fn what_changed_is_asked_for_and_nothing_when_nothing_did() {
        let mut line = up();
        let changed = vec![Change::Webhooks];
        assert_eq!(line.hear(Heard::Message(changed.clone())), [Act::Ask(changed), Act::WakeIn(SILENCE_MS)]);
        assert_eq!(line.hear(Heard::Message(Vec::new())), [Act::WakeIn(SILENCE_MS)]);
    }

    #[test]
    fn a_refused_stream_is_tried_ever_less_often_while_everybody_asks() {
        let mut line = shown();
        let mut tries = Vec::new();
        for poll in 1..=60 {
            if line.link == Link::Trying {
                assert_eq!(line.hear(Heard::Broken), [Act::Disconnect, Act::WakeIn(POLL_MS)]);
            }
            let acts = line.hear(Heard::Timer);
            assert!(acts.contains(&Act::AskAll) && acts.contains(&Act::WakeIn(POLL_MS)), "{acts:?}");
            if acts.contains(&Act::Connect) {
                tries.push(poll);
            }
        }
        assert_eq!(tries, [1, 2, 4, 8, 16, 20, 40, 60]);
    }

    #[test]
    fn a_stream_that_says_nothing_at_first_or_any_more_is_given_up() {
        let given_up = [Act::Disconnect, Act::AskAll, Act::Connect, Act::WakeIn(POLL_MS)];
        assert_eq!(shown().hear(Heard::Timer), given_up);
        assert_eq!(up().hear(Heard::Timer), given_up);
    }

    #[test]
    fn a_stream_that_broke_is_soon_tried_again_and_what_was_missed_is_asked_for() {
        let mut line = up();
        assert_eq!(line.hear(Heard::Broken), [Act::Disconnect, Act::WakeIn(BROKEN_MS)]);
        assert_eq!(line.hear(Heard::Timer), [Act::AskAll, Act::Connect, Act::WakeIn(POLL_MS)]);
        assert_eq!(line.hear(Heard::Message(vec![Change::Draft])), [Act::AskAll, Act::WakeIn(SILENCE_MS)]);
    }

    #[test]
    fn a_hidden_page_has_no_stream_and_does_not_wake_up() {
        let mut line = up();
        assert_eq!(line.hear(Heard::Hidden), [Act::Disconnect, Act::Sleep]);
        assert_eq!(line.hear(Heard::Shown), [Act::Connect, Act::WakeIn(PATIENCE_MS)]);
    }
}
