//! What is known about a row of the panel while it is edited.

use groundswell_types::editor::{DraftRow, LiveStatus, PanelRow, SecretDraft};
use groundswell_types::{EventKind, Problem, ProgramType, TestView};
use leptos::prelude::*;

use crate::components::sentence;
use crate::failure::Failure;

/// A test of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// None was made.
    None,
    /// On its way.
    Running,
    /// What came of it.
    Done(TestView),
    /// It could not be made.
    Failed(Failure),
}

/// A row, as signals. Belongs to the [`super::Editor`] and lives as long.
#[derive(Clone, Copy)]
pub struct Row {
    pub key: StoredValue<String>,
    pub url: RwSignal<String>,
    pub is_enabled: RwSignal<bool>,
    pub events: RwSignal<Vec<EventKind>>,
    pub secret: RwSignal<SecretDraft>,
    /// In seconds, as typed.
    pub timeout: RwSignal<String>,
    /// What keeps the row from being published, as of the last save.
    pub problems: RwSignal<Vec<Problem>>,
    /// Whether the problems are shown: not while somebody is still typing.
    pub shows_problems: RwSignal<bool>,
    pub live: RwSignal<Option<LiveStatus>>,
    pub test: RwSignal<Test>,
    /// What is to be copied now, because it is never shown again.
    pub generated: RwSignal<Option<String>>,
    /// What is wrong with the secret that was typed last.
    pub secret_problem: RwSignal<Option<String>>,
    /// Why the last thing asked of the row, other than a test, was not done.
    pub failure: RwSignal<Option<Failure>>,
    /// Set to open the settings, because something in them is to be seen. Closing them is the browser's.
    pub is_open: RwSignal<bool>,
}

impl Row {
    /// A row as the server knows it.
    pub fn new(known: PanelRow) -> Self {
        let PanelRow { row, problems, live } = known;
        Self {
            key: StoredValue::new(row.key),
            // An empty row that was just added would only be nagged at.
            shows_problems: RwSignal::new(!row.url.is_empty()),
            url: RwSignal::new(row.url),
            is_enabled: RwSignal::new(row.is_enabled),
            events: RwSignal::new(row.events),
            secret: RwSignal::new(row.secret),
            timeout: RwSignal::new(row.timeout),
            problems: RwSignal::new(problems),
            live: RwSignal::new(live),
            test: RwSignal::new(Test::None),
            generated: RwSignal::new(None),
            secret_problem: RwSignal::new(None),
            failure: RwSignal::new(None),
            is_open: RwSignal::new(false),
        }
    }

    /// An empty row, subscribed to everything the program has.
    pub fn empty(key: String, program: ProgramType) -> Self {
        let row = DraftRow {
            key,
            url: String::new(),
            is_enabled: true,
            events: EventKind::fitting(program).collect(),
            secret: SecretDraft::None,
            timeout: String::new(),
            headers: None,
        };
        Self::new(PanelRow { row, problems: Vec::new(), live: None })
    }

    /// What is typed in the row now.
    pub fn draft(self) -> DraftRow {
        DraftRow {
            key: self.key.get_value(),
            url: self.url.get_untracked().trim().to_owned(),
            is_enabled: self.is_enabled.get_untracked(),
            events: self.events.get_untracked(),
            secret: self.secret.get_untracked(),
            timeout: self.timeout.get_untracked().trim().to_owned(),
            headers: None,
        }
    }

    /// Takes over what was typed.
    pub fn take_typed(self, typed: &DraftRow) {
        self.url.set(typed.url.clone());
        self.is_enabled.set(typed.is_enabled);
        self.events.set(typed.events.clone());
        self.timeout.set(typed.timeout.clone());
    }

    /// Whether it shows what is typed there.
    pub fn shows(self, typed: &DraftRow) -> bool {
        let own = self.draft();
        self.key.with_value(|key| *key == typed.key)
            && (own.url, own.is_enabled, own.events, own.timeout)
                == (
                    typed.url.trim().to_owned(),
                    typed.is_enabled,
                    typed.events.clone(),
                    typed.timeout.clone(),
                )
    }

    /// Takes over everything the server knows that is not typed.
    pub fn take_facts(self, known: PanelRow) {
        if self.live.get_untracked() != known.live {
            self.live.set(known.live);
        }
        if self.problems.get_untracked() != known.problems {
            self.problems.set(known.problems);
        }
        if self.secret.get_untracked() != known.row.secret {
            self.secret.set(known.row.secret);
        }
    }

    /// Shows why something asked of the row was not done, where it belongs.
    pub fn show(self, failure: Failure) {
        self.is_open.set(true);
        self.shows_problems.set(true);
        let about_secret = match &failure {
            Failure::Invalid(problems) => problems.iter().find(|problem| problem.pointer.ends_with("secret")),
            _ => None,
        };
        match about_secret.map(|problem| sentence(&problem.message)) {
            Some(problem) => self.secret_problem.set(Some(problem)),
            None => self.failure.set(Some(failure)),
        }
    }

    /// The problem with a member of the row, if it is to be shown.
    pub fn problem(self, pointer: &'static str) -> Option<String> {
        if !self.shows_problems.get() {
            return None;
        }
        self.problems.with(|problems| {
            let problem = problems.iter().find(|problem| problem.pointer == pointer)?;
            Some(sentence(&problem.message))
        })
    }
}
