//! Letters to owners and others, through days that pass by hand. How they travel is shown elsewhere, over SMTP.

mod addresses;
mod links;
mod operations;
mod sign_in_links;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use groundswell_engine::access::{Actor, Came, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    AddressRecord, AddressState, AddressStore, Batch, HourRecord, MembershipRecord, NoticeRecord,
    PeopleStore, Store, TellingStore, UserRecord,
};
use groundswell_engine::telling::{Content, Letter, Post, Posted, TellingPolicy, Topic, Wish};
use groundswell_engine::webhooks::{SecretInput, WebhookInput};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{
    Currency, Email, EventKind, HourCount, NoticeId, NoticeKind, ProgramId, ProgramType, RecipientState,
    Role, Secret, SecretOverlap, TeamId, UserId, WebhookId,
};

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A mail server that does what it is told, and keeps what it has taken.
#[derive(Default)]
pub struct Office {
    letters: Mutex<Vec<Letter>>,
    tries: Mutex<Vec<i64>>,
    answer: Mutex<Option<Posted>>,
    /// Whoever has this address is not heard of.
    unheard: Mutex<Option<&'static str>>,
    /// It takes a connection and never says anything.
    is_silent: AtomicBool,
}

impl Office {
    fn letters(&self) -> Vec<Letter> {
        self.letters.lock().expect("no panic under the lock").clone()
    }

    fn tries(&self) -> usize {
        self.tries.lock().expect("no panic under the lock").len()
    }

    fn answer(&self, answer: Option<Posted>) {
        *self.answer.lock().expect("no panic under the lock") = answer;
    }

    /// Waits for the letters to have become so many, and a little longer for one too many.
    pub async fn wait_for(&self, count: usize) -> Vec<Letter> {
        for _ in 0..1000 {
            if self.letters().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        let letters = self.letters();
        assert_eq!(letters.len(), count, "{letters:#?}");
        letters
    }
}

#[async_trait]
impl Post for Office {
    async fn send(&self, letter: &Letter) -> Posted {
        self.tries.lock().expect("no panic under the lock").push(letter.id);
        if self.is_silent.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        let answer = self.answer.lock().expect("no panic under the lock").clone();
        let unheard = *self.unheard.lock().expect("no panic under the lock");
        if unheard == Some(letter.to.as_str()) {
            return Posted::Away("no answer".to_owned());
        }
        let answer = answer.unwrap_or(Posted::Sent);
        if answer == Posted::Sent {
            self.letters.lock().expect("no panic under the lock").push(letter.clone());
        }
        answer
    }
}

struct World {
    store: Arc<Memory>,
    clock: Clock,
    engine: Arc<Engine>,
    office: Arc<Office>,
    program: ProgramId,
    webhook: WebhookId,
}

/// That somebody has shown that their address is theirs.
fn theirs(user: &UserRecord) -> AddressRecord {
    let (user_id, email) = (user.id.clone(), user.email.clone().expect("they have one"));
    AddressRecord { user_id, email, token: None, state: AddressState::Theirs, at_ms: NOW_MS }
}

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

impl World {
    /// A program with a webhook; Ada owns the team, Bob is an editor in it.
    async fn new() -> Self {
        let store = Arc::new(Memory::new());
        let clock = Clock::manual(NOW_MS);
        let telling = TellingPolicy { retry_base_ms: 100, ..TellingPolicy::default() };
        let config = EngineConfig { telling, ..EngineConfig::default() };
        let parts = EngineParts { store: Arc::clone(&store) as Arc<dyn Store>, config, clock: clock.clone() };
        let engine = Engine::start(parts).await.expect("starts");
        for (id, name, role) in [
            (UserId::first(), "ada", Role::Owner),
            (UserId::parse("usr_bob").expect("an id"), "bob", Role::Editor),
        ] {
            let address = email(&format!("{name}@example.com"));
            let user = UserRecord {
                id: id.clone(),
                name: name.to_owned(),
                email: Some(address),
                ..UserRecord::first()
            };
            store.save_user(&user).await.expect("saves");
            store.save_address(&theirs(&user)).await.expect("saves");
            if role != Role::Owner {
                let team_id = TeamId::first();
                let membership = MembershipRecord { team_id, user_id: id, role, since_ms: NOW_MS };
                store.add_member(&membership).await.expect("joins");
            }
        }
        let acting = operator(&engine);
        let new = NewProgram {
            kind: ProgramType::Referral,
            name: Some("Acme".to_owned()),
            currency: Currency::default(),
        };
        let program = acting.create_program(new, None).await.expect("created").id;
        let input = WebhookInput {
            payload_url: Some("https://crm.example.com/planted?key=planted".to_owned()),
            events: Some(vec![EventKind::NewParticipantAdded]),
            ..WebhookInput::default()
        };
        let webhook = acting.create_webhook(&program, input).await.expect("created").id;
        let office = Arc::new(Office::default());
        Self { store, clock, engine, office, program, webhook }
    }

    fn tell(self) -> Self {
        self.engine.begin_telling(Some(Arc::clone(&self.office) as Arc<dyn Post>));
        self
    }

    fn acting(&self) -> Acting {
        operator(&self.engine)
    }

    async fn notice(&self, number: i64, kind: NoticeKind) {
        let endpoint_id = self.store.endpoints().await.expect("reads")[0].id;
        let at_ms = self.clock.now_ms();
        let (id, program_id) = (NoticeId::from_number(number), self.program.clone());
        let notice = NoticeRecord { id, program_id, endpoint_id, kind, at_ms, since_ms: at_ms - DAY_MS };
        self.store.commit(&Batch { notices: vec![notice], ..Batch::default() }).await.expect("commits");
    }

    async fn add(&self, address: &str) -> Result<RecipientState, EngineError> {
        let added = self.acting().add_recipient(&self.program, &self.webhook, (email(address), "es")).await;
        added.map(|recipient| recipient.state)
    }

    /// How whoever has a link stands to its webhook.
    async fn state(&self, token: &str) -> RecipientState {
        match self.engine.subscription(token).await.expect("a link").topic {
            Topic::Webhook { state, .. } | Topic::Gone { state } => state,
            topic @ Topic::Account { .. } => panic!("{topic:?}"),
        }
    }

    async fn give_up(&self, hour: i64, undeliverable: i64) {
        let endpoint_id = self.store.endpoints().await.expect("reads")[0].id;
        let count = HourCount { undeliverable, ..HourCount::default() };
        self.store.add_hours(&[HourRecord { endpoint_id, hour, count }]).await.expect("writes");
    }
}

fn operator(engine: &Arc<Engine>) -> Acting {
    engine.acting(Arc::new(Actor { who: Who::Operator, address: None }))
}

fn addresses(letters: &[Letter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.to.as_str()).collect()
}

#[tokio::test]
async fn owners_are_told_of_each_notice_once_and_of_nothing_secret() {
    let world = World::new().await.tell();
    world.notice(1, NoticeKind::Failing).await;
    let letters = world.office.wait_for(1).await;
    let Letter { to, language, token, content, .. } = &letters[0];
    assert_eq!((to.as_str(), language.as_str()), ("ada@example.com", "en"));
    assert!(token.is_some(), "an owner can end it, too");
    let Content::Notice { notice: NoticeKind::Failing, about, since_ms, .. } = content else {
        panic!("{content:?}")
    };
    assert_eq!((about.label.as_str(), about.program_name.as_str()), ("crm.example.com", "Acme"));
    assert_eq!(*since_ms, NOW_MS - DAY_MS);
    assert!(!format!("{letters:?}").contains("planted"), "{letters:?}");
    assert_eq!(world.store.waiting_letters(9).await.expect("counts"), 0, "nothing is kept");

    // The next letter has the same link, or who has ended the letters would have to end them again.
    world.notice(2, NoticeKind::StillFailing).await;
    let letters = world.office.wait_for(2).await;
    assert_eq!(letters[0].token, letters[1].token);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_is_named_gets_the_letters_once_they_have_said_so() {
    let world = World::new().await.tell();
    assert_eq!(world.add("bob@example.com").await.expect("named"), RecipientState::Member);
    assert_eq!(world.add("Eve@example.org").await.expect("named"), RecipientState::Invited);
    assert_eq!(world.add("eve@example.org").await.expect("named"), RecipientState::Invited, "once");
    let letters = world.office.wait_for(1).await;
    assert_eq!((addresses(&letters), letters[0].language.as_str()), (vec!["eve@example.org"], "es"));
    assert!(matches!(&letters[0].content, Content::Question { asked_by, .. } if asked_by == "Operator"));
    let token = letters[0].token.clone().expect("a link");

    world.notice(1, NoticeKind::Gone).await;
    let letters = world.office.wait_for(2).await;
    assert_eq!(letters[1].to.as_str(), "bob@example.com", "the owner named others, and Eve has not answered");
    assert_eq!(world.state(&token).await, RecipientState::Invited);
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    world.notice(2, NoticeKind::Failing).await;
    let letters = world.office.wait_for(4).await;
    let mut to = addresses(&letters[2..]);
    to.sort_unstable();
    assert_eq!(to, ["bob@example.com", "eve@example.org"]);

    // Who has left the team is told nothing more; when nobody is left, the owners are.
    world
        .acting()
        .remove_member(&TeamId::first(), &UserId::parse("usr_bob").expect("an id"))
        .await
        .expect("removed");
    world.engine.subscribe(&token, Wish::NotThese, None).await.expect("taken");
    world.notice(3, NoticeKind::Failing).await;
    assert_eq!(world.office.wait_for(5).await[4].to.as_str(), "ada@example.com");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_wants_no_letters_is_not_asked_again() {
    let world = World::new().await.tell();
    world.add("eve@example.org").await.expect("named");
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.engine.subscribe(&token, Wish::None, None).await.expect("taken");
    let named = world.acting().recipients(&world.program, &world.webhook).await.expect("listed");
    assert_eq!(named[0].state, RecipientState::Unsubscribed);
    world.acting().remove_recipient(&world.program, &world.webhook, &named[0].id).await.expect("removed");
    assert_eq!(world.add("eve@example.org").await.expect("named"), RecipientState::Unsubscribed);
    let other = WebhookInput {
        payload_url: Some("https://example.com/".to_owned()),
        events: Some(Vec::new()),
        ..WebhookInput::default()
    };
    let other = world.acting().create_webhook(&world.program, other).await.expect("created").id;
    let added = world.acting().add_recipient(&world.program, &other, (email("eve@example.org"), "en")).await;
    assert_eq!(added.expect("named").state, RecipientState::Unsubscribed);
    world.office.wait_for(1).await;
    // Only they themselves can change that.
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    assert_eq!(world.state(&token).await, RecipientState::Confirmed);
    world.acting().delete_webhook(&world.program, &world.webhook).await.expect("deleted");
    let gone = Topic::Gone { state: RecipientState::Confirmed };
    assert_eq!(world.engine.subscription(&token).await.expect("a link").topic, gone);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_webhook_has_ten_recipients_and_strangers_are_not_asked_without_a_mail_server() {
    let world = World::new().await;
    let error = world.add("eve@example.org").await.expect_err("nobody can be asked");
    assert!(error.to_string().contains("GROUNDSWELL_SMTP_URL"), "{error}");
    world.add("bob@example.com").await.expect("a member need not be asked");
    let world = world.tell();
    for number in 1..10 {
        world.add(&format!("{number}@example.org")).await.expect("named");
    }
    let error = world.add("10@example.org").await.expect_err("too many");
    assert!(error.to_string().contains("10 recipients"), "{error}");
    world.office.wait_for(9).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_delays_letters_and_loses_none() {
    let world = World::new().await.tell();
    world.office.answer(Some(Posted::Away("down".to_owned())));
    for number in 1..=40 {
        world.notice(number, NoticeKind::Failing).await;
    }
    let waiting = async || world.store.waiting_letters(99).await.expect("counts");
    while waiting().await < 40 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(world.office.tries() >= 1);
    // It is left alone for a while, which passes on the clock alone.
    let tries = world.office.tries();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(world.office.tries() <= tries + 1, "it is not tried for every letter");
    world.office.answer(None);
    world.clock.set(NOW_MS + HOUR_MS);
    assert_eq!(world.office.wait_for(40).await.len(), 40);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_letter_that_is_not_taken_is_tried_again_and_one_that_is_refused_is_not() {
    let world = World::new().await.tell();
    world.office.answer(Some(Posted::NotNow("450".to_owned())));
    world.notice(1, NoticeKind::Failing).await;
    while world.office.tries() < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.clock.set(NOW_MS + 99);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(world.office.tries(), 1, "not before its time");
    world.office.answer(Some(Posted::Refused("550".to_owned())));
    world.clock.set(NOW_MS + 101);
    while world.office.tries() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.office.answer(None);
    world.clock.set(NOW_MS + DAY_MS);
    world.office.wait_for(0).await;
    assert_eq!(world.store.waiting_letters(9).await.expect("counts"), 0);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_letter_that_the_mail_server_hangs_on_does_not_keep_the_others_waiting() {
    let world = World::new().await.tell();
    *world.office.unheard.lock().expect("no panic under the lock") = Some("eve@example.org");
    world.add("eve@example.org").await.expect("named");
    while world.office.tries() < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.notice(1, NoticeKind::Failing).await;
    for second in 1..100 {
        if !world.office.letters().is_empty() {
            break;
        }
        world.clock.set(NOW_MS + second * 1_000);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(addresses(&world.office.wait_for(1).await), ["ada@example.com"]);
    assert_eq!(world.store.waiting_letters(9).await.expect("counts"), 1, "it is kept");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn what_is_three_days_old_is_no_news() {
    let world = World::new().await;
    world.notice(1, NoticeKind::Failing).await;
    world.clock.set(NOW_MS + 3 * DAY_MS + 1);
    world.notice(2, NoticeKind::AutoDisabled).await;
    let world = world.tell();
    let letters = world.office.wait_for(1).await;
    assert!(matches!(letters[0].content, Content::Notice { notice: NoticeKind::AutoDisabled, .. }));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn letters_that_nobody_sends_any_more_are_not_kept() {
    let world = World::new().await.tell();
    world.office.answer(Some(Posted::Away("down".to_owned())));
    world.notice(1, NoticeKind::Failing).await;
    let waiting = async || world.store.waiting_letters(9).await.expect("counts");
    while waiting().await < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.engine.shut_down().await;
    world.clock.set(NOW_MS + 3 * DAY_MS + HOUR_MS);
    // It has no mail server any more, and sweeps often.
    let config = EngineConfig { retention_ms: 1_000, ..EngineConfig::default() };
    let (store, clock) = (Arc::clone(&world.store) as Arc<dyn Store>, world.clock.clone());
    let engine = Engine::start(EngineParts { store, config, clock }).await.expect("starts");
    while waiting().await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.shut_down().await;
}

#[tokio::test]
async fn undeliverable_deliveries_are_told_of_once_a_day_all_together() {
    let world = World::new().await;
    let hour = NOW_MS / HOUR_MS;
    world.give_up(hour - 30, 100).await;
    world.give_up(hour - 2, 3).await;
    world.give_up(hour, 4).await;
    let world = world.tell();
    let count = |letter: &Letter| match &letter.content {
        Content::Digest { count, .. } => *count,
        other => panic!("{other:?}"),
    };
    assert_eq!(count(&world.office.wait_for(1).await[0]), 7);
    world.give_up(hour, 1).await;
    world.clock.set(NOW_MS + DAY_MS - 1);
    world.give_up(hour + 20, 2).await;
    world.office.wait_for(1).await;
    world.clock.set(NOW_MS + DAY_MS + 600_000);
    assert_eq!(count(&world.office.wait_for(2).await[1]), 3);
    world.clock.set(NOW_MS + 3 * DAY_MS);
    world.office.wait_for(2).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_new_secret_is_told_of_whoever_set_it() {
    let world = World::new().await.tell();
    let secret = |text: &str| {
        let secret = Secret::parse(text).expect("a secret");
        WebhookInput {
            secret: Some(SecretInput::Set(secret, SecretOverlap::None)),
            ..WebhookInput::default()
        }
    };
    let set = async |input| {
        world.acting().patch_webhook(&world.program, &world.webhook, input).await.expect("changed")
    };
    set(secret("the first of all secrets")).await;
    set(secret("another secret of this one")).await;
    set(secret("another secret of this one")).await;
    let letters = world.office.wait_for(1).await;
    assert!(matches!(letters[0].content, Content::Notice { notice: NoticeKind::SecretReplaced, .. }));
    assert!(!format!("{letters:?}").contains("another secret"));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_sign_in_is_told_of_unless_the_browser_is_known() {
    let world = World::new().await.tell();
    let came = |device: Option<String>| Came {
        device,
        language: Some("de".to_owned()),
        user_agent: Some("Browser/1.0".to_owned()),
        address: Some("203.0.113.7".parse().expect("an address")),
        ..Came::default()
    };
    let sign_in = async |device| {
        let (token, _) = world.engine.create_sign_in_token(&UserId::first()).await.expect("a link");
        world.engine.sign_in(&token, came(device)).await.expect("signs in").device
    };
    let device = sign_in(None).await;
    let letters = world.office.wait_for(1).await;
    assert_eq!((letters[0].to.as_str(), letters[0].language.as_str()), ("ada@example.com", "de"));
    assert_eq!(letters[0].token, None, "nobody can have this ended");
    let Content::SignIn { address, user_agent, .. } = &letters[0].content else { panic!("{letters:?}") };
    assert_eq!((address.as_deref(), user_agent.as_deref()), (Some("203.0.113.7"), Some("Browser/1.0")));
    sign_in(Some(device)).await;
    world.office.wait_for(1).await;
    sign_in(Some("of somebody else".to_owned())).await;
    world.office.wait_for(2).await;
    world.engine.shut_down().await;
}
