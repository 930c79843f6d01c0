//! Whether outcomes are committed as they come. While they are not, less is sent: whatever has no committed outcome is sent once
//! more if this process dies, or another one has taken its place meanwhile.

/// Outcomes are late when one has ended so long ago and none was committed since, in milliseconds. Commits take a few, and a
/// disk that is busy some dozens.
const LATE_MS: i64 = 250;

/// When commits were last heard of.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// Since when an outcome waits, Unix milliseconds: the first that came after the last commit.
    awaited_since_ms: Option<i64>,
}

impl Commits {
    /// An attempt has ended.
    pub(super) fn await_one(&mut self, now_ms: i64) {
        self.awaited_since_ms.get_or_insert(now_ms);
    }

    /// An outcome was committed.
    pub(super) fn come(&mut self) {
        self.awaited_since_ms = None;
    }

    pub(super) fn are_late(&self, now_ms: i64) -> bool {
        self.awaited_since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) > LATE_MS)
    }
}
