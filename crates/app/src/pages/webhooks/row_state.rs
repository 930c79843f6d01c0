//! What is known about a row of the panel while it is edited.

use groundswell_types::editor::{DraftRow, HeaderDraft, LiveStatus, PanelRow, SecretDraft};
use groundswell_types::{EventKind, Problem, ProgramType, SecretOverlap, TestView};
use leptos::prelude::*;

use super::headers::HeaderRow;
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

/// What stands in the field for a row's secret.
#[derive(Clone, Copy)]
pub struct TypedSecret {
    /// What is to be copied now, because it is never shown again.
    pub generated: RwSignal<Option<String>>,
    /// Whether a secret stands in its field, which is saved when it is left.
    pub is_typing: StoredValue<bool>,
    /// What is wrong with the secret that was typed last.
    pub problem: RwSignal<Option<String>>,
}

impl TypedSecret {
    fn new() -> Self {
        let is_typing = StoredValue::new(false);
        Self { generated: RwSignal::new(None), is_typing, problem: RwSignal::new(None) }
    }
}

/// A row, as signals. Belongs to the [`super::Editor`] and lives as long.
#[derive(Clone, Copy)]
pub struct Row {
    pub key: StoredValue<String>,
    pub url: RwSignal<String>,
    pub is_enabled: RwSignal<bool>,
    pub events: RwSignal<Vec<EventKind>>,
    pub secret: RwSignal<SecretDraft>,
    /// How long the live secret stays valid beside a new one.
    pub overlap: RwSignal<SecretOverlap>,
    pub headers: RwSignal<Vec<HeaderRow>>,
    /// What people call it, as typed.
    pub name: RwSignal<String>,
    /// In seconds, as typed.
    pub timeout: RwSignal<String>,
    /// What keeps the row from being published, as of the last save.
    pub problems: RwSignal<Vec<Problem>>,
    /// Whether the problems are shown: not while somebody is still typing.
    pub shows_problems: RwSignal<bool>,
    pub live: RwSignal<Option<LiveStatus>>,
    pub test: RwSignal<Test>,
    typed_secret: StoredValue<TypedSecret>,
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
            name: RwSignal::new(row.name.unwrap_or_default()),
            overlap: RwSignal::new(row.secret_overlap.unwrap_or_default()),
            headers: RwSignal::new(row.headers.unwrap_or_default().into_iter().map(HeaderRow::new).collect()),
            timeout: RwSignal::new(row.timeout),
            problems: RwSignal::new(problems),
            live: RwSignal::new(live),
            test: RwSignal::new(Test::None),
            typed_secret: StoredValue::new(TypedSecret::new()),
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
            name: None,
            secret_overlap: None,
            headers: None,
        };
        Self::new(PanelRow { row, problems: Vec::new(), live: None })
    }

    /// What stands in the field for the secret.
    pub fn typed_secret(self) -> TypedSecret {
        self.typed_secret.get_value()
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
            name: Some(self.name.get_untracked().trim().to_owned()),
            secret_overlap: Some(self.overlap.get_untracked()),
            headers: Some(
                self.headers.with_untracked(|headers| headers.iter().map(|header| header.draft()).collect()),
            ),
        }
    }

    /// Takes over what was typed.
    pub fn take_typed(self, typed: &DraftRow) {
        self.url.set(typed.url.clone());
        self.is_enabled.set(typed.is_enabled);
        self.events.set(typed.events.clone());
        self.timeout.set(typed.timeout.clone());
        if let Some(name) = &typed.name {
            self.name.set(name.clone());
        }
        if let Some(overlap) = typed.secret_overlap {
            self.overlap.set(overlap);
        }
        if let Some(headers) = &typed.headers {
            self.take_headers(headers);
        }
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
        for known in known.row.headers.unwrap_or_default() {
            if let Some(header) = self.header(&known.key) {
                header.take_state(known.state);
            }
        }
    }

    fn header(self, key: &str) -> Option<HeaderRow> {
        self.headers.with_untracked(|headers| {
            headers.iter().find(|header| header.key.with_value(|own| own == key)).copied()
        })
    }

    /// Takes over headers as they were typed; what is typed and not saved yet stays with those that are still there.
    fn take_headers(self, typed: &[HeaderDraft]) {
        let rows = typed.iter().map(|typed| match self.header(&typed.key) {
            Some(header) => {
                header.name.set(typed.name.clone());
                header.take_state(typed.state);
                header
            }
            None => HeaderRow::new(typed.clone()),
        });
        let rows: Vec<HeaderRow> = rows.collect();
        let keys = |rows: &[HeaderRow]| rows.iter().map(|row| row.key.get_value()).collect::<Vec<_>>();
        if self.headers.with_untracked(|old| keys(old) != keys(&rows)) {
            self.headers.set(rows);
        }
    }

    /// Notes that the values in `sent` are on the server, where they stay.
    pub fn values_are_saved(self, sent: &DraftRow) {
        for sent in sent.headers.iter().flatten() {
            if let (Some(value), Some(header)) = (&sent.value, self.header(&sent.key)) {
                header.value_is_saved(&value.0);
            }
        }
    }

    /// Whether something secret is typed in a field that was not left yet.
    pub fn is_typing_secret(self) -> bool {
        self.typed_secret().is_typing.get_value()
            || self
                .headers
                .with_untracked(|headers| headers.iter().any(|header| header.is_typing.get_value()))
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
            Some(problem) => self.typed_secret().problem.set(Some(problem)),
            None => self.failure.set(Some(failure)),
        }
    }

    /// The problem with a member of the row, if it is to be shown.
    pub fn problem(self, pointer: &str) -> Option<String> {
        if !self.shows_problems.get() {
            return None;
        }
        self.problems.with(|problems| {
            let problem = problems.iter().find(|problem| problem.pointer == pointer)?;
            Some(sentence(&problem.message))
        })
    }
}
