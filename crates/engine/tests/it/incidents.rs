//! What those who run the server say of it, as everybody sees it.

use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::access::{Actor, Person, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::incidents::IncidentRef;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{AuditSearch, AuditStore as _, Store};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{
    AffectedComponent, Component, ComponentStatus, Impact, Incident, IncidentChange, IncidentKind,
    IncidentStatus, MaintenanceStatus, NewIncident, NewIncidentUpdate, Progress, Role, Schedule, TeamId,
    UserId,
};

const NOW_MS: i64 = 1_772_323_200_000;

const HOUR_MS: i64 = 3_600_000;

struct Ground {
    store: Arc<Memory>,
    clock: Clock,
    engine: Arc<Engine>,
}

impl Ground {
    async fn new() -> Self {
        Self::over(Arc::new(Memory::new()), Clock::manual(NOW_MS)).await
    }

    async fn over(store: Arc<Memory>, clock: Clock) -> Self {
        let parts = EngineParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            config: EngineConfig::default(),
            clock: clock.clone(),
        };
        let engine = Engine::start(parts).await.expect("starts");
        Self { store, clock, engine }
    }

    fn acting(&self, who: Who) -> Acting {
        self.engine.acting(Arc::new(Actor { who, address: None }))
    }

    fn operator(&self) -> Acting {
        self.acting(Who::Operator)
    }

    fn person(&self, team: &str, role: Role) -> Acting {
        let team = TeamId::parse(team).expect("an id");
        self.acting(Who::Person(Arc::new(Person {
            id: UserId::parse("usr_1").expect("an id"),
            name: "Ada".to_owned(),
            email: None,
            has_password: true,
            provider_subject: None,
            memberships: vec![(team.clone(), role)],
            team: Some(team),
            session: [1; 32],
            api_key_id: None,
            signed_in_at_ms: NOW_MS,
        })))
    }

    /// How a component is shown.
    fn status(&self, component: Component) -> ComponentStatus {
        let status = self.engine.system_status();
        status.components.iter().find(|state| state.component == component).expect("is there").status
    }
}

fn affected(status: ComponentStatus) -> Vec<AffectedComponent> {
    vec![AffectedComponent { component: Component::Delivery, status }]
}

pub fn outage() -> NewIncident {
    NewIncident {
        name: " Deliveries are late ".to_owned(),
        status: Progress::Incident(IncidentStatus::Investigating),
        impact: Impact::Major,
        components: affected(ComponentStatus::PartialOutage),
        schedule: None,
        message: "We look into it.\r\nMore follows.".to_owned(),
    }
}

pub fn work(from: i64, until: i64) -> NewIncident {
    NewIncident {
        name: "A larger disk".to_owned(),
        status: Progress::Maintenance(MaintenanceStatus::Scheduled),
        impact: Impact::Maintenance,
        components: affected(ComponentStatus::UnderMaintenance),
        schedule: Some(Schedule { from, until }),
        message: "Deliveries wait meanwhile.".to_owned(),
    }
}

pub fn of(incident: &Incident) -> IncidentRef {
    IncidentRef { kind: incident.kind(), id: incident.id }
}

pub fn said(status: Option<Progress>, message: &str) -> NewIncidentUpdate {
    NewIncidentUpdate { status, message: message.to_owned(), components: None }
}

fn words(incident: &Incident) -> Vec<(&'static str, &str)> {
    incident.updates.iter().map(|update| (update.status.as_str(), update.message.as_str())).collect()
}

#[tokio::test]
async fn an_incident_is_shown_until_it_is_resolved_and_after() {
    let ground = Ground::new().await;
    let operator = ground.operator();
    assert_eq!(ground.engine.system_status().impact, Impact::None);
    let made = operator.create_incident(outage()).await.expect("is reported");
    assert_eq!((made.name.as_str(), made.started_at), ("Deliveries are late", Some(NOW_MS)));
    assert_eq!(words(&made), [("investigating", "We look into it.\nMore follows.")]);
    assert_eq!(ground.status(Component::Delivery), ComponentStatus::PartialOutage);
    assert_eq!(ground.engine.system_status().impact, Impact::Major);

    ground.clock.set(NOW_MS + HOUR_MS);
    let monitoring = Progress::Incident(IncidentStatus::Monitoring);
    let better = NewIncidentUpdate {
        components: Some(affected(ComponentStatus::DegradedPerformance)),
        ..said(Some(monitoring), "It is mended.")
    };
    let seen = operator.update_incident(of(&made), better).await.expect("is said");
    assert_eq!((seen.monitoring_at, seen.created_at), (Some(NOW_MS + HOUR_MS), NOW_MS));
    assert_eq!(ground.status(Component::Delivery), ComponentStatus::DegradedPerformance);
    let same = operator.update_incident(of(&made), said(None, "Still well.")).await.expect("is said");
    assert_eq!(same.status, monitoring);

    let resolved = Progress::Incident(IncidentStatus::Resolved);
    let over = operator.update_incident(of(&made), said(Some(resolved), "It is over.")).await.expect("ends");
    assert_eq!(over.ended_at, Some(NOW_MS + HOUR_MS));
    assert_eq!(over.components, affected(ComponentStatus::Operational));
    assert_eq!(over.updates[1].components, affected(ComponentStatus::DegradedPerformance), "as it was then");
    assert_eq!(ground.engine.system_status().impact, Impact::None);
    assert_eq!(ground.engine.shown_incidents().as_ref(), std::slice::from_ref(&over));
    let late = operator.update_incident(of(&made), said(None, "One more word.")).await;
    assert!(matches!(late, Err(EngineError::Refused(_))), "{late:?}");

    // A restart shows the same.
    ground.engine.shut_down().await;
    let again = Ground::over(Arc::clone(&ground.store), ground.clock.clone()).await;
    assert_eq!(again.engine.shown_incidents().as_ref(), [over]);
    again.engine.shut_down().await;
}

#[tokio::test]
async fn a_correction_of_components_corrects_what_was_said_of_them_last_and_nothing_before() {
    let ground = Ground::new().await;
    let operator = ground.operator();
    let made = operator.create_incident(outage()).await.expect("is reported");
    operator.update_incident(of(&made), said(None, "Still.")).await.expect("is said");
    let slow = affected(ComponentStatus::DegradedPerformance);
    let change = IncidentChange { components: Some(slow.clone()), ..IncidentChange::default() };
    let corrected = operator.change_incident(of(&made), change).await.expect("is corrected");
    assert_eq!(corrected.components, slow);
    assert_eq!(corrected.updates[0].components, slow);
    assert_eq!((words(&corrected)[0].1, corrected.updates[1].clone()), ("Still.", made.updates[0].clone()));
    ground.engine.shut_down().await;
    let again = Ground::over(Arc::clone(&ground.store), ground.clock.clone()).await;
    assert_eq!(again.engine.shown_incidents().as_ref(), [corrected]);
    again.engine.shut_down().await;
}

#[tokio::test]
async fn maintenance_begins_and_ends_at_its_times() {
    let ground = Ground::new().await;
    let operator = ground.operator();
    let (from, until) = (NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS);
    let made = operator.create_incident(work(from, until)).await.expect("is announced");
    assert_eq!((made.started_at, made.components.clone()), (None, affected(ComponentStatus::Operational)));
    assert_eq!(ground.status(Component::Delivery), ComponentStatus::Operational);
    assert_eq!(ground.engine.keep_schedules().await.expect("looks"), Some(from));

    ground.clock.set(from);
    assert_eq!(ground.engine.keep_schedules().await.expect("begins"), Some(until));
    let begun = ground.engine.incident(made.id).await.expect("is there");
    assert_eq!((begun.status.as_str(), begun.started_at), ("in_progress", Some(from)));
    assert_eq!(ground.status(Component::Delivery), ComponentStatus::UnderMaintenance);
    assert_eq!(ground.engine.system_status().impact, Impact::Maintenance);

    ground.clock.set(until);
    assert_eq!(ground.engine.keep_schedules().await.expect("ends"), None);
    let ended = ground.engine.incident(made.id).await.expect("is there");
    assert_eq!((ended.status.as_str(), ended.ended_at), ("completed", Some(until)));
    let all = [
        ("completed", "The maintenance has ended."),
        ("in_progress", "The maintenance has begun."),
        ("scheduled", "Deliveries wait meanwhile."),
    ];
    assert_eq!(words(&ended), all);
    assert_eq!(ground.status(Component::Delivery), ComponentStatus::Operational);
    ground.engine.shut_down().await;
}

#[tokio::test]
async fn maintenance_that_was_missed_is_made_up_for_at_the_start() {
    let ground = Ground::new().await;
    let made = ground.operator().create_incident(work(NOW_MS + 1, NOW_MS + 2)).await.expect("is announced");
    ground.engine.shut_down().await;
    ground.clock.set(NOW_MS + HOUR_MS);
    let again = Ground::over(Arc::clone(&ground.store), ground.clock.clone()).await;
    // By itself: nobody asks for it here.
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let incident = again.engine.incident(made.id).await.expect("is there");
            if incident.ended_at.is_some() {
                return incident;
            }
            tokio::task::yield_now().await;
        }
    });
    let ended = ended.await.expect("ends");
    assert_eq!(words(&ended).len(), 3);
    again.engine.shut_down().await;
}

#[tokio::test]
async fn maintenance_is_moved_begun_and_ended_by_hand() {
    let ground = Ground::new().await;
    let operator = ground.operator();
    let made =
        operator.create_incident(work(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS)).await.expect("announces");
    let later = IncidentChange {
        from: Some(NOW_MS + 3 * HOUR_MS),
        until: Some(NOW_MS + 4 * HOUR_MS),
        ..IncidentChange::default()
    };
    let moved = operator.change_incident(of(&made), later).await.expect("is moved");
    assert_eq!(moved.schedule, Some(Schedule { from: NOW_MS + 3 * HOUR_MS, until: NOW_MS + 4 * HOUR_MS }));
    assert_eq!(moved.updates, made.updates);

    let beginning = Some(Progress::Maintenance(MaintenanceStatus::InProgress));
    let begun =
        operator.update_incident(of(&made), said(beginning, "We begin early.")).await.expect("begins");
    assert_eq!(begun.started_at, Some(NOW_MS));
    let earlier = IncidentChange { from: Some(NOW_MS + HOUR_MS), ..IncidentChange::default() };
    let refused = operator.change_incident(of(&made), earlier).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    let back = Some(Progress::Maintenance(MaintenanceStatus::Scheduled));
    let refused = operator.update_incident(of(&made), said(back, "Not yet.")).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    let end = Some(Progress::Maintenance(MaintenanceStatus::Completed));
    let ended = operator.update_incident(of(&made), said(end, "We are done.")).await.expect("ends");
    assert_eq!(ended.ended_at, Some(NOW_MS));
    assert_eq!(ground.engine.keep_schedules().await.expect("looks"), None);

    operator.delete_incident(of(&made)).await.expect("goes");
    assert!(ground.engine.shown_incidents().is_empty());
    let gone = operator.delete_incident(of(&made)).await;
    assert!(matches!(gone, Err(EngineError::NotFound(_))), "{gone:?}");
    ground.engine.shut_down().await;
}

fn pointers(result: Result<Incident, EngineError>) -> Vec<String> {
    match result {
        Err(EngineError::Invalid(problems)) => problems.into_iter().map(|one| one.pointer).collect(),
        other => panic!("is not refused: {other:?}"),
    }
}

#[tokio::test]
async fn every_problem_is_named() {
    let ground = Ground::new().await;
    let operator = ground.operator();
    let wrong = NewIncident {
        name: "x".repeat(201),
        status: Progress::Maintenance(MaintenanceStatus::Scheduled),
        impact: Impact::Maintenance,
        components: [outage().components, outage().components].concat(),
        message: " ".to_owned(),
        ..outage()
    };
    let mut found = pointers(operator.create_incident(wrong).await);
    found.sort_unstable();
    assert_eq!(found, ["/components", "/impact", "/message", "/name", "/status"]);
    let long = NewIncident { message: "ä".repeat(4001), name: "a\nb".to_owned(), ..outage() };
    assert_eq!(pointers(operator.create_incident(long).await), ["/name", "/message"]);
    for (from, until, pointer) in [
        (NOW_MS + 2, NOW_MS + 1, "/scheduledUntil"),
        (NOW_MS - 2, NOW_MS - 1, "/scheduledUntil"),
        (NOW_MS, NOW_MS + 31 * 24 * HOUR_MS, "/scheduledUntil"),
        (NOW_MS + 400 * 24 * HOUR_MS, NOW_MS + 401 * 24 * HOUR_MS, "/scheduledFrom"),
    ] {
        assert_eq!(pointers(operator.create_incident(work(from, until)).await), [pointer]);
    }
    let idle = NewIncident { components: Vec::new(), ..work(NOW_MS, NOW_MS + 1) };
    assert_eq!(pointers(operator.create_incident(idle).await), ["/components"]);
    let made = operator.create_incident(outage()).await.expect("is reported");
    let other = said(Some(Progress::Maintenance(MaintenanceStatus::Verifying)), "");
    assert_eq!(pointers(operator.update_incident(of(&made), other).await), ["/status", "/message"]);
    // An incident is no maintenance, by whatever name.
    let as_work = IncidentRef { kind: IncidentKind::Maintenance, id: made.id };
    let missing = operator.update_incident(as_work, said(None, "x")).await;
    assert!(matches!(missing, Err(EngineError::NotFound(_))), "{missing:?}");
    ground.engine.shut_down().await;
}

#[tokio::test]
async fn there_are_only_so_many() {
    let ground = Ground::new().await;
    let operator = ground.operator();
    let first = operator.create_incident(outage()).await.expect("is reported");
    for _ in 1..100 {
        operator.update_incident(of(&first), said(None, "Still.")).await.expect("is said");
    }
    let refused = operator.update_incident(of(&first), said(None, "Still.")).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    let resolved = Progress::Incident(IncidentStatus::Resolved);
    let over = operator.update_incident(of(&first), said(Some(resolved), "It is over.")).await.expect("ends");
    assert_eq!((over.ended_at, over.updates.len()), (Some(NOW_MS), 101));
    operator.delete_incident(of(&first)).await.expect("goes");
    let second = operator.create_incident(outage()).await.expect("is reported");
    for _ in 1..50 {
        operator.create_incident(outage()).await.expect("is reported");
    }
    let refused = operator.create_incident(work(NOW_MS, NOW_MS + 1)).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");

    // Of what is over the newest are shown, and all are there.
    let over = NewIncident { status: Progress::Incident(IncidentStatus::Resolved), ..outage() };
    operator.delete_incident(of(&second)).await.expect("goes");
    let oldest = operator.create_incident(over.clone()).await.expect("is reported");
    for _ in 0..50 {
        operator.create_incident(over.clone()).await.expect("is reported");
    }
    let shown = ground.engine.shown_incidents();
    assert_eq!(shown.iter().filter(|incident| incident.ended_at.is_some()).count(), 50);
    assert!(shown.iter().all(|incident| incident.id != oldest.id));
    assert_eq!(ground.engine.incident(oldest.id).await.expect("is there"), oldest);
    ground.engine.shut_down().await;
}

#[tokio::test]
async fn only_those_who_run_the_server_say_anything_and_it_is_in_the_audit_log() {
    let ground = Ground::new().await;
    for (team, role) in [("team_first", Role::Editor), ("team_2", Role::Owner)] {
        let refused = ground.person(team, role).create_incident(outage()).await;
        assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
    }
    let owner = ground.person("team_first", Role::Owner);
    let incident = owner.create_incident(outage()).await.expect("is reported");
    owner.update_incident(of(&incident), said(None, "Still.")).await.expect("is said");
    let other = IncidentChange { impact: Some(Impact::Minor), ..IncidentChange::default() };
    owner.change_incident(of(&incident), other).await.expect("changes");
    let work = owner.create_incident(work(NOW_MS + 1, NOW_MS + 2)).await.expect("is announced");
    owner.delete_incident(of(&work)).await.expect("goes");
    owner.update_incident(of(&work), said(None, "Still.")).await.expect_err("is gone");

    let search = AuditSearch { team: Some(TeamId::first()), limit: 9, ..AuditSearch::default() };
    let log = ground.store.audit_log(&search).await.expect("reads");
    let entries: Vec<_> = log.iter().map(|record| (record.action.as_str(), record.target.clone())).collect();
    let (incident, work) = (Some(incident.id.to_string()), Some(work.id.to_string()));
    let wanted = [
        ("maintenance.deleted", work.clone()),
        ("maintenance.created", work),
        ("incident.changed", incident.clone()),
        ("incident.updated", incident.clone()),
        ("incident.created", incident),
    ];
    assert_eq!(entries, wanted);
    ground.engine.shut_down().await;
}
