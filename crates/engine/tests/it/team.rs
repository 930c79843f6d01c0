//! Teams: who may do what, and that nothing of it lets anybody in who should be out.

use std::sync::Arc;

use groundswell_engine::access::{Actor, Came, Person, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    InvitationRecord, MembershipRecord, PeopleStore as _, SessionRecord, Store, TeamRecord, UserRecord,
};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{
    Currency, Email, NewApiKey, NewInvitation, NewPerson, ProgramType, Role, Scope, Scopes, TeamId, UserId,
    WayIn,
};

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// Two teams, `team_a` and `team_b`, with nobody in them but who a test puts there.
struct House {
    store: Arc<Memory>,
    engine: Arc<Engine>,
    clock: Clock,
}

fn team(name: &str) -> TeamId {
    TeamId::parse(&format!("team_{name}")).expect("an id")
}

fn user(name: &str) -> UserId {
    UserId::parse(&format!("usr_{name}")).expect("an id")
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).expect("an address")
}

impl House {
    async fn new() -> Self {
        let (store, clock) = (Arc::new(Memory::new()), Clock::manual(NOW_MS));
        for name in ["a", "b"] {
            let record = TeamRecord { id: team(name), name: format!("Team {name}"), created_at_ms: NOW_MS };
            store.save_team(&record).await.expect("saves");
        }
        let parts = EngineParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            config: EngineConfig::default(),
            clock: clock.clone(),
        };
        let engine = Engine::start(parts).await.expect("starts");
        Self { store, engine, clock }
    }

    /// Somebody with an account and a session of their name, in a team or in none.
    async fn person(&self, name: &str, of: Option<(&str, Role)>) -> Acting {
        let record = UserRecord {
            id: user(name),
            name: name.to_owned(),
            email: Some(email(name)),
            ..UserRecord::first()
        };
        self.store.save_user(&record).await.expect("saves");
        if let Some((of, role)) = of {
            let membership =
                MembershipRecord { team_id: team(of), user_id: user(name), role, since_ms: NOW_MS };
            self.store.add_member(&membership).await.expect("saves");
        }
        self.session(name, name).await;
        self.asking(name).await
    }

    /// A session of somebody, by its token.
    async fn session(&self, name: &str, token: &str) {
        let session = SessionRecord {
            token_hash: groundswell_engine::access::hash_token(token),
            user_id: user(name),
            team_id: None,
            created_at_ms: NOW_MS,
            last_seen_at_ms: NOW_MS,
            expires_at_ms: NOW_MS + 30 * DAY_MS,
            address: None,
            user_agent: None,
            api_key_id: None,
        };
        self.store.save_session(&session).await.expect("saves");
    }

    /// The person of a session as they are now.
    async fn now(&self, token: &str) -> Option<Person> {
        self.engine.person(token).await.expect("answers")
    }

    /// The use cases for the person of a session as they are now.
    async fn asking(&self, token: &str) -> Acting {
        let person = self.now(token).await.expect("a session");
        self.acting(Who::Person(Arc::new(person)))
    }

    fn acting(&self, who: Who) -> Acting {
        self.engine.acting(Arc::new(Actor { who, address: None }))
    }

    async fn key(&self, of: &str, scope: Scope) -> Acting {
        let new = NewApiKey {
            name: "key".to_owned(),
            scopes: Scopes::from_iter([scope]),
            campaign_id: None,
            rate_limit: None,
        };
        let made = self.engine.create_api_key(team(of), new).await.expect("makes it");
        let hash = groundswell_engine::access::hash_token(&made.key);
        self.acting(Who::Key(self.engine.api_key(&hash).expect("it is known")))
    }

    async fn invited(&self, by: &Acting, of: &str, whom: &str) -> String {
        let new = NewInvitation { email: email(whom), role: Role::Editor };
        by.invite(&team(of), new).await.expect("invites").1
    }

    async fn roles(&self, of: &str) -> Vec<(String, Role)> {
        let members = self.engine.members(&team(of)).await.expect("reads");
        members.into_iter().map(|member| (member.name, member.role)).collect()
    }
}

/// What came of a call, in a word.
fn word<T>(result: Result<T, EngineError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(EngineError::NotFound("team")) => "no team",
        Err(EngineError::NotFound(_)) => "no such",
        Err(EngineError::Forbidden(_)) => "forbidden",
        Err(EngineError::Refused(_)) => "refused",
        Err(EngineError::Conflict(_)) => "conflict",
        Err(EngineError::Invalid(_)) => "invalid",
        Err(other) => panic!("{other}"),
    }
}

/// What somebody gets for each use case on `team_a`, in which `target` is; in the order of [`CASES`].
async fn tried(who: &Acting, target: &str) -> [&'static str; 8] {
    let (a, nobody) = (team("a"), user("nobody"));
    let new = NewInvitation { email: email("new"), role: Role::Viewer };
    [
        word(who.members(&a).await),
        word(who.invitations(&a).await),
        word(who.invite(&a, new).await),
        word(who.take_invitation_back(&a, "inv_none").await),
        word(who.change_role(&a, &user(target), Role::Viewer).await),
        word(who.remove_member(&a, &nobody).await),
        word(who.rename_team(&a, "Renamed").await),
        word(who.create_team("Another").await),
    ]
}

const CASES: [&str; 8] = [
    "members",
    "invitations",
    "invite",
    "take an invitation back",
    "change a role",
    "remove",
    "rename",
    "make a team",
];

#[tokio::test]
async fn each_may_do_with_a_team_what_their_role_says() {
    let house = House::new().await;
    house.person("target", Some(("a", Role::Viewer))).await;
    let sees =
        ["ok", "forbidden", "forbidden", "forbidden", "forbidden", "forbidden", "forbidden", "forbidden"];
    let manages = ["ok", "ok", "ok", "no such", "ok", "no such", "ok", "forbidden"];
    let nothing = ["no team", "no team", "no team", "no team", "no team", "no team", "no team", "forbidden"];
    let refused = ["forbidden"; 8];
    let all = ["ok", "ok", "ok", "no such", "ok", "no such", "ok", "ok"];
    let cases = [
        ("viewer", house.person("viewer", Some(("a", Role::Viewer))).await, sees),
        ("editor", house.person("editor", Some(("a", Role::Editor))).await, sees),
        ("owner", house.person("owner", Some(("a", Role::Owner))).await, manages),
        ("owner of another team", house.person("other", Some(("b", Role::Owner))).await, nothing),
        ("somebody in no team", house.person("none", None).await, nothing),
        ("key that reads", house.key("a", Scope::Read).await, refused),
        ("key for webhooks", house.key("a", Scope::Webhooks).await, refused),
        ("admin key", house.key("a", Scope::Admin).await, manages),
        ("admin key of another team", house.key("b", Scope::Admin).await, nothing),
        ("operator", house.acting(Who::Operator), all),
    ];
    for (name, acting, wanted) in cases {
        let got = tried(&acting, "target").await;
        for ((case, got), wanted) in CASES.iter().zip(got).zip(wanted) {
            assert_eq!(got, wanted, "{name}: {case}");
        }
    }
    house.engine.shut_down().await;
}

#[tokio::test]
async fn everybody_sees_the_teams_in_their_reach() {
    let house = House::new().await;
    let names = async |acting: &Acting| {
        let teams = acting.teams().await.expect("reads");
        teams.into_iter().map(|team| team.name).collect::<Vec<_>>()
    };
    let person = house.person("ada", Some(("b", Role::Viewer))).await;
    assert_eq!(names(&person).await, ["Team b"]);
    assert_eq!(names(&house.key("a", Scope::Admin).await).await, ["Team a"]);
    assert_eq!(names(&house.acting(Who::Operator)).await, ["My team", "Team a", "Team b"]);
    assert_eq!(word(house.key("a", Scope::Read).await.teams().await), "forbidden");
    house.engine.shut_down().await;
}

#[tokio::test]
async fn a_team_keeps_an_owner_and_everybody_may_leave() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    let viewer = house.person("viewer", Some(("a", Role::Viewer))).await;
    let operator = house.acting(Who::Operator);
    for acting in [&owner, &operator] {
        assert_eq!(word(acting.remove_member(&team("a"), &user("owner")).await), "refused");
        assert_eq!(word(acting.change_role(&team("a"), &user("owner"), Role::Editor).await), "refused");
    }
    viewer.remove_member(&team("a"), &user("viewer")).await.expect("leaves");
    assert_eq!(house.roles("a").await, [("owner".to_owned(), Role::Owner)]);
    let person = house.now("viewer").await.expect("the session goes on");
    assert_eq!((person.role(), person.team), (None, None));
    house.engine.shut_down().await;
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    let house = House::new().await;
    let (one, other) = (
        house.person("one", Some(("a", Role::Owner))).await,
        house.person("other", Some(("a", Role::Owner))).await,
    );
    let (a, ids) = (team("a"), (user("one"), user("other")));
    let left = tokio::join!(one.remove_member(&a, &ids.0), other.remove_member(&a, &ids.1));
    let mut words = [word(left.0), word(left.1)];
    words.sort_unstable();
    assert_eq!(words, ["ok", "refused"]);
    assert_eq!(house.roles("a").await.len(), 1);
    house.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_serves_somebody_is_told_of_another_role_and_of_an_end() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    house.person("ada", Some(("a", Role::Editor))).await;
    let mut changed = house.engine.access_changed();
    owner.change_role(&team("a"), &user("ada"), Role::Viewer).await.expect("changes");
    assert!(changed.has_changed().expect("it lasts"));
    changed.mark_unchanged();
    assert_eq!(house.now("ada").await.and_then(|person| person.role()), Some(Role::Viewer));
    owner.remove_member(&team("a"), &user("ada")).await.expect("removes");
    assert!(changed.has_changed().expect("it lasts"));
    house.engine.shut_down().await;
}

#[tokio::test]
async fn an_invitation_is_for_seven_days_and_can_be_taken_back() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    let token = house.invited(&owner, "a", "ada").await;
    let invited = house.engine.invited(&token, None).await.expect("it is open");
    assert_eq!((invited.team.as_str(), invited.role), ("Team a", Role::Editor));
    assert_eq!((invited.invited_by.as_str(), invited.way), ("owner", WayIn::NewAccount));

    // A new one of the same address takes its place.
    let again = house.invited(&owner, "a", "ada").await;
    assert_eq!(word(house.engine.invited(&token, None).await), "refused");
    let open = owner.invitations(&team("a")).await.expect("reads");
    assert_eq!(open.len(), 1);
    // An owner of another team cannot take it back.
    let other = house.person("other", Some(("b", Role::Owner))).await;
    assert_eq!(word(other.take_invitation_back(&team("b"), &open[0].id).await), "no such");
    owner.take_invitation_back(&team("a"), &open[0].id).await.expect("takes it back");
    assert_eq!(word(house.engine.invited(&again, None).await), "refused");

    let token = house.invited(&owner, "a", "ada").await;
    house.clock.set(NOW_MS + 7 * DAY_MS);
    assert_eq!(word(house.engine.invited(&token, None).await), "refused");
    assert!(owner.invitations(&team("a")).await.expect("reads").is_empty());
    house.engine.shut_down().await;
}

#[tokio::test]
async fn an_invitation_ends_with_who_made_it() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    let other = house.person("other", Some(("a", Role::Owner))).await;
    let key = house.key("a", Scope::Admin).await;
    let tokens = [
        house.invited(&other, "a", "ada").await,
        house.invited(&key, "a", "bob").await,
        house.invited(&owner, "a", "eve").await,
    ];
    owner.change_role(&team("a"), &user("other"), Role::Editor).await.expect("changes it");
    let keys = owner.api_keys().await.expect("lists them");
    owner.delete_api_key(&keys[0].id).await.expect("revokes it");
    let mut said = Vec::new();
    for token in &tokens {
        said.push(word(house.engine.invited(token, None).await));
    }
    assert_eq!(said, ["refused", "refused", "ok"]);
    house.engine.shut_down().await;
}

#[tokio::test]
async fn an_invitation_never_makes_anybody_somebody_who_is_here() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    house.person("ada", Some(("b", Role::Viewer))).await;
    house.person("bob", Some(("b", Role::Viewer))).await;
    let token = house.invited(&owner, "a", "ada").await;
    let (ada, bob) = (house.now("ada").await.expect("ada"), house.now("bob").await.expect("bob"));

    // Not for somebody unknown, and not for another account.
    for person in [None, Some(&bob)] {
        assert_eq!(house.engine.invited(&token, person).await.expect("open").way, WayIn::SignIn);
    }
    assert_eq!(word(house.engine.join(&token, &bob, None).await), "refused");
    assert_eq!(house.roles("a").await.len(), 1);

    house.session("ada", "elsewhere").await;
    let link = house.engine.create_sign_in_token(&user("ada")).await.expect("makes it").0;
    house.engine.join(&token, &ada, None).await.expect("joins");
    assert!(house.roles("a").await.contains(&("ada".to_owned(), Role::Editor)));
    assert_eq!(house.now("ada").await.and_then(|person| person.team), Some(team("a")), "looks at it");
    assert_eq!(word(house.engine.join(&token, &ada, None).await), "refused", "it was used");

    // What an owner of the earlier team may have begun in her name does not reach into this one.
    assert_eq!(house.now("elsewhere").await, None);
    assert_eq!(word(house.engine.sign_in(&link, Came::default()).await), "refused");
    assert!(house.now("bob").await.is_some());
    house.engine.shut_down().await;
}

#[tokio::test]
async fn somebody_signed_in_joins_with_their_account_unless_they_are_in_the_team() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    house.person("ada", None).await;
    let token = house.invited(&owner, "a", "ada.at.work").await;
    let person = house.now("owner").await.expect("the owner");
    assert!(matches!(
        house.engine.invited(&token, Some(&person)).await.expect("open").way,
        WayIn::IsMember { .. }
    ));
    assert_eq!(word(house.engine.join(&token, &person, None).await), "refused");
    let ada = house.now("ada").await.expect("ada");
    house.engine.join(&token, &ada, None).await.expect("joins");
    assert_eq!(house.roles("a").await.len(), 2);
    let again = NewInvitation { email: email("ada"), role: Role::Owner };
    assert_eq!(word(owner.invite(&team("a"), again).await), "conflict");
    house.engine.shut_down().await;
}

#[tokio::test]
async fn an_owner_makes_no_links_that_sign_in_as_somebody_of_another_team() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    house.person("ada", Some(("a", Role::Viewer))).await;
    owner.create_sign_in_link(Some(&user("ada"))).await.expect("she is in this team alone");
    let membership =
        MembershipRecord { team_id: team("b"), user_id: user("ada"), role: Role::Owner, since_ms: NOW_MS };
    house.store.add_member(&membership).await.expect("saves");
    assert_eq!(word(owner.create_sign_in_link(Some(&user("ada"))).await), "forbidden");
    house.engine.shut_down().await;
}

#[tokio::test]
async fn a_session_looks_at_a_team_of_its_persons() {
    let house = House::new().await;
    let ada = house.person("ada", Some(("a", Role::Owner))).await;
    let membership = MembershipRecord {
        team_id: team("b"),
        user_id: user("ada"),
        role: Role::Viewer,
        since_ms: NOW_MS + 1,
    };
    house.store.add_member(&membership).await.expect("saves");
    assert_eq!(word(ada.choose_team(&team("b")).await), "no team", "she was not in it when she came");
    let ada = house.asking("ada").await;
    ada.choose_team(&team("b")).await.expect("chooses");
    let person = house.now("ada").await.expect("ada");
    assert_eq!((person.team.clone(), person.role()), (Some(team("b")), Some(Role::Viewer)));
    assert_eq!(word(ada.choose_team(&TeamId::first()).await), "no team");
    house.engine.shut_down().await;
}

#[tokio::test]
async fn only_the_operator_makes_programs_for_other_teams() {
    let house = House::new().await;
    let new = || NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    let key = house.key("a", Scope::Admin).await;
    let operator = house.acting(Who::Operator);
    for acting in [&owner, &key] {
        assert_eq!(word(acting.create_program(new(), Some(team("b"))).await), "no team");
        acting.create_program(new(), Some(team("a"))).await.expect("their own");
    }
    assert_eq!(word(operator.create_program(new(), Some(team("none"))).await), "no team");
    let made = operator.create_program(new(), Some(team("b"))).await.expect("makes it");
    assert_eq!(word(owner.program(&made.id)), "no such");
    house.engine.shut_down().await;
}

#[tokio::test]
async fn a_team_has_room_for_five_hundred() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    for number in 1..500 {
        let invitation = InvitationRecord {
            id: format!("inv_{number}"),
            token_hash: groundswell_engine::access::hash_token(&number.to_string()),
            team_id: team("a"),
            email: email(&format!("n{number}")),
            role: Role::Viewer,
            invited_by: "owner".to_owned(),
            made_by: None,
            created_at_ms: NOW_MS,
            expires_at_ms: NOW_MS + DAY_MS,
        };
        house.store.save_invitation(&invitation).await.expect("saves");
    }
    let invite = async |name| {
        word(owner.invite(&team("a"), NewInvitation { email: email(name), role: Role::Viewer }).await)
    };
    assert_eq!(invite("another").await, "conflict");
    assert_eq!(invite("n1").await, "ok", "in the place of the earlier one");
    house.engine.shut_down().await;
}

const PASSWORD: &str = "apple river stone lamp";

#[tokio::test]
async fn somebody_new_gets_an_account_with_the_invited_address_once() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    let token = house.invited(&owner, "a", "ada").await;
    let accept = async |name, password| {
        house.engine.accept_as_new(&token, NewPerson { name, password }, Came::default()).await
    };
    assert_eq!(word(accept(" ", PASSWORD).await), "invalid");
    assert_eq!(word(accept("Ada", "short").await), "invalid");
    assert_eq!(word(accept("Ada", "ada@example.com and more").await), "invalid", "has the address in it");
    let begun = accept("Ada", PASSWORD).await.expect("comes in");
    let ada = house.now(&begun.token).await.expect("a session");
    assert_eq!(
        (ada.email.clone(), ada.role(), ada.team.clone()),
        (Some(email("ada")), Some(Role::Editor), Some(team("a")))
    );
    assert!(ada.has_password);
    assert_eq!(word(accept("Ada", PASSWORD).await), "refused", "it was used");

    // Nobody gets a second account of the address, nor hers, by being invited as her elsewhere.
    let other = house.person("other", Some(("b", Role::Owner))).await;
    let token = house.invited(&other, "b", "ada").await;
    let new = NewPerson { name: "Eve", password: "another long password" };
    assert_eq!(word(house.engine.accept_as_new(&token, new, Came::default()).await), "refused");
    let wrong = house.engine.sign_in_and_join(&token, ("another long password", None), Came::default()).await;
    assert!(matches!(wrong, Err(EngineError::WrongPassword)), "{wrong:?}");
    let joined =
        house.engine.sign_in_and_join(&token, (PASSWORD, None), Came::default()).await.expect("joins");
    let joined = house.now(&joined.token).await.expect("a session");
    assert_eq!((joined.id, joined.team), (ada.id, Some(team("b"))));
    assert_eq!(joined.memberships.len(), 2);
    assert_eq!(house.now(&begun.token).await, None, "other sessions end");
    house.engine.shut_down().await;
}

#[tokio::test]
async fn of_two_who_use_one_link_at_once_one_comes_in() {
    let house = House::new().await;
    let owner = house.person("owner", Some(("a", Role::Owner))).await;
    let token = house.invited(&owner, "a", "ada").await;
    let new = |name| NewPerson { name, password: PASSWORD };
    let (one, other) = tokio::join!(
        house.engine.accept_as_new(&token, new("One"), Came::default()),
        house.engine.accept_as_new(&token, new("Other"), Came::default()),
    );
    let mut words = [word(one), word(other)];
    words.sort_unstable();
    assert_eq!(words, ["ok", "refused"]);
    assert_eq!(house.roles("a").await.len(), 2);
    house.engine.shut_down().await;
}
