//! What producers and owners know. It outlives the engine, as they do.

use std::sync::Mutex;

use groundswell_engine::Engine;
use groundswell_types::{ProgramId, WebhookId};

use crate::plan::Plan;
use crate::trace::{Hook, Tag};
use crate::world::read_url;

/// Shared by producers and owners of one life; never locked across an await.
pub(crate) type Shared = Mutex<Ledger>;

/// The books.
pub(crate) struct Ledger {
    pub(crate) programs: Vec<Program>,
    pub(crate) events: Vec<Event>,
    pub(crate) bursts_left: u32,
    pub(crate) changes_left: u32,
    next_hook: u32,
}

/// A program and its webhooks.
pub(crate) struct Program {
    pub(crate) id: Option<ProgramId>,
    pub(crate) hooks: Vec<Webhook>,
}

/// A webhook, as its owner last saw it.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) hook: Hook,
}

/// An event, as its producer knows it.
pub(crate) struct Event {
    pub(crate) program: usize,
    pub(crate) text: String,
    pub(crate) has_key: bool,
    pub(crate) state: EventState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventState {
    Open,
    Acknowledged,
    /// The server will never take it.
    Refused,
}

impl Ledger {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            programs: plan.programs.iter().map(|_| Program { id: None, hooks: Vec::new() }).collect(),
            events: Vec::new(),
            bursts_left: plan.bursts,
            changes_left: plan.changes,
            next_hook: 0,
        }
    }

    pub(crate) fn next_hook(&mut self) -> Hook {
        self.next_hook += 1;
        Hook { number: self.next_hook, revision: 1 }
    }

    pub(crate) fn add_event(&mut self, program: usize, text: String, has_key: bool) -> Tag {
        self.events.push(Event { program, text, has_key, state: EventState::Open });
        Tag::try_from(self.events.len() - 1).unwrap_or(Tag::MAX)
    }

    pub(crate) fn set_state(&mut self, tag: Tag, state: EventState) {
        if let Some(event) = usize::try_from(tag).ok().and_then(|at| self.events.get_mut(at)) {
            event.state = state;
        }
    }

    /// Looks at what is there, after a change whose answer may have got lost.
    pub(crate) fn look(&mut self, engine: &Engine) {
        for program in &mut self.programs {
            let Some(id) = &program.id else { continue };
            let Ok(webhooks) = engine.webhooks(id) else { continue };
            program.hooks.clear();
            for webhook in webhooks {
                let hook = webhook.payload_url.as_deref().and_then(read_url).map(|(_, hook)| hook);
                program.hooks.extend(hook.map(|hook| Webhook { id: webhook.id, hook }));
            }
        }
    }
}
