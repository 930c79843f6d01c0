//! Random sequences of calls, made on a database and on the oracle: every answer must be the same, and so must everything
//! that can be read afterwards.

mod operation;

use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    DeliverySearch, EndpointId, EventSearch, Expired, Pending, Store, StoreError, Unsuccessful,
};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use self::operation::Operation;
use super::{Database, File, make};

/// Everything that is asked for is asked about these.
const ENDPOINTS: std::ops::RangeInclusive<i64> = 1..=4;
const PROGRAMS: std::ops::RangeInclusive<i64> = 1..=2;

#[derive(Debug, Clone)]
enum Step {
    Do(Operation),
    Compare,
    Reopen,
    Checkpoint,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => operation::any().prop_map(Step::Do),
        2 => Just(Step::Compare),
        1 => Just(Step::Reopen),
        1 => Just(Step::Checkpoint),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_like_the_oracle(steps in vec(step(), 1..30)) {
        runtime().block_on(async {
            let file = File::new();
            run(steps, async || file.open().await).await
        })?;
    }
}

proptest! {
    // Each has a database of its own, which takes PostgreSQL longer to make than all of the steps.
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postgres_answers_like_the_oracle(steps in vec(step(), 20..60)) {
        runtime().block_on(async {
            let database = Database::new().await;
            run(steps, async || database.open().await).await
        })?;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn run<S: Store>(steps: Vec<Step>, open: impl AsyncFn() -> S) -> Result<(), TestCaseError> {
    let oracle = Memory::new();
    let mut store = open().await;
    let mut history = History::default();
    for step in steps {
        match step {
            Step::Do(operation) => {
                let call = operation.call(&history);
                prop_assert_eq!(call.make(&store).await, call.make(&oracle).await, "{:?}", call);
                history.record(&oracle).await;
            }
            Step::Compare => {
                prop_assert_eq!(everything(&store, &history).await, everything(&oracle, &history).await);
            }
            Step::Reopen => {
                store.close().await;
                store = open().await;
            }
            Step::Checkpoint => store.checkpoint().await.expect("copies the log"),
        }
    }
    prop_assert_eq!(everything(&store, &history).await, everything(&oracle, &history).await);
    store.close().await;
    Ok(())
}

/// What operations can refer to.
#[derive(Debug, Default)]
pub struct History {
    /// Every pending row there ever was, also those gone since: an outcome may come late.
    seen: Vec<Pending>,
    highest_event: i64,
    /// Of program 1 and 2.
    versions: Vec<i64>,
}

impl History {
    async fn record(&mut self, oracle: &Memory) {
        for endpoint in ENDPOINTS {
            for pending in make::queue(oracle, endpoint).await {
                if !self.seen.contains(&pending) {
                    self.seen.push(pending);
                }
            }
        }
        self.highest_event =
            oracle.highest_event_id().await.expect("reads").map_or(0, groundswell_types::EventId::number);
        self.versions =
            oracle.programs().await.expect("reads").iter().map(|one| one.webhooks_version).collect();
    }
}

/// All that can be read, as text, in an order of its own.
async fn everything(store: &dyn Store, history: &History) -> Vec<String> {
    let mut all = Vec::new();
    all.push(format!("{:?}", store.programs().await.expect("reads")));
    all.push(format!("{:?}", store.endpoints().await.expect("reads")));
    all.push(format!("{:?}", store.health().await.expect("reads")));
    all.push(format!("{:?}", store.highest_event_id().await.expect("reads")));
    let endpoints: Vec<EndpointId> = ENDPOINTS.map(EndpointId).collect();
    all.push(format!("{:?}", store.earliest_due(&endpoints).await.expect("reads")));
    all.push(format!("{:?}", store.pending_without_webhook().await.expect("reads")));
    all.push(format!("{:?}", store.backlog(&endpoints, 3).await.expect("reads")));
    for endpoint in endpoints {
        all.push(format!("{:?}", store.endpoint_url(endpoint).await.expect("reads")));
        let first = store.pending(endpoint, None, 2).await.expect("reads");
        let rest = store.pending(endpoint, first.last().map(|one| one.key), 100).await.expect("reads");
        all.push(format!("{first:?} {rest:?}"));
        let limits = (make::ACCEPTED_AT_MS + 5_000, make::ACCEPTED_AT_MS + 5, make::ACCEPTED_AT_MS + 100);
        let (expires_by_ms, accepted_by_ms, due_by_ms) = limits;
        let wanted = Expired { endpoint_id: endpoint, expires_by_ms, accepted_by_ms, due_by_ms, limit: 100 };
        let mut expired = store.expired(wanted).await.expect("reads");
        expired.sort_by_key(|pending| pending.key);
        all.push(format!("{expired:?}"));
        let (from, to) = (make::delivery(0, 0), make::delivery(history.highest_event, 7));
        let search = DeliverySearch { endpoint_id: endpoint, from, to, limit: 5 };
        let waiting = store.pending_deliveries(search).await.expect("reads");
        all.push(format!(
            "{waiting:?} {:?}",
            store.unsuccessful(search, Unsuccessful::Any).await.expect("reads")
        ));
    }
    for program in PROGRAMS.map(make::program) {
        all.push(format!("{:?}", store.draft(&program).await.expect("reads")));
        let first = store.events(&program, None, 3).await.expect("reads");
        let rest = store.events(&program, first.last().map(|one| one.id), 100).await.expect("reads");
        all.push(format!("{first:?} {rest:?}"));
        all.push(format!("{:?}", store.endpoints_of(&program).await.expect("reads")));
        let search = EventSearch {
            program_id: program,
            from: make::event(0),
            before: make::event(i64::MAX >> 3),
            kind: None,
            endpoint: Some(make::endpoint(2)),
            text: Some("1".to_owned()),
            look_at: 7,
            limit: 3,
        };
        all.push(format!("{:?}", store.find_events(&search).await.expect("reads")));
    }
    let events: Vec<_> = (1..=history.highest_event + 1).map(make::event).collect();
    for event in &events {
        all.push(format!("{:?}", store.event(*event).await.expect("reads")));
    }
    let mut bodies = store.bodies(&events).await.expect("reads");
    bodies.sort();
    all.push(format!("{bodies:?}"));
    let keys: Vec<_> = history.seen.iter().map(|pending| pending.key).collect();
    all.push(format!("{:?}", store.pending_at(&keys).await.expect("reads")));
    let deliveries: Vec<_> = keys.iter().map(|key| key.delivery_id).collect();
    all.push(format!("{:?}", store.attempts(&deliveries).await.expect("reads")));
    for delivery in deliveries {
        all.push(format!("{:?}", store.attempts_in_full(delivery).await.expect("reads")));
    }
    all
}

/// An answer without the database's own words.
fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(answer) => format!("{answer:?}"),
        Err(StoreError::Rejected(_)) => "rejected".to_owned(),
        Err(error) => panic!("nothing else can go wrong here: {error:?}"),
    }
}
