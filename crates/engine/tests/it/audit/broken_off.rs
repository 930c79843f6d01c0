//! What is broken off because the client has gone: however far it came, what was changed is in the log.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use groundswell_engine::access::{Came, hash_token};
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::people::provider::Provided;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::{
    AuditRecord, AuditSearch, AuditStore as _, InvitationRecord, PeopleStore as _, SessionRecord, UserRecord,
};
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::{AuditAction, Email, NewPerson, Role, TeamId, UserId};
use tempfile::TempDir;

use super::BEGAN_MS;

/// A database on disk, where each call to it waits, so that a call can end between any two.
struct House {
    directory: TempDir,
    store: Arc<Sqlite>,
    engine: Arc<Engine>,
}

async fn open(directory: &TempDir) -> (Arc<Sqlite>, Arc<Engine>) {
    let options = Options::new(BEGAN_MS, crate::store::vault(1));
    let store = Sqlite::open(&directory.path().join("groundswell.db"), options).await.expect("opens");
    let store = Arc::new(store);
    let (config, clock) = (EngineConfig::default(), Clock::manual(BEGAN_MS));
    let parts = EngineParts { store: Arc::clone(&store) as _, config, clock };
    (store, Engine::start(parts).await.expect("starts"))
}

fn email(number: usize) -> Email {
    Email::parse(&format!("ada{number}@example.com")).expect("an address")
}

fn user(number: usize) -> UserId {
    UserId::parse(&format!("usr_{number}")).expect("an id")
}

/// The token of somebody's session or invitation.
fn token(number: usize) -> String {
    format!("token {number}")
}

impl House {
    async fn new() -> Self {
        let directory = TempDir::new().expect("there is a temporary directory");
        let (store, engine) = open(&directory).await;
        Self { directory, store, engine }
    }

    async fn invite(&self, number: usize) {
        let invitation = InvitationRecord {
            id: format!("inv_{number}"),
            token_hash: hash_token(&token(number)),
            team_id: TeamId::first(),
            email: email(number),
            role: Role::Owner,
            invited_by: "Operator".to_owned(),
            made_by: None,
            created_at_ms: BEGAN_MS,
            expires_at_ms: BEGAN_MS + 1_000,
        };
        self.store.save_invitation(&invitation).await.expect("saves");
    }

    /// Somebody with an account and a session.
    async fn person(&self, number: usize) {
        let (id, email) = (user(number), Some(email(number)));
        let record = UserRecord { id: id.clone(), email, ..UserRecord::first() };
        self.store.save_user(&record).await.expect("saves");
        let session = SessionRecord {
            token_hash: hash_token(&token(number)),
            user_id: id,
            team_id: None,
            created_at_ms: BEGAN_MS,
            last_seen_at_ms: BEGAN_MS,
            expires_at_ms: BEGAN_MS + 1_000,
            address: None,
            user_agent: None,
            api_key_id: None,
        };
        self.store.save_session(&session).await.expect("saves");
    }

    /// Starts anew, as after a crash.
    async fn again(self) -> Self {
        let Self { directory, store, engine } = self;
        engine.shut_down().await;
        drop((engine, store));
        let (store, engine) = open(&directory).await;
        Self { directory, store, engine }
    }

    async fn entries(&self, action: AuditAction) -> Vec<AuditRecord> {
        let search = AuditSearch { limit: 1_000, ..AuditSearch::default() };
        let mut found = self.store.audit_log(&search).await.expect("reads");
        found.retain(|record| record.action == action);
        found
    }

    /// Everybody who is in the team has come into it once, by the log.
    async fn check_members(&self) {
        let entries = self.entries(AuditAction::MemberJoined).await;
        let members = self.store.members(&TeamId::first()).await.expect("reads");
        let joined: Vec<_> = members.iter().filter(|(member, _)| member.id != UserId::first()).collect();
        assert!(!joined.is_empty());
        for (member, _) in joined {
            let of = |entry: &&AuditRecord| entry.target.as_deref() == Some(member.id.as_str());
            assert_eq!(entries.iter().filter(of).count(), 1, "{member:?}");
        }
    }
}

/// Lets something go on so many times and drops it then; says whether it came to its end before.
async fn broken_off(work: impl Future, after: usize) -> bool {
    let (mut work, mut polls) = (pin!(work), 0);
    poll_fn(|context| {
        if polls == after {
            return Poll::Ready(false);
        }
        polls += 1;
        work.as_mut().poll(context).map(|_| true)
    })
    .await
}

#[tokio::test]
async fn whoever_joins_with_their_account_is_in_the_log_wherever_it_breaks_off() {
    let house = House::new().await;
    for number in 1.. {
        house.person(number).await;
        house.invite(number).await;
        let person = house.engine.person(&token(number)).await.expect("reads").expect("is signed in");
        if broken_off(house.engine.join(&token(number), &person, None), number).await {
            break;
        }
    }
    let house = house.again().await;
    house.check_members().await;
    house.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_joins_with_a_new_account_is_in_the_log_wherever_it_breaks_off() {
    let house = House::new().await;
    for number in 1.. {
        house.invite(number).await;
        let (token, new) = (token(number), NewPerson { name: "Ada", password: "a password of many letters" });
        if broken_off(house.engine.accept_as_new(&token, new, Came::default()), number).await {
            break;
        }
    }
    let house = house.again().await;
    house.check_members().await;
    house.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_joins_through_the_provider_is_in_the_log_wherever_it_breaks_off() {
    let house = House::new().await;
    for number in 1.. {
        house.invite(number).await;
        let subject = format!("https://a.example {number}");
        let provided = Provided { subject, email: Some(email(number)), name: None };
        if broken_off(house.engine.sign_in_with_subject(provided, Came::default()), number).await {
            break;
        }
    }
    let house = house.again().await;
    house.check_members().await;
    house.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_signs_out_is_in_the_log_wherever_it_breaks_off() {
    let house = House::new().await;
    let mut last = 0;
    for number in 1.. {
        last = number;
        house.person(number).await;
        if broken_off(house.engine.sign_out(&token(number), None), number).await {
            break;
        }
    }
    let house = house.again().await;
    let entries = house.entries(AuditAction::SessionEnded).await;
    for number in 1..=last {
        let is_out = house.engine.person(&token(number)).await.expect("reads").is_none();
        let of = |entry: &&AuditRecord| entry.actor.id.as_deref() == Some(user(number).as_str());
        let count = entries.iter().filter(of).count();
        assert!(count == 1 || count == 0 && !is_out, "{number}: {entries:?}");
    }
    house.engine.shut_down().await;
}
