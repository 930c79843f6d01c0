//! Leases, held against their reference, and what nodes learn of each other.

use groundswell_types::{
    Currency, EventId, ProgramId, ProgramStatus, ProgramType, RetentionDays, Scopes, TeamId,
};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::{Database, accepts, asked, lead, options, take};
use crate::cluster::{Asked, Epoch, Lease, LeaseRow, LeaseTable, NodeId, NodeRow, Presence, Shard, Snapshot};
use crate::store::postgres::{Options, Postgres};
use crate::store::{
    ApiKeyRecord, Batch, Changed, Changes, ClusterStore, EndpointId, EndpointRecord, HealthRecord,
    NodeAddress, ProgramChange, ProgramRecord, SettingsChange, SettingsVersion, Store, StoreError,
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
async fn nodes_are_known_by_their_address_while_they_live() {
    let database = Database::new();
    let open = async |address: &str| {
        let options = Options { address: address.to_owned(), ..options() };
        Postgres::open(&database.url(), options).await.expect("opens")
    };
    let (one, two) = (open("http://10.0.0.1:3000").await, open("http://10.0.0.2:3000").await);
    let addresses = async |store: &Postgres| {
        let nodes = store.nodes().await.expect("reads");
        assert!(nodes.is_sorted_by_key(|node| node.id));
        nodes
    };
    let of = |store: &Postgres, address: &str| NodeAddress { id: store.node(), address: address.to_owned() };
    let own = of(&one, "http://10.0.0.1:3000");
    let alone = addresses(&one).await;
    assert_eq!(alone, std::slice::from_ref(&own), "the other one has asked for nothing yet");
    two.renew(&asked(&two, [], LONG_MS)).await.expect("renews");
    let mut both = [own.clone(), of(&two, "http://10.0.0.2:3000")];
    both.sort_by_key(|node| node.id);
    assert_eq!(addresses(&one).await, both);
    two.close().await;
    assert_eq!(addresses(&one).await, [own]);
    assert_eq!(one.renew(&asked(&one, [], LONG_MS)).await.expect("renews").nodes.len(), 1);
    one.close().await;
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

fn rename(name: &str) -> SettingsChange {
    let (status, retention) = (ProgramStatus::Draft, None::<RetentionDays>);
    SettingsChange::UpdateProgram(ProgramChange { id: program(), name: name.to_owned(), status, retention })
}

fn key() -> ApiKeyRecord {
    ApiKeyRecord {
        id: "key_1".to_owned(),
        team_id: TeamId::first(),
        name: "CI".to_owned(),
        key_hash: [3; 32],
        scopes: Scopes::USUAL,
        program_id: None,
        rate_limit: None,
        ends_with: None,
        created_at_ms: 7,
        last_used_at_ms: None,
    }
}

#[tokio::test]
async fn only_the_node_that_leads_changes_settings() {
    let database = Database::new();
    let open = async || Postgres::open(&database.url(), options()).await.expect("opens");
    let (one, two) = (open().await, open().await);
    let create = SettingsChange::CreateProgram(record());
    let is_fenced = |result| assert!(matches!(result, Err(StoreError::Fenced)), "{result:?}");
    is_fenced(one.apply(&create).await);
    lead(&one).await;
    one.apply(&create).await.expect("leads");
    lead(&two).await;
    is_fenced(one.apply(&rename("a")).await);
    is_fenced(one.resend(&crate::store::ResendBatch::default()).await);
    is_fenced(one.forget(&crate::store::Forget::default()).await.map(drop));
    two.apply(&rename("b")).await.expect("leads");
    two.lead_under(None);
    is_fenced(two.apply(&rename("c")).await);
    assert_eq!(one.programs().await.expect("reads")[0].name, "b");
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn what_one_node_changes_another_one_learns() {
    let database = Database::new();
    let (one, two) =
        (database.open().await, Postgres::open(&database.url(), options()).await.expect("opens"));
    let since = async |version| two.changes(SettingsVersion(version)).await.expect("reads");
    let known = |version, changes| Changes::Known(SettingsVersion(version), changes);
    assert_eq!(since(0).await, known(0, vec![]));
    one.apply(&SettingsChange::CreateProgram(record())).await.expect("applies");
    one.apply(&rename("a")).await.expect("applies");
    one.save_api_key(&key()).await.expect("saves");
    assert!(one.save_api_key(&key()).await.is_err(), "what is rejected changes nothing");
    assert!(!one.delete_api_key("key_9").await.expect("answers"));
    one.apply(&rename("b")).await.expect("applies");
    assert!(one.delete_api_key("key_1").await.expect("answers"));
    let about = || Changed::Program(program());
    assert_eq!(since(0).await, known(5, vec![about(), Changed::ApiKeys, about(), Changed::ApiKeys]));
    assert_eq!(since(4).await, known(5, vec![Changed::ApiKeys]));
    assert_eq!(since(6).await, Changes::Everything(SettingsVersion(5)), "of another database");
    // A day later the first ones are forgotten.
    database.sql("UPDATE settings_change SET at_ms = at_ms - 86400001 WHERE version <= 3");
    one.apply(&rename("c")).await.expect("applies");
    assert_eq!(since(2).await, Changes::Everything(SettingsVersion(6)));
    assert_eq!(since(3).await, known(6, vec![about(), Changed::ApiKeys, about()]));
    let (found, webhooks) = two.program_as_it_is(&program()).await.expect("reads").expect("is there");
    assert_eq!((found.name.as_str(), webhooks), ("c", Vec::<EndpointRecord>::new()));
    let unknown = ProgramId::parse("program2").expect("a valid id");
    assert_eq!(two.program_as_it_is(&unknown).await.expect("reads"), None);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn what_was_decided_by_old_settings_is_not_accepted() {
    let database = Database::new();
    let (one, two) =
        (database.open().await, Postgres::open(&database.url(), options()).await.expect("opens"));
    let at = |version, number| Batch { settings: Some(SettingsVersion(version)), ..accepts([number]) };
    ClusterStore::commit(&two, &at(0, 1)).await.expect("commits");
    one.apply(&SettingsChange::CreateProgram(record())).await.expect("applies");
    let result = ClusterStore::commit(&two, &at(0, 2)).await;
    assert!(matches!(result, Err(StoreError::Outdated)), "{result:?}");
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "1", "nothing was written");
    ClusterStore::commit(&two, &at(1, 2)).await.expect("commits");
    // What has nothing to do with settings is written all the same.
    let nothing = Batch { settings: Some(SettingsVersion(0)), ..Batch::default() };
    ClusterStore::commit(&two, &nothing).await.expect("commits");
    one.close().await;
    two.close().await;
}

/// The change waits for the batch, so that it sees everything that was accepted before it.
#[tokio::test]
async fn settings_stay_while_what_was_decided_by_them_commits() {
    let database = Database::new();
    let (one, two) =
        (database.open().await, Postgres::open(&database.url(), options()).await.expect("opens"));
    let mut db = two.writer.begin().await.expect("begins");
    two.writer.node.count(&mut db, true).await.expect("counts");
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

#[tokio::test]
async fn events_and_health_are_known_to_other_nodes() {
    let database = Database::new();
    let (one, two) =
        (database.open().await, Postgres::open(&database.url(), options()).await.expect("opens"));
    Store::commit(&one, &accepts([1, 3])).await.expect("commits");
    Store::commit(&two, &accepts([2])).await.expect("commits");
    let event = |number| (EventId::from_number(number), vec![EndpointId(10)]);
    let after = async |number, limit| {
        two.accepted_elsewhere(EventId::from_number(number), limit).await.expect("reads")
    };
    assert_eq!(after(0, 2).await, [event(1), event(2)]);
    assert_eq!(after(2, 2).await, [event(3)]);
    let health = HealthRecord { consecutive_failures: 2, ..HealthRecord::default() };
    let told = [EndpointId(10), EndpointId(11)].map(|endpoint| (endpoint, health));
    Store::commit(&one, &Batch { health: told.to_vec(), ..Batch::default() }).await.expect("commits");
    let found = two.health_of(&[EndpointId(11), EndpointId(12)]).await.expect("reads");
    assert_eq!(found, [(EndpointId(11), health)]);
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
