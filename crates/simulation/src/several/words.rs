//! What nodes say to each other, on its way: lost, late, heard twice, or heard without an answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use groundswell_engine::cluster::NodeId;
use groundswell_engine::nodes::{NotHeard, Peers, Word};
use groundswell_engine::store::NodeAddress;
use groundswell_types::DeliveryId;
use rand::Rng;
use tokio::sync::oneshot;

use super::plan::WordsPlan;
use crate::plan::Sabotage;
use crate::world::{World, locked};

/// As the server has it.
const PATIENCE: Duration = Duration::from_secs(2);

/// For what people look at.
const PATIENCE_OF_PEOPLE: Duration = Duration::from_millis(300);

/// What was heard: which deliveries are under way, if that was asked.
pub(super) type Heard = Result<Vec<(DeliveryId, i64)>, NotHeard>;

/// A word on its way.
pub(super) struct Letter {
    /// When it comes, milliseconds since the world began.
    pub(super) at_ms: i64,
    pub(super) to: NodeId,
    pub(super) word: Word,
    /// Whoever waits for the answer.
    pub(super) reply: Option<oneshot::Sender<Heard>>,
}

/// All words on their way.
#[derive(Default)]
pub(super) struct Post(Mutex<Vec<Letter>>);

impl Post {
    /// What has come by now, in the order it was said.
    pub(super) fn take(&self, now_ms: i64) -> Vec<Letter> {
        locked(&self.0).extract_if(.., |letter| letter.at_ms <= now_ms).collect()
    }
}

/// One node's way to the others.
pub(super) struct Words {
    pub(super) world: Arc<World>,
    pub(super) post: Arc<Post>,
    pub(super) plan: WordsPlan,
}

/// What becomes of a word.
struct Lot {
    is_lost: bool,
    is_answered: bool,
    /// How long it takes, each time it comes.
    takes_ms: Vec<i64>,
}

impl Words {
    fn lot(&self, word: &Word) -> Lot {
        let plan = self.plan;
        let is_muted =
            matches!(self.world.plan.sabotage, Some(Sabotage::LooksAtNothing | Sabotage::LooksOnceAMinute))
                && matches!(word, Word::Waiting(_) | Word::Late(_));
        let is_calm = self.world.is_calm();
        self.world.draw(|rng| {
            if is_calm {
                return Lot { is_lost: is_muted, is_answered: true, takes_ms: vec![rng.random_range(0..5)] };
            }
            let mut takes_ms = || {
                if rng.random_bool(plan.slow) {
                    rng.random_range(100..6_000)
                } else {
                    rng.random_range(0..20)
                }
            };
            let mut takes_ms = vec![takes_ms(), takes_ms()];
            if !rng.random_bool(plan.repeated) {
                takes_ms.pop();
            }
            let is_lost = is_muted || rng.random_bool(plan.lost);
            Lot { is_lost, is_answered: !rng.random_bool(plan.unanswered), takes_ms }
        })
    }

    async fn carry(&self, to: NodeId, word: &Word, patience: Duration) -> Heard {
        self.world.power().point().await;
        let Lot { is_lost, is_answered, takes_ms } = self.lot(word);
        let (reply, heard) = oneshot::channel();
        let mut reply = Some(reply);
        if !is_lost {
            let now_ms = self.world.now_ms();
            let letters = takes_ms.into_iter().map(|takes_ms| {
                let (at_ms, word) = (now_ms + takes_ms, word.clone());
                Letter { at_ms, to, word, reply: if is_answered { reply.take() } else { None } }
            });
            locked(&self.post.0).extend(letters);
        }
        if reply.is_some() {
            tokio::time::sleep(patience).await;
            return Err(NotHeard("it did not answer in time".to_owned()));
        }
        let answer = tokio::time::timeout(patience, heard).await;
        self.world.power().point().await;
        match answer {
            Ok(Ok(heard)) => heard,
            Ok(Err(_)) => Err(NotHeard("there is nobody".to_owned())),
            Err(_) => Err(NotHeard("it did not answer in time".to_owned())),
        }
    }
}

#[async_trait]
impl Peers for Words {
    async fn say(&self, to: &NodeAddress, word: &Word) -> Result<(), NotHeard> {
        self.carry(to.id, word, PATIENCE).await.map(drop)
    }

    async fn under_way(
        &self,
        of: &NodeAddress,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<(DeliveryId, i64)>, NotHeard> {
        self.carry(of.id, &Word::UnderWay(deliveries), PATIENCE_OF_PEOPLE).await
    }
}
