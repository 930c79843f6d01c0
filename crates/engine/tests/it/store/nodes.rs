//! Two nodes at one database: each case runs on the oracle, on PostgreSQL, and there through a pooler. No clock is set here:
//! what is leased lasts for long, or is over at once.

mod fences;
mod leases;
mod settings;

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::cluster::{Asked, Lease, NodeId, Presence, Shard};
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{ClusterStore, Store};

use super::database::Database;

/// For what is not to end.
const LONG_MS: i64 = 600_000;

/// Two nodes, none of which leads.
struct Nodes {
    one: Arc<dyn Store>,
    two: Arc<dyn Store>,
}

impl Nodes {
    fn in_memory() -> Self {
        let (store, clock) = (Memory::new(), Clock::manual(0));
        let join = |number: i64| -> Arc<dyn Store> {
            Arc::new(store.joined(NodeId::new(number), &format!("http://10.0.0.{number}:3000"), &clock))
        };
        Self { one: join(1), two: join(2) }
    }

    async fn on(database: &Database) -> Self {
        let (one, two) = (database.join(1).await, database.join(2).await);
        Self { one: Arc::new(one), two: Arc::new(two) }
    }

    async fn pooled(database: &Database) -> Self {
        let (one, two) = (database.join_pooled(1).await, database.join_pooled(2).await);
        Self { one: Arc::new(one), two: Arc::new(two) }
    }

    async fn close(&self) {
        self.one.close().await;
        self.two.close().await;
    }
}

fn cluster(store: &Arc<dyn Store>) -> &dyn ClusterStore {
    store.cluster().expect("several nodes may have it")
}

fn asked(store: &Arc<dyn Store>, leases: impl IntoIterator<Item = Lease>, ttl_ms: i64) -> Asked {
    let leases = leases.into_iter().collect();
    Asked { node: cluster(store).node(), presence: Presence::Staying, leases, ttl_ms, sent_ms: 0 }
}

/// Takes shards that are over, as they are; it leads under the first one.
async fn take(store: &Arc<dyn Store>, shards: impl IntoIterator<Item = Shard>, ttl_ms: i64) -> Vec<Lease> {
    let rows = cluster(store).renew(&asked(store, [], LONG_MS)).await.expect("renews").leases;
    let seen = shards.into_iter().map(|shard| rows[usize::from(shard.number())].lease);
    let taken = cluster(store).acquire(&asked(store, seen, ttl_ms)).await.expect("acquires");
    cluster(store).lead_under(taken.first().copied());
    taken
}

async fn lead(store: &Arc<dyn Store>) {
    take(store, [Shard::new(0)], 0).await;
}

macro_rules! conformance {
    ($($module:ident: $($case:ident)+;)+) => {
        mod memory {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    let nodes = super::super::Nodes::in_memory();
                    super::super::$module::$case(&nodes).await;
                    nodes.close().await;
                })+
            })+
        }

        mod postgres {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    let database = super::super::Database::new().await;
                    let nodes = super::super::Nodes::on(&database).await;
                    super::super::$module::$case(&nodes).await;
                    nodes.close().await;
                })+
            })+
        }

        mod pooled {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    let database = super::super::Database::new().await;
                    let nodes = super::super::Nodes::pooled(&database).await;
                    super::super::$module::$case(&nodes).await;
                    nodes.close().await;
                })+
            })+
        }
    };
}

conformance! {
    leases:
        a_shard_is_taken_over_once_it_is_over
        nodes_are_known_by_their_address_while_they_live;
    fences:
        what_a_node_brings_that_has_the_shard_is_written
        of_what_comes_late_only_successes_count
        a_late_success_ends_the_delivery_wherever_it_stands
        a_batch_may_be_late_and_current_at_once
        what_was_ended_is_not_tried_again
        what_is_parked_by_old_settings_is_decided_anew
        what_is_said_late_of_an_erased_event_is_erased
        an_attempt_logged_twice_is_rejected_in_either_epoch
        only_the_owner_of_a_shard_tells_how_its_endpoints_are;
    settings:
        only_the_node_that_leads_changes_settings
        what_one_node_changes_another_one_learns
        what_was_decided_by_old_settings_is_not_accepted
        events_and_health_are_known_to_other_nodes;
}
