//! Leases, held against their reference, and what nodes learn of each other.

use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, TeamId};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::{Database, asked, options, take};
use crate::cluster::{Asked, Epoch, Lease, LeaseRow, LeaseTable, NodeId, NodeRow, Presence, Shard, Snapshot};
use crate::store::postgres::Postgres;
use crate::store::postgres::node::Ids;
use crate::store::{
    Changed, Changes, ClusterStore, ProgramChange, ProgramRecord, SettingsChange, SettingsVersion, Store,
    StoreError,
};

/// What is asked lasts for so long, or is over at once: the database's clock cannot be set.
const LONG_MS: i64 = 600_000;

#[derive(Debug, Clone)]
enum Step {
    Renew(Ask),
    Acquire(Ask),
    Release(Ask),
}

/// By one of two nodes, of shards in epochs that may be the current ones.
#[derive(Debug, Clone)]
struct Ask {
    by: usize,
    presence: Presence,
    leases: Vec<(u8, i64)>,
    is_long: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let leases = vec((0_u8..4, 0_i64..4), 0..5);
    let presence = select(vec![Presence::Staying, Presence::Leaving]);
    let ask =
        (0_usize..2, presence, leases, any::<bool>()).prop_map(|(by, presence, mut leases, is_long)| {
            leases.sort_unstable();
            leases.dedup_by_key(|lease| lease.0);
            Ask { by, presence, leases, is_long }
        });
    let ask = ask.boxed();
    prop_oneof![
        ask.clone().prop_map(Step::Renew),
        ask.clone().prop_map(Step::Acquire),
        ask.prop_map(Step::Release),
    ]
}

/// Without how long it lasts, but whether it does.
fn timeless(snapshot: Snapshot) -> (Vec<LeaseRow>, Vec<NodeRow>) {
    let over = |remaining_ms: i64| i64::from(remaining_ms > 0);
    let leases = snapshot.leases.into_iter();
    let leases = leases.map(|row| LeaseRow { remaining_ms: over(row.remaining_ms), ..row }).collect();
    let mut nodes: Vec<NodeRow> = snapshot
        .nodes
        .into_iter()
        .map(|row| NodeRow { remaining_ms: over(row.remaining_ms), ..row })
        .collect();
    nodes.sort_unstable_by_key(|row| row.id);
    (leases, nodes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leases_are_what_their_reference_says(steps in vec(step(), 10..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let database = Database::new();
            let open = async || Postgres::open(&database.url(), options()).await.expect("opens");
            let nodes = [open().await, open().await];
            let (mut table, mut now_ms) = (LeaseTable::new(Shard::all()), 0);
            for step in steps {
                let (Step::Renew(ask) | Step::Acquire(ask) | Step::Release(ask)) = &step;
                let store = &nodes[ask.by];
                let lease = |(shard, epoch): &(u8, i64)| Lease { shard: Shard::new(*shard), epoch: Epoch::new(*epoch) };
                let asked = Asked {
                    presence: ask.presence,
                    ..asked(store, ask.leases.iter().map(lease), if ask.is_long { LONG_MS } else { 0 })
                };
                // What is over at once is over in the next step for sure.
                now_ms += 1;
                match &step {
                    Step::Renew(_) => {
                        let found = store.renew(&asked).await.expect("renews");
                        prop_assert_eq!(timeless(found), timeless(table.renew(&asked, now_ms)));
                    }
                    Step::Acquire(_) => {
                        let taken = store.acquire(&asked).await.expect("acquires");
                        prop_assert_eq!(taken, table.acquire(&asked, now_ms));
                    }
                    Step::Release(_) => {
                        store.release(&asked).await.expect("releases");
                        table.release(&asked);
                    }
                }
            }
            for store in nodes {
                store.close().await;
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_node_whose_row_is_gone_renews_nothing() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), options()).await.expect("opens");
    let lease = take(&store, [Shard::new(3)], LONG_MS).await;
    database.sql("DELETE FROM node");
    let result = store.renew(&asked(&store, lease, LONG_MS)).await;
    assert!(matches!(result, Err(StoreError::Unusable(_))), "{result:?}");
    store.lost().await;
    store.close().await;
}

/// A long transaction of the same node, or of whoever leads, holds no renewal up; but nobody takes the shard meanwhile.
#[tokio::test]
async fn leases_are_renewed_and_not_taken_over_while_a_transaction_relies_on_them() {
    let database = Database::new();
    let (one, two) = (database.open().await, database.open().await);
    let lease = take(&one, [Shard::new(3)], 1).await;
    let mut db = one.writer.begin().await.expect("begins");
    one.cluster.check_lead(&mut db).await.expect("leads");
    one.renew(&asked(&one, lease.clone(), LONG_MS)).await.expect("renews");
    one.release(&asked(&one, lease.clone(), LONG_MS)).await.expect("releases");
    let seen = asked(&two, lease, LONG_MS);
    let taking = two.acquire(&seen);
    tokio::pin!(taking);
    let early = tokio::time::timeout(std::time::Duration::from_millis(500), &mut taking).await;
    assert!(early.is_err(), "{early:?}");
    crate::store::sql::Transaction::finish(db, Ok(())).await.expect("commits");
    assert_eq!(taking.await.expect("acquires").len(), 1);
    one.close().await;
    two.close().await;
}

fn program() -> ProgramId {
    ProgramId::parse("program1").expect("a valid id")
}

pub(super) fn record() -> ProgramRecord {
    ProgramRecord {
        id: program(),
        team_id: TeamId::first(),
        name: String::new(),
        kind: ProgramType::Referral,
        status: ProgramStatus::Draft,
        currency: Currency::default(),
        created_at_ms: 1,
        webhooks_version: 0,
        retention: None,
    }
}

#[tokio::test]
async fn what_was_changed_a_day_ago_is_forgotten() {
    let database = Database::new();
    let store = database.open().await;
    store.apply(&SettingsChange::CreateProgram(record())).await.expect("applies");
    let change = || {
        let (name, status) = (String::new(), ProgramStatus::Draft);
        SettingsChange::UpdateProgram(ProgramChange { id: program(), name, status, retention: None })
    };
    store.apply(&change()).await.expect("applies");
    database.sql("UPDATE settings_change SET at_ms = at_ms - 86400001 WHERE version = 1");
    store.apply(&change()).await.expect("applies");
    let since = async |version| store.changes(SettingsVersion(version)).await.expect("reads");
    assert_eq!(since(0).await, Changes::Everything(SettingsVersion(3)));
    let known = Changes::Known(SettingsVersion(3), vec![Changed::Program(program())]);
    assert_eq!(since(1).await, known);
    store.close().await;
}

/// The change waits for the batch, so that it sees everything that was accepted before it.
#[tokio::test]
async fn settings_stay_while_what_was_decided_by_them_commits() {
    let database = Database::new();
    let (one, two) =
        (database.open().await, Postgres::open(&database.url(), options()).await.expect("opens"));
    let mut db = two.writer.begin().await.expect("begins");
    two.writer.node.count(&mut db, (true, Ids::default())).await.expect("counts");
    let create = SettingsChange::CreateProgram(record());
    let change = one.apply(&create);
    tokio::pin!(change);
    let early = tokio::time::timeout(std::time::Duration::from_millis(500), &mut change).await;
    assert!(early.is_err(), "{early:?}");
    crate::store::sql::Transaction::finish(db, Ok(())).await.expect("commits");
    change.await.expect("applies");
    one.close().await;
    two.close().await;
}

/// Numbers are drawn anew at each start.
#[tokio::test]
async fn a_node_is_another_one_after_a_restart() {
    let database = Database::new();
    let mut numbers: Vec<NodeId> = Vec::new();
    for _ in 0..3 {
        let store = Postgres::open(&database.url(), options()).await.expect("opens");
        assert!(store.cluster().is_some() && store.node().number() > 0);
        numbers.push(store.node());
        store.close().await;
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
}

/// On the other machine, what has that address is somebody else.
#[tokio::test]
async fn nodes_of_two_machines_are_refused_at_addresses_that_only_one_of_them_reaches() {
    const HERE: &str = "http://127.0.0.1:3000";
    const FAR: &str = "http://10.0.0.7:3000";
    let database = Database::new();
    let (one, two) = (database.open().await, database.open().await);
    for (there, address) in [(FAR, HERE), (HERE, FAR), ("http://[::1]:3000", FAR)] {
        one.be_at(there).await.expect("alone on its machine");
        database.sql(&format!("UPDATE node SET machine = 'elsewhere' WHERE address = '{there}'"));
        let refused = two.be_at(address).await;
        assert!(matches!(&refused, Err(StoreError::Unusable(why)) if why.contains(there)), "{refused:?}");
        database.sql("UPDATE node SET address = '', machine = ''");
    }
    one.be_at(FAR).await.expect("is reached there");
    two.be_at("http://10.0.0.8:3000").await.expect("is reached there");
    one.close().await;
    two.close().await;
}

/// Ids carry the number of the node that made them, so two nodes with one number would make the same.
#[tokio::test]
async fn who_finds_no_number_is_refused() {
    let database = Database::new();
    let store = database.open().await;
    database.sql(
        "INSERT INTO node (id, name, machine, address, number, presence, commits, open_until_ms)
        SELECT free, '', '', '', free, 'staying', 0, open_until_ms
        FROM node, generate_series(0, 63) AS numbers (free) WHERE free <> number",
    );
    let refused = Postgres::open(&database.url(), options()).await;
    assert!(matches!(&refused, Err(StoreError::Unusable(why)) if why.contains("64")), "{refused:?}");
    store.close().await;
}

/// Transactions that accept nothing say nothing of ids, and are forgotten like the others.
#[tokio::test]
async fn what_was_said_of_ids_outlives_the_commit_that_said_it() {
    let database = Database::new();
    let store = database.open().await;
    store.enter().await.expect("enters");
    let id = groundswell_types::EventId::from_number(9);
    let batch = crate::store::Batch { settled: Some(id), ..super::accepts([9]) };
    ClusterStore::commit(&store, &batch).await.expect("commits");
    let settled = async || store.settled().await.expect("reads").expect("is known").to;
    assert_eq!(settled().await, id);
    for _ in 0..3 {
        store
            .apply(&SettingsChange::CreateProgram(ProgramRecord { id: fresh(), ..record() }))
            .await
            .expect("applies");
        let mut db = store.writer.begin().await.expect("begins");
        store.writer.node.stay_open(&mut db).await.expect("gives a sign");
        crate::store::sql::Transaction::finish(db, Ok(())).await.expect("commits");
        assert_eq!(settled().await, id);
    }
    // Whoever enters begins above everything that is there.
    let other = database.open().await;
    assert_eq!(other.enter().await.expect("enters"), id);
    other.close().await;
    store.close().await;
}

fn fresh() -> ProgramId {
    ProgramId::parse(&format!("p{}", rand::random::<u32>())).expect("a valid id")
}
