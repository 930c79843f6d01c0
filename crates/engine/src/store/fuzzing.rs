//! Texts that are stored and read again, for the fuzzers.

use std::collections::BTreeMap;

use groundswell_types::{
    AffectedComponent, EventKind, HeaderView, ResendSelection, SignatureCheck, TestView,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::query::{deliveries, webhooks};
use super::{FAILING_DELIVERIES, Published, copy};
use crate::telling::Content;

/// Reads a text as each of the forms that columns have. What can be read is written as something that reads the same.
pub(crate) fn read(text: &str) {
    if let Ok(failing) = webhooks::failing(text) {
        assert!(failing.len() == FAILING_DELIVERIES);
        let again = webhooks::failing(&webhooks::failing_text(&failing));
        // What is missing stands at the end.
        assert_eq!(again.expect("it was written here"), failing);
    }
    // It is never written from what was read.
    let _ = deliveries::targets(text);
    if let Ok(published) = Published::read(text) {
        let written = serde_json::to_string(&published).expect("it is plain JSON");
        assert_eq!(Published::read(&written).expect("it was written here"), published);
    }
    survives::<Vec<EventKind>>(text);
    survives::<Vec<HeaderView>>(text);
    survives::<SignatureCheck>(text);
    survives::<BTreeMap<String, String>>(text);
    survives::<ResendSelection>(text);
    survives::<TestView>(text);
    survives::<Content>(text);
    survives::<Vec<AffectedComponent>>(text);
    webhooks::read_headers_for_fuzzing(text);
    copy::read_progress_for_fuzzing(text);
}

/// What can be read of a JSON column is written as something that reads the same.
fn survives<T: Serialize + DeserializeOwned + PartialEq>(text: &str) {
    if let Ok(value) = serde_json::from_str::<T>(text) {
        let written = serde_json::to_string(&value).expect("it is plain JSON");
        assert!(serde_json::from_str::<T>(&written).is_ok_and(|again| again == value), "{written}");
    }
}
