//! Two changes of the same rows, over random ones.

use groundswell_types::editor::{
    DraftRow, FieldValue, HeaderDraft, HeaderState, Merged, SecretDraft, merge, merge_for_theirs,
};
use groundswell_types::{EventKind, SecretOverlap};
use proptest::prelude::*;

fn header(key: usize, name: usize) -> HeaderDraft {
    HeaderDraft { key: format!("h{key}"), name: format!("x-{name}"), value: None, state: HeaderState::Kept }
}

/// What the fields of a row are, from few values, so that people often come to the same one.
fn row(key: usize) -> impl Strategy<Value = DraftRow> {
    let headers = prop::collection::vec(prop::option::weighted(0.7, 0..3_usize), 3);
    (
        0..3_usize,
        prop::sample::select(vec!["", "CRM", "Mail"]),
        any::<bool>(),
        prop::sample::subsequence(&EventKind::ALL[..3], 0..=3),
        0..3_usize,
        headers,
    )
        .prop_map(move |(url, name, is_enabled, events, timeout, headers)| DraftRow {
            key: format!("r{key}"),
            url: format!("https://{url}.example"),
            is_enabled,
            events,
            secret: SecretDraft::None,
            secret_overlap: Some(SecretOverlap::None),
            timeout: timeout.to_string(),
            name: Some(name.to_owned()),
            headers: Some(
                headers.into_iter().enumerate().filter_map(|(key, name)| Some(header(key, name?))).collect(),
            ),
        })
}

fn rows() -> impl Strategy<Value = Vec<DraftRow>> {
    let rows: Vec<_> = (0..4).map(|key| prop::option::weighted(0.8, row(key))).collect();
    rows.prop_map(|rows| rows.into_iter().flatten().collect())
}

fn by_key(mut rows: Vec<DraftRow>) -> Vec<DraftRow> {
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    for row in &mut rows {
        row.headers.iter_mut().for_each(|headers| headers.sort_by(|one, other| one.key.cmp(&other.key)));
    }
    rows
}

type Field = Box<dyn Fn(&DraftRow) -> String>;

fn fields() -> [Field; 5] {
    [
        Box::new(|row| row.url.clone()),
        Box::new(|row| row.is_enabled.to_string()),
        Box::new(|row| format!("{:?}", row.events)),
        Box::new(|row| row.timeout.clone()),
        Box::new(|row| format!("{:?}", row.name)),
    ]
}

fn find<'a>(rows: &'a [DraftRow], key: &str) -> Option<&'a DraftRow> {
    rows.iter().find(|row| row.key == key)
}

proptest! {
    #[test]
    fn what_one_of_them_changed_is_there_and_nothing_else(base in rows(), changed in rows()) {
        for (theirs, mine) in [(&base, &changed), (&changed, &base), (&changed, &changed)] {
            let Merged { rows, conflicts } = merge(&base, theirs, mine);
            prop_assert_eq!(conflicts, []);
            prop_assert_eq!(by_key(rows), by_key(changed.clone()));
        }
    }

    #[test]
    fn every_change_of_both_is_kept_or_named(base in rows(), theirs in rows(), mine in rows()) {
        let Merged { rows, conflicts } = merge(&base, &theirs, &mine);
        let is_named = |key: &str| conflicts.iter().any(|conflict| conflict.key == key);
        for side in [&theirs, &mine] {
            for old in &base {
                match (find(side, &old.key), find(&rows, &old.key)) {
                    (None, merged) => prop_assert!(merged.is_none() || is_named(&old.key)),
                    (Some(new), None) => {
                        // Removed by the other, and here only its order changed.
                        let is_as_before = by_key(vec![new.clone()]) == by_key(vec![old.clone()]);
                        prop_assert!(is_as_before || is_named(&old.key));
                    }
                    (Some(new), Some(merged)) => for field in fields() {
                        let is_kept = field(new) == field(old) || field(merged) == field(new);
                        prop_assert!(is_kept || is_named(&old.key));
                    },
                }
            }
            for new in side.iter().filter(|new| find(&base, &new.key).is_none()) {
                prop_assert!(find(&rows, &new.key).is_some(), "what was added is there");
            }
        }
    }

    #[test]
    fn both_sides_see_the_same_conflicts(base in rows(), theirs in rows(), mine in rows()) {
        let conflicts = |theirs, mine| {
            let found = merge(&base, theirs, mine).conflicts;
            found.into_iter().map(|found| (found.key, format!("{:?}", found.mine), format!("{:?}", found.theirs)))
        };
        let mut here: Vec<_> = conflicts(&theirs, &mine).collect();
        let mut there: Vec<_> = conflicts(&mine, &theirs).map(|(key, mine, theirs)| (key, theirs, mine)).collect();
        here.sort();
        there.sort();
        prop_assert_eq!(here, there);
    }

    #[test]
    fn what_is_decided_for_them_is_theirs_where_there_was_a_conflict(base in rows(), theirs in rows(), mine in rows()) {
        let merged = merge(&base, &theirs, &mine);
        let rows = merge_for_theirs(&base, &theirs, &mine);
        for conflict in merged.conflicts {
            let (row, wanted) = (find(&rows, &conflict.key), find(&theirs, &conflict.key));
            match conflict.theirs {
                FieldValue::Removed => prop_assert!(row.is_none()),
                FieldValue::Changed => prop_assert_eq!(row, wanted),
                FieldValue::Url(url) => prop_assert_eq!(row.map(|row| row.url.clone()), Some(url)),
                FieldValue::IsEnabled(is) => prop_assert_eq!(row.map(|row| row.is_enabled), Some(is)),
                FieldValue::Events(events) => prop_assert_eq!(row.map(|row| row.events.clone()), Some(events)),
                FieldValue::Timeout(text) => prop_assert_eq!(row.map(|row| row.timeout.clone()), Some(text)),
                FieldValue::Name(text) => prop_assert_eq!(row.map(|row| row.name.clone()), Some(Some(text))),
                FieldValue::Headers(_) => prop_assert_eq!(
                    row.map(|row| row.headers.clone()),
                    wanted.map(|row| row.headers.clone())
                ),
            }
        }
    }
}
