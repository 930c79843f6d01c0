//! Signing in with a password, sessions and accounts, through days that pass by hand.

mod keys;
mod proof;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use groundswell_engine::access::{Actor, Begun, Came, DEVICE_MS, IDLE_MS, SESSION_MS, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::people::sign_in::Credentials;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    AuditSearch, AuditStore, MembershipRecord, PeopleStore, Store, TeamRecord, UserRecord,
};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{AuditAction, AuditFilter, Email, Role, SignInChange, TeamId, UserId};

const NOW_MS: i64 = 1_800_000_000_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1_440 * MINUTE_MS;
const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "staple of another kind";

/// `a password of before`, hashed with 8 KiB in one pass by the reference implementation.
const WEAK: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXdoYXQgc2FsdHkuLg$LCG+AgZxhOXVtzE3zvAnNEm6zRqTVao2BOdxJ4PPeLs";

struct World {
    store: Arc<Memory>,
    clock: Clock,
    engine: Arc<Engine>,
}

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

fn at(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + (number << 8)).into()
}

fn from(address: u32) -> Came {
    Came { address: Some(at(address)), ..Came::default() }
}

impl World {
    /// The first owner, Ada, has a password; so has Bob, who is a viewer.
    async fn new() -> Self {
        let store = Arc::new(Memory::new());
        let clock = Clock::manual(NOW_MS);
        let parts = EngineParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            config: EngineConfig::default(),
            clock: clock.clone(),
        };
        let engine = Engine::start(parts).await.expect("starts");
        let world = Self { store, clock, engine };
        world.set_password(&world.by_link(&UserId::first()).await, ADA).await;
        let bob = UserRecord { id: UserId::parse("usr_bob").expect("an id"), ..UserRecord::first() };
        world.store.save_user(&bob).await.expect("saves");
        world.join(&bob.id, &TeamId::first(), Role::Viewer).await;
        world.set_password(&world.by_link(&bob.id).await, BOB).await;
        world
    }

    async fn join(&self, user: &UserId, team: &TeamId, role: Role) {
        let (team_id, user_id) = (team.clone(), user.clone());
        let membership = MembershipRecord { team_id, user_id, role, since_ms: NOW_MS };
        self.store.add_member(&membership).await.expect("joins");
    }

    async fn by_link(&self, user: &UserId) -> Begun {
        let (token, _) = self.engine.create_sign_in_token(user).await.expect("a link");
        self.engine.sign_in(&token, Came::default()).await.expect("signs in")
    }

    async fn set_password(&self, begun: &Begun, email: &str) {
        let change = SignInChange { email, new_password: PASSWORD, present_password: "" };
        self.acting(&begun.token).await.change_sign_in(change, came_with(begun)).await.expect("is set");
    }

    async fn acting(&self, session: &str) -> Acting {
        let person = self.engine.person(session).await.expect("reads").expect("is signed in");
        self.engine.acting(Arc::new(Actor { who: Who::Person(Arc::new(person)), address: None }))
    }

    async fn sign_in(&self, email: &str, password: &str, came: Came) -> Result<Begun, EngineError> {
        self.sign_in_from(None, (email, password), came).await
    }

    async fn sign_in_from(
        &self,
        device: Option<&str>,
        (email, password): (&str, &str),
        came: Came,
    ) -> Result<Begun, EngineError> {
        self.engine.sign_in_with_password(Credentials { email, password, device }, came).await
    }

    async fn is_signed_in(&self, begun: &Begun) -> bool {
        self.engine.person(&begun.token).await.expect("reads").is_some()
    }
}

/// The browser that has this session.
fn came_with(begun: &Begun) -> Came {
    Came { session: Some(begun.token.clone()), ..Came::default() }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "it is asked of what a call has just answered")]
fn is_wrong(result: Result<Begun, EngineError>) {
    assert!(matches!(result, Err(EngineError::WrongPassword)), "{result:?}");
}

#[track_caller]
fn is_locked(result: Result<Begun, EngineError>) -> i64 {
    match result {
        Err(EngineError::TooManyGuesses { wait_ms }) => wait_ms,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_right_password_signs_in_and_whatever_is_wrong_is_wrong_alike() {
    let world = World::new().await;
    let begun = world.sign_in(" Ada@Example.com", PASSWORD, from(1)).await.expect("signs in");
    assert_eq!(begun.user, UserId::first());
    assert!(world.is_signed_in(&begun).await);
    is_wrong(world.sign_in(ADA, OTHER, from(1)).await);
    is_wrong(world.sign_in("nobody@example.com", PASSWORD, from(1)).await);
    is_wrong(world.sign_in("no address", PASSWORD, from(1)).await);
    is_wrong(world.sign_in(ADA, "", from(1)).await);
    is_wrong(world.sign_in(ADA, &PASSWORD.repeat(50), from(1)).await);
    // An account without a password.
    let carl = UserRecord {
        id: UserId::parse("usr_carl").expect("an id"),
        email: Some(email("carl@example.com")),
        ..UserRecord::first()
    };
    world.store.save_user(&carl).await.expect("saves");
    is_wrong(world.sign_in("carl@example.com", "", from(1)).await);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn an_account_under_attack_is_locked_for_strangers_and_open_for_its_owner() {
    let world = World::new().await;
    let owners = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    for number in 0..10 {
        is_wrong(world.sign_in(ADA, OTHER, from(100 + number)).await);
    }
    assert_eq!(is_locked(world.sign_in(ADA, OTHER, from(200)).await), 30 * MINUTE_MS);
    is_locked(world.sign_in(ADA, PASSWORD, from(201)).await);
    let bobs = world.sign_in(BOB, PASSWORD, from(1)).await.expect("others notice nothing");
    is_locked(world.sign_in_from(Some(&bobs.device), (ADA, PASSWORD), from(202)).await);
    is_locked(world.sign_in_from(Some("a made-up device"), (ADA, PASSWORD), from(203)).await);

    // Ada's browser, from the attacker's own network, and a link.
    let device = Some(owners.device.as_str());
    let again = world.sign_in_from(device, (ADA, PASSWORD), from(100)).await.expect("signs in");
    world.by_link(&UserId::first()).await;
    for _ in 0..10 {
        is_wrong(world.sign_in_from(device, (ADA, OTHER), from(1)).await);
    }
    assert_eq!(is_locked(world.sign_in_from(device, (ADA, PASSWORD), from(1)).await), 10 * MINUTE_MS);
    world.sign_in_from(Some(&again.device), (ADA, PASSWORD), from(1)).await.expect("another browser of hers");

    world.clock.set(NOW_MS + 30 * MINUTE_MS);
    world.sign_in(ADA, PASSWORD, from(300)).await.expect("strangers have a try again");
    world.clock.set(NOW_MS + DEVICE_MS);
    for number in 0..10 {
        is_wrong(world.sign_in(ADA, OTHER, from(400 + number)).await);
    }
    is_locked(world.sign_in_from(Some(&again.device), (ADA, PASSWORD), from(1)).await);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_locked_like_an_account() {
    let world = World::new().await;
    for number in 0..10 {
        is_wrong(world.sign_in("nobody@example.com", OTHER, from(100 + number)).await);
    }
    assert_eq!(is_locked(world.sign_in("nobody@example.com", OTHER, from(200)).await), 30 * MINUTE_MS);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_network_that_guesses_at_many_accounts_is_shut_out_alone() {
    let world = World::new().await;
    for number in 0..20 {
        is_wrong(world.sign_in(&format!("nobody{number}@example.com"), OTHER, from(1)).await);
    }
    is_locked(world.sign_in(ADA, PASSWORD, from(1)).await);
    world.sign_in(ADA, PASSWORD, from(2)).await.expect("signs in");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_ends_everything_else() {
    let world = World::new().await;
    let own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let elsewhere = world.sign_in(ADA, PASSWORD, from(2)).await.expect("signs in");
    let bobs = world.sign_in(BOB, PASSWORD, from(3)).await.expect("signs in");
    let other_team = TeamId::parse("team_other").expect("an id");
    let team = TeamRecord { id: other_team.clone(), ..TeamRecord::first() };
    world.store.save_team(&team).await.expect("saves");
    world.join(&UserId::first(), &other_team, Role::Viewer).await;
    let acting = world.acting(&own.token).await;

    let change = SignInChange { email: "ada@new.example", new_password: OTHER, present_password: "wrong" };
    let refused = acting.change_sign_in(change, came_with(&own)).await.expect_err("is wrong");
    let EngineError::Invalid(problems) = refused else { panic!("{refused}") };
    assert_eq!(problems[0].pointer, "/presentPassword");
    let change = SignInChange { email: "ada", new_password: "short", ..change };
    let refused = acting.change_sign_in(change, came_with(&own)).await.expect_err("is no address");
    assert!(
        matches!(&refused, EngineError::Invalid(problems) if problems[0].pointer == "/email"),
        "{refused}"
    );
    let change = SignInChange { email: BOB, new_password: "", present_password: PASSWORD };
    let refused = acting.change_sign_in(change, came_with(&own)).await.expect_err("is Bob's");
    assert!(
        matches!(&refused, EngineError::Invalid(problems) if problems[0].pointer == "/email"),
        "{refused}"
    );
    assert!(world.is_signed_in(&elsewhere).await, "nothing has happened so far");

    let mut told = world.engine.access_changed();
    told.mark_unchanged();
    let change = SignInChange { email: "ada@new.example", new_password: OTHER, present_password: PASSWORD };
    let renewed = acting.change_sign_in(change, came_with(&own)).await.expect("is changed");
    assert!(told.has_changed().expect("the engine runs"), "streams ask again");
    assert!(!world.is_signed_in(&own).await && !world.is_signed_in(&elsewhere).await);
    assert!(world.is_signed_in(&renewed).await && world.is_signed_in(&bobs).await);
    is_wrong(world.sign_in(ADA, PASSWORD, from(1)).await);
    is_wrong(world.sign_in("ada@new.example", PASSWORD, from(1)).await);
    // The browsers of before are strangers now; the one that made the change is not.
    for number in 0..9 {
        is_wrong(world.sign_in("ada@new.example", PASSWORD, from(100 + number)).await);
    }
    let credentials = ("ada@new.example", OTHER);
    is_locked(world.sign_in_from(Some(&elsewhere.device), credentials, from(2)).await);
    world.sign_in_from(Some(&renewed.device), credentials, from(1)).await.expect("signs in");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_finds_a_browser_open_cannot_guess_the_password_either() {
    let world = World::new().await;
    let own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let acting = world.acting(&own.token).await;
    let change = SignInChange { email: ADA, new_password: OTHER, present_password: "wrong" };
    for _ in 0..10 {
        let refused = acting.change_sign_in(change, came_with(&own)).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    }
    let right = SignInChange { present_password: PASSWORD, ..change };
    is_locked(acting.change_sign_in(right, came_with(&own)).await);
    world.sign_in(ADA, PASSWORD, from(2)).await.expect("signing in is something else");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_password_that_was_kept_with_less_is_kept_anew_when_it_is_used() {
    let world = World::new().await;
    let before = world.store.user(&UserId::first()).await.expect("reads").expect("is there");
    let user = UserRecord { password_hash: Some(WEAK.to_owned()), ..before };
    world.store.save_user(&user).await.expect("saves");
    let kept = async || {
        let user = world.store.user(&UserId::first()).await.expect("reads").expect("is there");
        user.password_hash.expect("it has one")
    };
    is_wrong(world.sign_in(ADA, PASSWORD, from(1)).await);
    assert_eq!(kept().await, WEAK);
    world.sign_in(ADA, "a password of before", from(1)).await.expect("signs in");
    let strong = kept().await;
    assert!(strong.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{strong}");
    world.sign_in(ADA, "a password of before", from(1)).await.expect("signs in");
    assert_eq!(kept().await, strong);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn signing_in_begins_a_new_session_and_ends_the_browsers_old_one() {
    let world = World::new().await;
    let first = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let second = world.sign_in(ADA, PASSWORD, came_with(&first)).await.expect("signs in");
    assert!(!world.is_signed_in(&first).await && world.is_signed_in(&second).await);
    // What somebody else planted in the browser is no session afterwards.
    let planted = Came { session: Some("planted".to_owned()), ..from(1) };
    let third = world.sign_in(ADA, PASSWORD, planted).await.expect("signs in");
    assert_ne!(third.token, "planted");
    assert!(world.engine.person("planted").await.expect("reads").is_none());
    is_wrong(world.sign_in(ADA, OTHER, came_with(&third)).await);
    assert!(world.is_signed_in(&third).await, "a wrong password ends nothing");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_in_the_end_anyway() {
    let world = World::new().await;
    let idle = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let used = world.sign_in(ADA, PASSWORD, from(2)).await.expect("signs in");
    let listed =
        async |begun: &Begun| world.acting(&begun.token).await.sessions().await.expect("lists").len();
    let before = listed(&used).await;
    let mut now_ms = NOW_MS;
    while now_ms + IDLE_MS - DAY_MS < NOW_MS + SESSION_MS {
        now_ms += IDLE_MS - DAY_MS;
        world.clock.set(now_ms);
        assert!(world.is_signed_in(&used).await, "after {} days", (now_ms - NOW_MS) / DAY_MS);
    }
    assert!(listed(&used).await < before, "what has ended is not listed");
    assert!(!world.is_signed_in(&idle).await);
    world.clock.set(NOW_MS + SESSION_MS);
    assert!(!world.is_signed_in(&used).await);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_page_that_nobody_uses_keeps_no_session() {
    let world = World::new().await;
    let begun = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    for day in 1..=7 {
        world.clock.set(NOW_MS + day * DAY_MS);
        let person = world.engine.person_of_open_page(&begun.token).await.expect("reads");
        assert!(person.is_some(), "day {day}");
    }
    world.clock.set(NOW_MS + IDLE_MS + 1);
    assert!(world.engine.person_of_open_page(&begun.token).await.expect("reads").is_none());
    assert!(!world.is_signed_in(&begun).await);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn people_see_their_own_sessions_and_end_them() {
    let world = World::new().await;
    let agent = |agent: &str| Some(agent.to_owned());
    let came = |number, name| Came { user_agent: agent(name), ..from(number) };
    let own = world.sign_in(ADA, PASSWORD, came(1, "Firefox")).await.expect("signs in");
    world.acting(&own.token).await.end_other_sessions().await.expect("ends");
    world.clock.set(NOW_MS + 1);
    let phone = world.sign_in(ADA, PASSWORD, came(2, "Phone")).await.expect("signs in");
    let bobs = world.sign_in(BOB, PASSWORD, from(3)).await.expect("signs in");
    let acting = world.acting(&own.token).await;
    let sessions = acting.sessions().await.expect("lists");
    let [newer, older] = &sessions[..] else { panic!("{sessions:?}") };
    assert_eq!((newer.is_this, older.is_this), (false, true));
    assert_eq!(newer.user_agent.as_deref(), Some("Phone"));
    assert_eq!(newer.address.as_deref(), Some("10.0.2.0"));
    assert_eq!(newer.began_at, NOW_MS + 1);
    assert!(newer.id.starts_with("ses_") && newer.id != older.id && !newer.id.contains(&phone.token[..8]));

    let of_bob = world.acting(&bobs.token).await;
    let refused = of_bob.end_session(&newer.id).await.expect_err("is Ada's");
    assert!(matches!(refused, EngineError::NotFound("session")), "{refused}");
    let mut told = world.engine.access_changed();
    told.mark_unchanged();
    acting.end_session(&newer.id).await.expect("ends");
    assert!(told.has_changed().expect("the engine runs"));
    assert!(!world.is_signed_in(&phone).await && world.is_signed_in(&own).await);

    let another = world.sign_in(ADA, PASSWORD, from(2)).await.expect("signs in");
    acting.end_other_sessions().await.expect("ends");
    assert!(!world.is_signed_in(&another).await);
    assert!(world.is_signed_in(&own).await && world.is_signed_in(&bobs).await);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_link_is_made_for_members_of_the_own_team_and_of_no_other() {
    let world = World::new().await;
    let own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let acting = world.acting(&own.token).await;
    let (token, _) = acting.create_sign_in_link_of(&email(BOB)).await.expect("a link");
    let begun = world.engine.sign_in(&token, Came::default()).await.expect("signs in");
    assert_eq!(begun.user.as_str(), "usr_bob");
    let nobody = acting.create_sign_in_link_of(&email("nobody@example.com")).await;
    assert!(matches!(nobody, Err(EngineError::NotFound(_))), "{nobody:?}");

    let other = TeamId::parse("team_other").expect("an id");
    world.store.save_team(&TeamRecord { id: other.clone(), ..TeamRecord::first() }).await.expect("saves");
    world.join(&begun.user, &other, Role::Owner).await;
    let refused = acting.create_sign_in_link_of(&email(BOB)).await;
    assert!(
        matches!(refused, Err(EngineError::Forbidden(_))),
        "a session is of the whole person: {refused:?}"
    );
    let operator = world.engine.acting(Arc::new(Actor { who: Who::Operator, address: None }));
    operator.create_sign_in_link_of(&email(BOB)).await.expect("the operator may");
    let refused = operator.sessions().await.expect_err("has no account");
    assert!(matches!(refused, EngineError::Forbidden(_)), "{refused}");
    let bobs = world.acting(&begun.token).await;
    let refused = bobs.create_sign_in_link_of(&email(ADA)).await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "viewers make none: {refused:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_name_is_one_line() {
    let world = World::new().await;
    let own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let acting = world.acting(&own.token).await;
    acting.rename_account(" Ada Lovelace ").await.expect("is saved");
    let person = world.engine.person(&own.token).await.expect("reads").expect("is signed in");
    assert_eq!((person.name.as_str(), person.email), ("Ada Lovelace", Some(email(ADA))));
    for name in ["", "  ", "a\nb", &"x".repeat(201)] {
        acting.rename_account(name).await.expect_err(name);
    }
    world.engine.shut_down().await;
}

#[tokio::test]
async fn sign_ins_and_changes_of_accounts_are_in_the_audit_log() {
    let world = World::new().await;
    let own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    is_wrong(world.sign_in(ADA, OTHER, from(2)).await);
    is_wrong(world.sign_in("nobody@example.com", OTHER, from(3)).await);
    let acting = world.acting(&own.token).await;
    acting.rename_account("Ada L.").await.expect("is saved");
    let change = SignInChange { email: ADA, new_password: OTHER, present_password: PASSWORD };
    acting.change_sign_in(change, came_with(&own)).await.expect("is changed");
    world.engine.sign_out(&own.token, None).await.expect("has ended already");
    world.engine.shut_down().await;

    let search = AuditSearch { team: None, filter: AuditFilter::default(), before: None, limit: 100 };
    let log = world.store.audit_log(&search).await.expect("reads");
    let in_order = log.into_iter().rev().filter(|entry| entry.at_ms == NOW_MS && entry.address.is_some());
    let with_address: Vec<_> = in_order.map(|entry| (entry.action, entry.target, entry.address)).collect();
    let ada = Some(UserId::first().to_string());
    for wanted in [
        (AuditAction::SessionBegan, None, Some("10.0.1.0".to_owned())),
        (AuditAction::SessionFailed, ada, Some("10.0.2.0".to_owned())),
    ] {
        assert!(with_address.contains(&wanted), "{wanted:?} is not in {with_address:?}");
    }
    assert!(
        !with_address.iter().any(|(_, _, address)| address.as_deref() == Some("10.0.3.0")),
        "whom nobody knows fills no disk: {with_address:?}"
    );
    let search = AuditSearch { team: Some(TeamId::first()), ..search };
    let log = world.store.audit_log(&search).await.expect("reads");
    for action in [AuditAction::AccountChanged, AuditAction::PasswordChanged] {
        assert!(log.iter().any(|entry| entry.action == action), "{action:?}");
    }
    assert!(!format!("{log:?}").contains("horse") && !format!("{log:?}").contains("staple"));
}
