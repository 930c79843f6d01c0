//! Incidents and maintenance.

use groundswell_engine::store::{IncidentSearch, Store, StoreError};
use groundswell_types::{
    AffectedComponent, Component, ComponentStatus, Impact, Incident, IncidentId, IncidentKind,
    IncidentStatus, IncidentUpdate, IncidentUpdateId, MaintenanceStatus, Progress, Schedule,
};

/// What was said of an incident or a maintenance.
fn update(number: i64, status: Progress) -> IncidentUpdate {
    IncidentUpdate {
        id: IncidentUpdateId::from_number(number),
        at: number,
        status,
        message: format!("Line {number}\nof “several”"),
        components: vec![AffectedComponent {
            component: Component::RetryQueue,
            status: ComponentStatus::PartialOutage,
        }],
    }
}

/// An incident with two updates.
pub fn incident(number: i64) -> Incident {
    let status = Progress::Incident(IncidentStatus::Monitoring);
    Incident {
        id: IncidentId::from_number(number),
        name: format!("Incident {number}"),
        status,
        impact: Impact::Major,
        components: update(1, status).components,
        schedule: None,
        created_at: number,
        updated_at: number + 5,
        started_at: Some(number),
        monitoring_at: Some(number + 5),
        ended_at: None,
        updates: vec![
            update(number + 5, status),
            update(number, Progress::Incident(IncidentStatus::Investigating)),
        ],
    }
}

/// A maintenance to be, of which nothing was said.
pub fn maintenance(number: i64) -> Incident {
    Incident {
        status: Progress::Maintenance(MaintenanceStatus::Scheduled),
        impact: Impact::Maintenance,
        components: Vec::new(),
        schedule: Some(Schedule { from: 100, until: 200 }),
        started_at: None,
        monitoring_at: None,
        updates: Vec::new(),
        ..incident(number)
    }
}

async fn found(store: &dyn Store, search: IncidentSearch) -> Vec<i64> {
    let incidents = store.incidents(search).await.expect("reads");
    incidents.iter().map(|incident| incident.id.number()).collect()
}

pub async fn an_incident_reads_back_with_what_was_said_newest_first(store: &dyn Store) {
    for one in [incident(10), maintenance(20)] {
        store.add_incident(&one).await.expect("saves");
        assert_eq!(store.incident(one.id).await.expect("reads"), Some(one));
    }
    let again = store.add_incident(&Incident { updates: Vec::new(), ..maintenance(10) }).await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
    assert_eq!(store.incident(IncidentId::from_number(10)).await.expect("reads"), Some(incident(10)));
    assert_eq!(store.incident(IncidentId::from_number(11)).await.expect("reads"), None);
}

pub async fn an_incident_changes_and_keeps_what_was_said(store: &dyn Store) {
    let resolved = Progress::Incident(IncidentStatus::Resolved);
    let ended = Incident {
        name: "Over".to_owned(),
        status: resolved,
        impact: Impact::None,
        components: Vec::new(),
        ended_at: Some(30),
        updates: Vec::new(),
        ..incident(10)
    };
    assert!(!store.change_incident(&ended, Some(&update(30, resolved))).await.expect("answers"));
    for number in [10, 20] {
        store.add_incident(&incident(number)).await.expect("saves");
    }
    assert!(store.change_incident(&ended, Some(&update(30, resolved))).await.expect("answers"));
    let renamed = Incident { name: "Renamed".to_owned(), ..ended };
    assert!(store.change_incident(&renamed, None).await.expect("answers"));
    // Of what was said only the components are ever corrected.
    let corrected = IncidentUpdate { components: Vec::new(), ..update(30, resolved) };
    assert_ne!(corrected, update(30, resolved));
    let other = IncidentUpdate { message: "Something else".to_owned(), ..corrected.clone() };
    assert!(store.change_incident(&renamed, Some(&other)).await.expect("answers"));
    let mut updates = incident(10).updates;
    updates.insert(0, corrected);
    let wanted = Incident { updates, ..renamed };
    assert_eq!(store.incident(wanted.id).await.expect("reads"), Some(wanted.clone()));
    assert_eq!(store.incident(IncidentId::from_number(20)).await.expect("reads"), Some(incident(20)));
    assert_eq!(store.open_incidents().await.expect("reads"), [incident(20)]);

    assert!(store.delete_incident(wanted.id).await.expect("answers"));
    assert!(!store.delete_incident(wanted.id).await.expect("answers"));
    assert_eq!(store.incident(wanted.id).await.expect("reads"), None);
    // Nothing that was said of it comes back with its id.
    let bare = Incident { updates: Vec::new(), ..incident(10) };
    store.add_incident(&bare).await.expect("saves");
    assert_eq!(store.incident(bare.id).await.expect("reads"), Some(bare));
}

pub async fn incidents_are_listed_by_kind_newest_first(store: &dyn Store) {
    for number in [10, 30, 50] {
        store.add_incident(&incident(number)).await.expect("saves");
        store.add_incident(&maintenance(number + 10)).await.expect("saves");
    }
    let all = |kind| IncidentSearch { kind, before: None, limit: 9 };
    assert_eq!(found(store, all(IncidentKind::Incident)).await, [50, 30, 10]);
    assert_eq!(found(store, all(IncidentKind::Maintenance)).await, [60, 40, 20]);
    let before = Some(IncidentId::from_number(50));
    let page = IncidentSearch { before, limit: 1, ..all(IncidentKind::Incident) };
    assert_eq!(found(store, page).await, [30]);
    let open = store.open_incidents().await.expect("reads");
    assert_eq!(open.iter().map(|one| one.id.number()).collect::<Vec<_>>(), [60, 50, 40, 30, 20, 10]);
    assert_eq!(open[1], incident(50));
}
