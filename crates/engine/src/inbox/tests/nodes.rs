//! The inbox where there are several nodes: pages are at the one that leads, and what is delivered may come at another one.

use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use groundswell_types::DeliveryId;

use super::*;
use crate::changes::ChangeWatch;
use crate::cluster::{NodeId, Placement, Shard};
use crate::nodes::{LEAD, NotHeard, Peers, Word};
use crate::store::NodeAddress;

const LEASE_MS: i64 = 1_500;

/// Nothing that works takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A page is told within this time of what another node has received.
const SOON: Duration = Duration::from_secs(2);

/// The way from each of two nodes to the other.
#[derive(Default)]
struct Line {
    engines: std::sync::OnceLock<[Weak<Engine>; 2]>,
    is_cut: AtomicBool,
    /// News of an inbox did not get through.
    has_lost_news: AtomicBool,
}

impl Line {
    fn to(&self, node: NodeId) -> Result<Arc<Engine>, NotHeard> {
        let engines = self.engines.get().filter(|_| !self.is_cut.load(Ordering::SeqCst));
        let found = engines.and_then(|engines| engines[usize::from(node == NodeId::new(2))].upgrade());
        found.ok_or_else(|| NotHeard("it is not reached".to_owned()))
    }
}

#[async_trait]
impl Peers for Line {
    async fn say(&self, to: &NodeAddress, word: &Word) -> Result<(), NotHeard> {
        let is_of_inbox = |news: &(ProgramId, Change)| news.1 == Change::Inbox;
        if self.is_cut.load(Ordering::SeqCst)
            && matches!(word, Word::News(news) if news.iter().any(is_of_inbox))
        {
            self.has_lost_news.store(true, Ordering::SeqCst);
        }
        let heard = self.to(to.id)?.hear(word.clone()).await;
        heard.map_err(|error| NotHeard(error.to_string()))
    }

    async fn under_way(
        &self,
        of: &NodeAddress,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<(DeliveryId, i64)>, NotHeard> {
        Ok(self.to(of.id)?.under_way_here(&deliveries))
    }
}

/// Two nodes, and a program with a webhook that has its inbox's address and is delivered to by the one that does not lead.
struct Two {
    leader: Arc<Engine>,
    other: Arc<Engine>,
    line: Arc<Line>,
    program: ProgramId,
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let reached = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

impl Two {
    /// With a webhook that has its inbox's address.
    async fn new() -> Self {
        Self::with(EngineConfig::default(), None).await
    }

    async fn with(config: EngineConfig, url: Option<String>) -> Self {
        let (memory, clock, line) = (Memory::new(), Clock::system(), Arc::new(Line::default()));
        let join = async |number: i64| {
            let store = memory.joined(NodeId::new(number), &format!("http://10.0.0.{number}"), &clock);
            let public_url = Url::parse("http://127.0.0.1:1").ok();
            let config = EngineConfig { public_url, lease_ms: LEASE_MS, ..config.clone() };
            let parts = EngineParts { store: Arc::new(store), config, clock: clock.clone() };
            let engine = Engine::start(parts).await.expect("starts");
            engine.set_peers(Arc::clone(&line) as Arc<dyn Peers>);
            engine
        };
        let engines = [join(1).await, join(2).await];
        let _ = line.engines.set([0, 1].map(|at: usize| Arc::downgrade(&engines[at])));
        let [mut leader, mut other] = engines;
        let placement = Placement::over(&[1, 2].map(NodeId::new).into());
        if placement.owner(LEAD) == Some(NodeId::new(2)) {
            std::mem::swap(&mut leader, &mut other);
        }
        until("one leads, for good", async || leader.is_leading() && other.shards() > 0).await;
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let program = leader.create_program(new).await.expect("created").id;
        let two = Self { leader, other, line, program };
        two.add_webhook(&placement, url).await;
        two
    }

    /// Adds webhooks until one is to be the other node's, and waits until that one has it.
    async fn add_webhook(&self, placement: &Placement, url: Option<String>) {
        let inbox = self.leader.inbox(&self.program).await.expect("an inbox").url;
        let url = url.unwrap_or(inbox);
        let leads = placement.owner(LEAD);
        let endpoint = loop {
            let input = WebhookInput {
                payload_url: Some(url.clone()),
                events: Some(vec![EventKind::NewParticipantAdded]),
                ..WebhookInput::default()
            };
            let webhook = self.leader.create_webhook(&self.program, input).await.expect("created").id;
            let entry = self.leader.directory.program(&self.program).expect("is there");
            let endpoint = entry.webhook(&webhook).expect("is there").record.id;
            if placement.owner(Shard::of(endpoint)) != leads {
                break endpoint;
            }
            self.leader.delete_webhook(&self.program, &webhook).await.expect("deleted");
        };
        until("the other node has it", async || self.other.nodes.served.has(endpoint)).await;
    }

    async fn requests(&self) -> Vec<groundswell_types::InboxRequest> {
        self.leader.inbox(&self.program).await.expect("an inbox").requests
    }

    async fn submit(&self) {
        self.leader.submit(&self.program, EVENT, None).await.expect("accepted");
    }

    async fn end(self) {
        self.other.shut_down().await;
        self.leader.shut_down().await;
    }
}

/// Whether a page of the inbox is told soon that there is something new.
async fn is_told(page: &mut ChangeWatch) -> bool {
    let told = async { while !page.next().await.contains(&Change::Inbox) {} };
    tokio::time::timeout(SOON, told).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_told_of_what_another_node_receives_and_removes() {
    let two = Two::new().await;
    let mut page = two.leader.watch(&two.program).expect("is there");
    two.submit().await;
    assert!(is_told(&mut page).await, "of a request");
    assert_eq!(two.requests().await.len(), 1);
    assert!(two.requests().await[0].is_own);
    two.other.clear_inbox(&two.program).await.expect("cleared");
    assert!(is_told(&mut page).await, "that it is empty");
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_node_that_leads_did_not_hear_is_said_again() {
    let two = Two::new().await;
    let mut page = two.leader.watch(&two.program).expect("is there");
    two.line.is_cut.store(true, Ordering::SeqCst);
    two.submit().await;
    until("it was said in vain", async || two.line.has_lost_news.load(Ordering::SeqCst)).await;
    two.line.is_cut.store(false, Ordering::SeqCst);
    assert!(is_told(&mut page).await);
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_was_replaced_is_nobodys_at_any_node() {
    let two = Two::new().await;
    two.submit().await;
    until("the other node has handed it over", async || !two.requests().await.is_empty()).await;
    two.leader.replace_inbox_address(&two.program).await.expect("replaced");
    two.submit().await;
    until("the second delivery has failed", async || {
        let page = two.leader.deliveries(&two.program, &DeliveryQuery::default()).await.expect("reads");
        page.deliveries
            .iter()
            .any(|delivery| delivery.attempts > 0 && delivery.state != DeliveryState::Delivered)
    })
    .await;
    assert_eq!(two.requests().await.len(), 1);
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checklist_ends_with_a_delivery_of_another_node_though_nobody_tells() {
    let two = Two::new().await;
    two.line.is_cut.store(true, Ordering::SeqCst);
    assert!(two.leader.first_steps(&two.program).await.expect("reads").is_some());
    two.submit().await;
    until("it is delivered", async || {
        let page = two.leader.deliveries(&two.program, &DeliveryQuery::default()).await.expect("reads");
        page.deliveries.iter().any(|delivery| delivery.state == DeliveryState::Delivered)
    })
    .await;
    assert_eq!(two.leader.first_steps(&two.program).await.expect("reads"), None);
    two.end().await;
}

/// Answers the first attempt with a failure, and the others never.
async fn fails_once() -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let url = format!("http://{}/hook", listener.local_addr().expect("has an address"));
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            if open.is_empty() {
                let _ = connection.read(&mut [0; 4_096]).await;
                let answer = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = connection.write_all(answer).await;
            }
            open.push(connection);
        }
    });
    (url, task)
}

/// Until nothing was told for longer than news take.
async fn quiet(page: &mut ChangeWatch) {
    while tokio::time::timeout(Duration::from_secs(1), page.next()).await.is_ok() {}
}

async fn is_told_of_deliveries(page: &mut ChangeWatch, within: Duration) -> bool {
    let told = async { while !page.next().await.contains(&Change::Deliveries) {} };
    tokio::time::timeout(within, told).await.is_ok()
}

/// A program whose one delivery has failed at the other node, and a page of it. The next attempt is due after `base_ms`.
async fn failed(base_ms: i64) -> (Two, ChangeWatch, tokio::task::JoinHandle<()>) {
    let (url, receiver) = fails_once().await;
    let egress_allow = vec!["127.0.0.0/8".parse().expect("a rule")];
    let mut config = EngineConfig { egress_allow, ..EngineConfig::default() };
    config.retry.base_ms = base_ms;
    let two = Two::with(config, Some(url)).await;
    let mut page = two.leader.watch(&two.program).expect("is there");
    two.submit().await;
    quiet(&mut page).await;
    (two, page, receiver)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_told_when_another_node_begins_an_attempt() {
    let (two, mut page, receiver) = failed(5_000).await;
    assert!(is_told_of_deliveries(&mut page, Duration::from_secs(10)).await);
    receiver.abort();
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_told_when_another_node_has_parked_what_waits() {
    let (two, mut page, receiver) = failed(3_600_000).await;
    let webhook = two.leader.webhooks(&two.program).expect("are there").remove(0).id;
    let disabled = WebhookInput { is_enabled: Some(false), ..WebhookInput::default() };
    two.leader.patch_webhook(&two.program, &webhook, disabled).await.expect("disabled");
    assert!(is_told_of_deliveries(&mut page, SOON).await);
    receiver.abort();
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_to_lead_knows_how_webhooks_of_other_nodes_are_doing() {
    let (url, receiver) = fails_once().await;
    let egress_allow = vec!["127.0.0.0/8".parse().expect("a rule")];
    let two = Two::with(EngineConfig { egress_allow, ..EngineConfig::default() }, Some(url)).await;
    two.line.is_cut.store(true, Ordering::SeqCst);
    two.submit().await;
    let endpoint = two.leader.directory.all_endpoints()[0];
    until("it has failed", async || two.other.directory.health(endpoint).last_failure_at_ms.is_some()).await;
    let health = two.other.directory.health(endpoint);
    assert_ne!(two.leader.directory.health(endpoint), health, "nobody has told it");
    until("it is stored and read", async || {
        two.leader.begin_leading().await.expect("leads");
        two.leader.directory.health(endpoint) == health
    })
    .await;
    receiver.abort();
    two.end().await;
}
