//! Who changes settings, and who learns of it.

use std::sync::Arc;

use groundswell_engine::store::{
    ApiKeyRecord, Batch, Changed, Changes, EndpointId, Forget, HealthRecord, ProgramChange, ResendBatch,
    SettingsChange, SettingsVersion, Store, StoreError, WebhooksChange,
};
use groundswell_types::{EventId, ProgramStatus, Scopes, TeamId};

use super::super::make;
use super::{Nodes, cluster, lead};

fn rename(name: &str) -> SettingsChange {
    SettingsChange::UpdateProgram(ProgramChange {
        id: make::program(1),
        name: name.to_owned(),
        status: ProgramStatus::Draft,
        retention: None,
    })
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

pub async fn only_the_node_that_leads_changes_settings(nodes: &Nodes) {
    let (one, two) = (&nodes.one, &nodes.two);
    let is_fenced = |result| assert!(matches!(result, Err(StoreError::Fenced)), "{result:?}");
    is_fenced(one.apply(&rename("a")).await);
    lead(one).await;
    make::create_program(&**one, 1).await;
    lead(two).await;
    is_fenced(one.apply(&rename("a")).await);
    is_fenced(one.resend(&ResendBatch::default()).await);
    is_fenced(one.forget(&Forget::default()).await.map(drop));
    two.apply(&rename("b")).await.expect("leads");
    cluster(two).lead_under(None);
    is_fenced(two.apply(&rename("c")).await);
    assert_eq!(one.programs().await.expect("reads")[0].name, "b");
}

pub async fn what_one_node_changes_another_one_learns(nodes: &Nodes) {
    let (one, two) = (&nodes.one, &nodes.two);
    let since = async |version| cluster(two).changes(SettingsVersion(version)).await.expect("reads");
    let known = |version, changes| Changes::Known(SettingsVersion(version), changes);
    assert_eq!(since(0).await, known(0, vec![]));
    lead(one).await;
    make::create_program(&**one, 1).await;
    one.apply(&rename("a")).await.expect("applies");
    one.save_api_key(&key()).await.expect("saves");
    assert!(one.save_api_key(&key()).await.is_err(), "what is rejected changes nothing");
    assert!(!one.delete_api_key("key_9").await.expect("answers"));
    let upserts = vec![make::endpoint_record(10, "primary")];
    make::apply(&**one, WebhooksChange { upserts, ..make::change(1) }).await;
    assert!(one.delete_api_key("key_1").await.expect("answers"));
    let about = || Changed::Program(make::program(1));
    assert_eq!(since(0).await, known(5, vec![about(), Changed::ApiKeys, about(), Changed::ApiKeys]));
    assert_eq!(since(4).await, known(5, vec![Changed::ApiKeys]));
    assert_eq!(since(6).await, Changes::Everything(SettingsVersion(5)), "of another database");
    let found = cluster(two).program_as_it_is(&make::program(1)).await.expect("reads");
    let (program, webhooks) = found.expect("is there");
    assert_eq!((program.name.as_str(), program.webhooks_version), ("a", 1));
    assert_eq!(webhooks, [make::endpoint_record(10, "primary")]);
    assert_eq!(cluster(two).program_as_it_is(&make::program(2)).await.expect("reads"), None);
}

pub async fn what_was_decided_by_old_settings_is_not_accepted(nodes: &Nodes) {
    let (one, two) = (&nodes.one, &nodes.two);
    let commit = async |store: &Arc<dyn Store>, version, number| {
        let settings = Some(SettingsVersion(version));
        let batch = Batch { settings, ..make::accepts([make::accept(number, &[10])]) };
        cluster(store).commit(&batch).await
    };
    commit(two, 0, 1).await.expect("commits");
    lead(one).await;
    make::create_program(&**one, 1).await;
    let result = commit(two, 0, 2).await;
    assert!(matches!(result, Err(StoreError::Outdated)), "{result:?}");
    assert_eq!(one.event(make::event(2)).await.expect("reads"), None, "nothing was written");
    commit(two, 1, 2).await.expect("commits");
    // What has nothing to do with settings is written all the same.
    let nothing = Batch { settings: Some(SettingsVersion(0)), ..Batch::default() };
    cluster(two).commit(&nothing).await.expect("commits");
}

pub async fn events_and_health_are_known_to_other_nodes(nodes: &Nodes) {
    let (one, two) = (&nodes.one, &nodes.two);
    make::accept_all(&**one, [1, 3], &[10]).await;
    make::accept_all(&**two, [2], &[10, 11]).await;
    let event = |number, endpoints: &[i64]| {
        (make::event(number), endpoints.iter().copied().map(EndpointId).collect::<Vec<_>>())
    };
    let after = async |number, limit| {
        cluster(two).accepted_elsewhere(EventId::from_number(number), limit).await.expect("reads")
    };
    assert_eq!(after(0, 2).await, [event(1, &[10]), event(2, &[10, 11])]);
    assert_eq!(after(2, 2).await, [event(3, &[10])]);
    let health = HealthRecord { consecutive_failures: 2, ..HealthRecord::default() };
    let told = [10, 11].map(|endpoint| (make::endpoint(endpoint), health));
    one.commit(&Batch { health: told.to_vec(), ..Batch::default() }).await.expect("commits");
    let found = cluster(two).health_of(&[make::endpoint(11), make::endpoint(12)]).await.expect("reads");
    assert_eq!(found, [(make::endpoint(11), health)]);
}
