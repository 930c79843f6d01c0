//! The page of the log that is shown, as signals: what its parts have in common.

use std::collections::BTreeSet;
use std::pin::Pin;

use groundswell_types::editor::{DeliveryPage, LogNews};
use groundswell_types::{DeliveryId, DeliveryState, DeliveryView, ProgramId, ResendJob, ResendState};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::failure::Failure;
use crate::log_query::LogQuery;

/// Whether the page follows what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    On,
    Paused,
    /// The server does not answer; it goes on being asked.
    Lost,
}

/// See the module. Lives as long as the list that was loaded.
#[derive(Clone, Copy)]
pub struct Shown {
    pub program: StoredValue<ProgramId>,
    /// What the list was loaded for.
    pub list: StoredValue<LogQuery>,
    /// What the URL says now; of the list it says the same.
    pub query: Memo<LogQuery>,
    pub page: RwSignal<DeliveryPage>,
    /// How many that match are newer than the newest shown, counted to 100.
    pub newer: RwSignal<usize>,
    pub live: RwSignal<Live>,
    pub jobs: RwSignal<Vec<ResendJob>>,
    pub selected: RwSignal<BTreeSet<DeliveryId>>,
    /// Whether something is just being sent again, or stopped: what is pressed meanwhile would do it twice.
    pub is_acting: RwSignal<bool>,
    /// Why what was asked for last was not done.
    pub failure: RwSignal<Option<Failure>>,
}

impl Shown {
    pub fn new(
        program: ProgramId,
        list: LogQuery,
        query: Memo<LogQuery>,
        (page, jobs): (DeliveryPage, Vec<ResendJob>),
    ) -> Self {
        Self {
            program: StoredValue::new(program),
            list: StoredValue::new(list),
            query,
            page: RwSignal::new(page),
            newer: RwSignal::new(0),
            live: RwSignal::new(Live::On),
            jobs: RwSignal::new(jobs),
            selected: RwSignal::new(BTreeSet::new()),
            is_acting: RwSignal::new(false),
            failure: RwSignal::new(None),
        }
    }

    /// The URL of the page, changed.
    pub fn url(self, change: impl FnOnce(&mut LogQuery)) -> String {
        let mut query = self.query.get();
        change(&mut query);
        self.program.with_value(|program| query.url(program))
    }

    /// Does one thing at a time; what is asked for meanwhile is not done.
    pub fn act(self, work: Pin<Box<dyn Future<Output = ()>>>) {
        if self.is_acting.get_untracked() {
            return;
        }
        self.failure.set(None);
        self.is_acting.set(true);
        spawn_local(async move {
            work.await;
            let _ = self.is_acting.try_set(false);
        });
    }

    /// For the buttons of what is done by [`Shown::act`].
    pub fn acting(self) -> Option<&'static str> {
        self.is_acting.get().then_some("true")
    }

    /// The deliveries of the page, newest first.
    pub fn ids(self) -> Vec<DeliveryId> {
        self.page.with(|page| page.deliveries.iter().map(|delivery| delivery.id).collect())
    }

    /// The same for what runs outside of the page.
    pub fn ids_untracked(self) -> Vec<DeliveryId> {
        let ids = |page: &DeliveryPage| page.deliveries.iter().map(|delivery| delivery.id).collect();
        self.page.try_with_untracked(ids).unwrap_or_default()
    }

    /// The delivery `steps` further down the list than `id`.
    pub fn neighbour(self, id: DeliveryId, steps: isize) -> Option<DeliveryId> {
        let ids = self.ids();
        let at = ids.iter().position(|other| *other == id)?;
        ids.get(at.checked_add_signed(steps)?).copied()
    }

    /// Whether this is the page with the newest ones.
    pub fn is_newest(self) -> bool {
        self.list.with_value(|list| list.next.is_none())
    }

    /// Brings what has changed onto the page. No row comes or goes.
    pub fn take(self, news: LogNews) {
        self.page.update(|page| {
            for now in news.deliveries {
                if let Some(shown) = page.deliveries.iter_mut().find(|shown| shown.id == now.id) {
                    *shown = now;
                }
            }
        });
        if self.newer.get_untracked() != news.newer {
            self.newer.set(news.newer);
        }
    }

    /// The jobs to be told of: those that run, and the one in the URL.
    pub fn jobs_to_show(self) -> Vec<ResendJob> {
        let wanted = self.query.with(|query| query.job);
        let is_shown = |job: &&ResendJob| job.state == ResendState::Running || wanted == Some(job.id);
        self.jobs.with(|jobs| jobs.iter().filter(is_shown).cloned().collect())
    }
}

/// Whether a delivery can be sent again: it has ended, and there is somewhere to send it.
pub fn is_resendable(delivery: &DeliveryView) -> bool {
    has_ended(delivery.state) && delivery.webhook_id.is_some()
}

/// Whether no further attempt follows by itself.
pub const fn has_ended(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Delivered | DeliveryState::Undeliverable | DeliveryState::Cancelled)
}
