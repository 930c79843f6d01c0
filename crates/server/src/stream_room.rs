//! Room for streams, which stay open for as long as somebody likes: so many in all, and so many of each who has some, so that
//! none of them takes the room of all others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whose streams are counted together.
pub trait Holder: Clone + Eq + Hash {
    /// So many they have open at a time at most.
    fn most(&self) -> usize;
}

/// How many streams each has open; who has none is not in it.
type Counts<H> = Arc<Mutex<HashMap<H, usize>>>;

/// Room for streams.
pub struct StreamRoom<H> {
    whole: Arc<Semaphore>,
    counts: Counts<H>,
}

/// Why there is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Full<H> {
    /// One has as many as they may. Whoever asks can change that, so it is not the server that fails.
    Of(H),
    /// There are as many as the server can have.
    Whole,
}

/// The room of one stream, free again when it is dropped.
pub struct Room<H: Holder> {
    counts: Counts<H>,
    /// Whose stream it is.
    counted: Vec<H>,
    _whole: OwnedSemaphorePermit,
}

impl<H: Holder> StreamRoom<H> {
    /// For so many in all; there are none yet.
    pub fn new(most: usize) -> Self {
        Self { whole: Arc::new(Semaphore::new(most)), counts: Arc::default() }
    }

    /// Takes the room of a stream that is counted as each of these.
    pub fn enter(&self, holders: Vec<H>) -> Result<Room<H>, Full<H>> {
        let whole = Arc::clone(&self.whole).try_acquire_owned().map_err(|_| Full::Whole)?;
        let mut entered = Room { counts: Arc::clone(&self.counts), counted: Vec::new(), _whole: whole };
        for holder in holders {
            if !self.has_one_more(&holder) {
                return Err(Full::Of(holder));
            }
            entered.counted.push(holder);
        }
        Ok(entered)
    }

    /// Counts one more of a holder, unless there are as many as there may be.
    fn has_one_more(&self, holder: &H) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = counts.entry(holder.clone()).or_default();
        let is_one_more = *streams < holder.most();
        *streams += usize::from(is_one_more);
        is_one_more
    }

    /// Whether nobody has any.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl<H: Holder> Drop for Room<H> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in &self.counted {
            if let Some(streams) = counts.get_mut(holder) {
                *streams -= 1;
                if *streams == 0 {
                    counts.remove(holder);
                }
            }
        }
    }
}
