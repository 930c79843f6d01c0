//! Traces of single events, where somebody wants them: the request that brought an event, the commit, each attempt, and the
//! commit of its outcome, each the next one's parent.
//!
//! The engine knows neither a protocol nor a sampler. It says what happened, after it has, to a [`SpanSink`], which the
//! server gives it when it is to trace; without one nothing is remembered, and an event costs one look whether there is.
//!
//! What an attempt belongs to is remembered in memory, for the last [`REMEMBERED`] events that are traced: a row in the
//! database for each would make every delivery dearer. So after a restart, or after very many other events, attempts of an
//! event begin traces of their own no more: they are not traced.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use groundswell_types::{DeliveryId, EventId};

use crate::clock;
use crate::store::{After, AttemptRecord};

/// So many events' traces are known at most.
pub const REMEMBERED: usize = 65_536;

/// A span that is recorded, of a trace that is; W3C Trace Context's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanRecord {
    pub parent: TraceContext,
    pub began: SystemTime,
    pub took: Duration,
    pub step: Step,
}

/// What it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An event was committed.
    Commit { event: EventId },
    /// An attempt was made.
    Attempt {
        event: EventId,
        delivery: DeliveryId,
        number: i64,
        failure: Option<&'static str>,
        status: Option<u16>,
    },
    /// An attempt's outcome was committed.
    Outcome { delivery: DeliveryId, after: &'static str },
}

/// Where spans go.
pub trait SpanSink: Send + Sync {
    /// Takes one; says what its children are to name as their parent, if they are wanted.
    fn record(&self, span: SpanRecord) -> Option<TraceContext>;
}

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// Does `work` for the request with this span, if it is recorded. Not `async`, which would have room for the work twice.
pub fn within<Work: Future>(request: Option<TraceContext>, work: Work) -> impl Future<Output = Work::Output> {
    CURRENT.scope(request, work)
}

/// The span of the request that this task answers, if it is recorded.
pub(crate) fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok().flatten()
}

/// The traces of this process, if it traces.
#[derive(Default)]
pub struct Traces {
    sink: OnceLock<Arc<dyn SpanSink>>,
    events: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    commits: HashMap<EventId, TraceContext>,
    /// The oldest first.
    order: VecDeque<EventId>,
}

impl Traces {
    /// Spans go there from now on; a second sink is not taken.
    pub fn start(&self, sink: Arc<dyn SpanSink>) {
        let _ = self.sink.set(sink);
    }

    /// An event of a request is committed, in a commit that has just ended.
    pub(crate) fn committed(&self, request: TraceContext, event: EventId, took: Duration) {
        let Some(sink) = self.sink.get() else { return };
        let span =
            SpanRecord { parent: request, began: clock::ago(took), took, step: Step::Commit { event } };
        let Some(context) = sink.record(span) else { return };
        let mut events = self.events();
        if events.order.len() >= REMEMBERED
            && let Some(oldest) = events.order.pop_front()
        {
            events.commits.remove(&oldest);
        }
        events.order.push_back(event);
        events.commits.insert(event, context);
    }

    /// An attempt has just been made; says what its outcome belongs to.
    pub(crate) fn attempted(&self, event: EventId, attempt: &AttemptRecord) -> Option<TraceContext> {
        let sink = self.sink.get()?;
        let parent = *self.events().commits.get(&event)?;
        let took = Duration::from_millis(attempt.duration_ms.max(0).unsigned_abs());
        let step = Step::Attempt {
            event,
            delivery: attempt.delivery_id,
            number: attempt.number,
            failure: attempt.failure.map(groundswell_types::FailureClass::as_str),
            status: attempt.status_code,
        };
        sink.record(SpanRecord { parent, began: clock::ago(took), took, step })
    }

    /// The outcome of an attempt is committed, in a commit that has just ended.
    pub(crate) fn settled(&self, attempted: TraceContext, attempt: &AttemptRecord, took: Duration) {
        let Some(sink) = self.sink.get() else { return };
        let after = match attempt.after {
            After::Delivered => "delivered",
            After::Retry(_) => "retry",
            After::Undeliverable => "undeliverable",
            After::Cancelled => "cancelled",
            After::Fenced => "fenced",
        };
        let step = Step::Outcome { delivery: attempt.delivery_id, after };
        sink.record(SpanRecord { parent: attempted, began: clock::ago(took), took, step });
    }

    fn events(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers spans; each is named by its number.
    #[derive(Default)]
    struct Kept(Mutex<Vec<SpanRecord>>);

    impl SpanSink for Kept {
        fn record(&self, span: SpanRecord) -> Option<TraceContext> {
            let mut spans = self.0.lock().expect("nobody panics");
            spans.push(span);
            let span_id = u64::try_from(spans.len()).expect("few").to_be_bytes();
            Some(TraceContext { trace_id: [1; 16], span_id })
        }
    }

    const REQUEST: TraceContext = TraceContext { trace_id: [1; 16], span_id: [9; 8] };

    #[test]
    fn no_more_events_are_remembered_than_there_is_room_for_and_the_oldest_go_first() {
        let traces = Traces::default();
        traces.start(Arc::new(Kept::default()));
        let events = i64::try_from(REMEMBERED).expect("small") + 1;
        for number in 0..events {
            traces.committed(REQUEST, EventId::from_number(number), Duration::ZERO);
        }
        let known = traces.events();
        assert_eq!((known.commits.len(), known.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!known.commits.contains_key(&EventId::from_number(0)));
        assert!(known.commits.contains_key(&EventId::from_number(events - 1)));
    }

    #[test]
    fn without_a_sink_nothing_is_remembered() {
        let traces = Traces::default();
        traces.committed(REQUEST, EventId::from_number(1), Duration::ZERO);
        assert!(traces.events().commits.is_empty());
    }
}
