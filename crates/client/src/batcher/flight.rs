//! A batch under way: sent, its answer read line by line, and what failed for a passing reason sent again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::ProgramId;
use serde::Deserialize;
use serde_json::Value;

use super::{Queued, Report};
use crate::client::{Accepted, Client};
use crate::error::{ErrorAnswer, Failure, SubmitError};

/// A line of the answer; `index` counts the lines that were sent from 0.
#[derive(Deserialize)]
struct Line {
    index: usize,
    #[serde(flatten)]
    result: LineResult,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LineResult {
    Accepted(Accepted),
    Failed { error: Value },
}

/// Sends a batch until each of its events has its result.
pub(super) async fn send(client: &Client, program: &ProgramId, batch: Vec<Queued>) -> Report {
    let mut report = Report::default();
    let mut retries = client.retries();
    let mut waiting = batch;
    loop {
        let answer = client.post_batch(&mut retries, program, body(&waiting)).await;
        let results = match answer {
            Ok(answer) => read(&answer, waiting.len()),
            Err(failure) => all(&Arc::new(failure), waiting.len()),
        };
        let mut failed = Vec::new();
        for (queued, result) in waiting.into_iter().zip(results) {
            match result {
                Err(failure) if failure.is_passing() => failed.push((queued, failure)),
                Err(failure) => {
                    let error = failure.into_error(queued.key.clone(), retries.attempts());
                    report.resolve(queued, Err(error));
                }
                Ok(accepted) => report.resolve(queued, Ok(accepted)),
            }
        }
        if failed.is_empty() {
            return report;
        }
        let asked: Option<Duration> = failed.iter().filter_map(|(_, failure)| failure.retry_after()).max();
        if retries.wait(asked).await.is_err() {
            for (queued, failure) in failed {
                let error = failure.into_error(queued.key.clone(), retries.attempts());
                report.resolve(queued, Err(error));
            }
            return report;
        }
        waiting = failed.into_iter().map(|(queued, _)| queued).collect();
    }
}

impl Report {
    fn resolve(&mut self, queued: Queued, result: Result<Accepted, SubmitError>) {
        match &result {
            Ok(accepted) => {
                self.accepted += 1;
                self.duplicates += u64::from(accepted.duplicate);
            }
            Err(_) => self.failed += 1,
        }
        // Whoever does not wait for the result of a success has nothing to learn from it.
        if let Err(Err(error)) = queued.result.send(result) {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "an event was not accepted, and nobody waits for its result");
        }
    }
}

fn body(batch: &[Queued]) -> Bytes {
    let bytes = batch.iter().map(|queued| queued.line.len() + 1).sum();
    let mut body = Vec::with_capacity(bytes);
    for queued in batch {
        body.extend_from_slice(queued.line.as_bytes());
        body.push(b'\n');
    }
    Bytes::from(body)
}

type LineOutcome = Result<Accepted, Arc<Failure>>;

fn all(failure: &Arc<Failure>, count: usize) -> Vec<LineOutcome> {
    std::iter::repeat_with(|| Err(Arc::clone(failure))).take(count).collect()
}

/// The result of each line that was sent. One that the answer does not have is as if the answer had not come.
fn read(answer: &[u8], count: usize) -> Vec<LineOutcome> {
    let missing = Arc::new(Failure::Unreadable("it has no result for the event".to_owned()));
    let mut results = all(&missing, count);
    for text in answer.split(|&byte| byte == b'\n').filter(|text| !text.is_empty()) {
        let Ok(Line { index, result }) = serde_json::from_slice(text) else { continue };
        if let Some(slot) = results.get_mut(index) {
            *slot = match result {
                LineResult::Accepted(accepted) => Ok(accepted),
                LineResult::Failed { error } => {
                    Err(Arc::new(Failure::Answer(ErrorAnswer::of_line(&error).into())))
                }
            };
        }
    }
    results
}

/// How many lines of a batch the answer has no result for.
#[cfg(fuzzing)]
pub(crate) fn missing_in(answer: &[u8], count: usize) -> usize {
    let is_missing =
        |outcome: &LineOutcome| matches!(outcome.as_ref().map_err(Arc::as_ref), Err(Failure::Unreadable(_)));
    read(answer, count).iter().filter(|outcome| is_missing(outcome)).count()
}
