//! Two changes of the same rows, put together: what somebody edits, and what somebody else has made of it meanwhile.
//!
//! Each field of each webhook is taken from where it changed. Where both changed it, to something else each, is a conflict,
//! and somebody has to say which it is to be.

use serde::{Deserialize, Serialize};

use super::{DraftRow, HeaderDraft};
use crate::event::EventKind;

/// Rows that two people changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// With both changes in it. Where there is a conflict it is as in `mine`.
    pub rows: Vec<DraftRow>,
    /// What both changed, by row.
    pub conflicts: Vec<Conflict>,
}

/// A field that both changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The row's key.
    pub key: String,
    /// The row's URL, as in `mine` if it is there.
    pub url: String,
    /// As it is edited here.
    pub mine: FieldValue,
    /// As it is elsewhere.
    pub theirs: FieldValue,
}

/// A field of a row, as it is to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldValue {
    /// The webhook is removed.
    Removed,
    /// The webhook is there, and was changed.
    Changed,
    /// Its URL.
    Url(String),
    /// Whether it is to be sent to.
    IsEnabled(bool),
    /// Its events.
    Events(Vec<EventKind>),
    /// Its timeout in seconds; empty for the usual one.
    Timeout(String),
    /// What people call it; empty for nothing.
    Name(String),
    /// The names of its headers. Where they are the same, a value is another one.
    Headers(Vec<String>),
}

/// Puts two changes of `base` together. Rows are the same where their keys are. Secrets are not compared: rows that are in
/// `mine` have its `secret`.
pub fn merge(base: &[DraftRow], theirs: &[DraftRow], mine: &[DraftRow]) -> Merged {
    let find = |rows: &'_ [DraftRow], key: &str| rows.iter().find(|row| row.key == key).cloned();
    let mut merged = Merged { rows: Vec::with_capacity(mine.len()), conflicts: Vec::new() };
    for row in mine {
        match (find(base, &row.key), find(theirs, &row.key)) {
            (base, Some(theirs)) => {
                let row = merge_row(base.as_ref(), &theirs, row, &mut merged.conflicts);
                merged.rows.push(row);
            }
            (None, None) => merged.rows.push(row.clone()),
            (Some(base), None) if is_same(&base, row) => {}
            (Some(_), None) => {
                merged.conflicts.push(Conflict {
                    key: row.key.clone(),
                    url: row.url.clone(),
                    mine: FieldValue::Changed,
                    theirs: FieldValue::Removed,
                });
                merged.rows.push(row.clone());
            }
        }
    }
    for row in theirs.iter().filter(|row| find(mine, &row.key).is_none()) {
        match find(base, &row.key) {
            None => merged.rows.push(row.clone()),
            Some(base) if is_same(&base, row) => {}
            Some(_) => merged.conflicts.push(Conflict {
                key: row.key.clone(),
                url: row.url.clone(),
                mine: FieldValue::Removed,
                theirs: FieldValue::Changed,
            }),
        }
    }
    merged
}

/// The same with every conflict decided for `theirs`.
pub fn merge_for_theirs(base: &[DraftRow], theirs: &[DraftRow], mine: &[DraftRow]) -> Vec<DraftRow> {
    let Merged { mut rows, conflicts } = merge(base, theirs, mine);
    for conflict in conflicts {
        let wanted = theirs.iter().find(|row| row.key == conflict.key);
        let at = rows.iter().position(|row| row.key == conflict.key);
        match (conflict.theirs, wanted, at) {
            (FieldValue::Removed, _, Some(at)) => {
                rows.remove(at);
            }
            (FieldValue::Changed, Some(wanted), None) => rows.push(wanted.clone()),
            (field, Some(wanted), Some(at)) => take(&mut rows[at], wanted, &field),
            (_, _, None) | (_, None, _) => {}
        }
    }
    rows
}

fn take(row: &mut DraftRow, wanted: &DraftRow, field: &FieldValue) {
    match field {
        FieldValue::Url(_) => row.url.clone_from(&wanted.url),
        FieldValue::IsEnabled(_) => row.is_enabled = wanted.is_enabled,
        FieldValue::Events(_) => row.events.clone_from(&wanted.events),
        FieldValue::Timeout(_) => row.timeout.clone_from(&wanted.timeout),
        FieldValue::Name(_) => row.name.clone_from(&wanted.name),
        FieldValue::Headers(_) => row.headers.clone_from(&wanted.headers),
        FieldValue::Removed | FieldValue::Changed => {}
    }
}

/// Whether nothing that is merged differs.
fn is_same(one: &DraftRow, other: &DraftRow) -> bool {
    one.url == other.url
        && one.is_enabled == other.is_enabled
        && sorted(&one.events) == sorted(&other.events)
        && one.timeout == other.timeout
        && one.name == other.name
        && one.secret_overlap == other.secret_overlap
        && headers_of(one) == headers_of(other)
}

/// The order in which events were ticked says nothing.
fn sorted(events: &[EventKind]) -> Vec<EventKind> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events
}

fn merge_row(
    base: Option<&DraftRow>,
    theirs: &DraftRow,
    mine: &DraftRow,
    conflicts: &mut Vec<Conflict>,
) -> DraftRow {
    let mut row = mine.clone();
    let mut conflict = |mine_is: FieldValue, theirs_is: FieldValue| {
        let (key, url) = (mine.key.clone(), mine.url.clone());
        conflicts.push(Conflict { key, url, mine: mine_is, theirs: theirs_is });
    };
    match pick(base.map(|base| &base.url), &theirs.url, &mine.url) {
        Some(url) => row.url.clone_from(url),
        None => conflict(FieldValue::Url(mine.url.clone()), FieldValue::Url(theirs.url.clone())),
    }
    match pick(base.map(|base| &base.is_enabled), &theirs.is_enabled, &mine.is_enabled) {
        Some(is_enabled) => row.is_enabled = *is_enabled,
        None => conflict(FieldValue::IsEnabled(mine.is_enabled), FieldValue::IsEnabled(theirs.is_enabled)),
    }
    let [their_events, my_events] = [theirs, mine].map(|row| sorted(&row.events));
    match pick(base.map(|base| sorted(&base.events)).as_ref(), &their_events, &my_events) {
        Some(events) if *events == my_events => {}
        Some(events) => row.events.clone_from(events),
        None => conflict(FieldValue::Events(my_events), FieldValue::Events(their_events)),
    }
    match pick(base.map(|base| &base.timeout), &theirs.timeout, &mine.timeout) {
        Some(timeout) => row.timeout.clone_from(timeout),
        None => {
            conflict(FieldValue::Timeout(mine.timeout.clone()), FieldValue::Timeout(theirs.timeout.clone()));
        }
    }
    if let Some(name) = pick(base.map(|base| &base.name), &theirs.name, &mine.name) {
        row.name.clone_from(name);
    } else {
        let text = |row: &DraftRow| FieldValue::Name(row.name.clone().unwrap_or_default());
        conflict(text(mine), text(theirs));
    }
    if let Some(overlap) =
        pick(base.map(|base| &base.secret_overlap), &theirs.secret_overlap, &mine.secret_overlap)
    {
        row.secret_overlap = *overlap;
    }
    match merge_headers(base.map(headers_of).unwrap_or_default(), headers_of(theirs), headers_of(mine)) {
        Some(headers) => row.headers = Some(headers),
        None => conflict(FieldValue::Headers(names(mine)), FieldValue::Headers(names(theirs))),
    }
    row
}

/// What it becomes; none when both changed it.
fn pick<'a, T: PartialEq>(base: Option<&T>, theirs: &'a T, mine: &'a T) -> Option<&'a T> {
    if theirs == mine || base == Some(theirs) {
        Some(mine)
    } else if base == Some(mine) {
        Some(theirs)
    } else {
        None
    }
}

fn headers_of(row: &DraftRow) -> &[HeaderDraft] {
    row.headers.as_deref().unwrap_or_default()
}

fn names(row: &DraftRow) -> Vec<String> {
    headers_of(row).iter().map(|header| header.name.clone()).collect()
}

/// None when both changed the same one.
fn merge_headers(
    base: &[HeaderDraft],
    theirs: &[HeaderDraft],
    mine: &[HeaderDraft],
) -> Option<Vec<HeaderDraft>> {
    fn find<'a>(headers: &'a [HeaderDraft], key: &str) -> Option<&'a HeaderDraft> {
        headers.iter().find(|header| header.key == key)
    }
    let mut merged = Vec::with_capacity(mine.len());
    let added = theirs.iter().filter(|header| find(mine, &header.key).is_none());
    for key in mine.iter().chain(added).map(|header| &header.key) {
        let (old, other, own) = (find(base, key), find(theirs, key), find(mine, key));
        merged.extend(pick(Some(&old), &other, &own)?.cloned());
    }
    Some(merged)
}
