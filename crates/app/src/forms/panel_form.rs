//! The Webhooks panel as a form: `version` and `live`, a `row` with its key for each row in order, for each key the fields
//! `url.KEY`, `enabled.KEY`, `event.KEY` (repeated), `secret.KEY`, `name.KEY`, `overlap.KEY` and `timeout.KEY`, and the `intent` of the
//! pressed button. A row that shows its headers has `headers.KEY`, and for each of them `header.KEY`, `header-name.KEY` and
//! `header-value.KEY`.

use groundswell_types::editor::{DraftRow, HeaderDraft, HeaderState, SecretDraft, TypedValue};
use groundswell_types::{EventKind, SecretOverlap};

use super::Form;
use crate::intent::{Intent, is_row_key};

/// What the form of the Webhooks panel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelForm {
    /// The number of the draft that was shown.
    pub version: i64,
    /// The number of what was live.
    pub live_version: Option<i64>,
    /// What is to be done.
    pub intent: Intent,
    /// The rows as they were typed. Their `secret` says nothing.
    pub rows: Vec<DraftRow>,
    /// The secrets that were typed, with the keys of their rows.
    pub secrets: Vec<(String, String)>,
}

/// Reads the form. What is missing is empty; pressing Enter in a field saves.
pub fn parse(form: &Form) -> PanelForm {
    let mut keys: Vec<&str> = Vec::new();
    for key in form.all("row") {
        if is_row_key(key) && !keys.contains(&key) {
            keys.push(key);
        }
    }
    let secret = |key: &&str| {
        let typed = form.get(&format!("secret.{key}")).trim();
        (!typed.is_empty()).then(|| ((*key).to_owned(), typed.to_owned()))
    };
    PanelForm {
        version: form.get("version").parse().unwrap_or_default(),
        live_version: form.get("live").parse().ok(),
        intent: Intent::parse(form.get("intent")).unwrap_or(Intent::Save),
        secrets: keys.iter().filter_map(secret).collect(),
        rows: keys.into_iter().map(|key| row(form, key)).collect(),
    }
}

fn row(form: &Form, key: &str) -> DraftRow {
    let name = format!("event.{key}");
    let events: Vec<&str> = form.all(&name).collect();
    DraftRow {
        key: key.to_owned(),
        url: form.get(&format!("url.{key}")).trim().to_owned(),
        is_enabled: form.get(&format!("enabled.{key}")) == "on",
        events: EventKind::every().filter(|kind| events.contains(&kind.name())).collect(),
        secret: SecretDraft::None,
        timeout: form.get(&format!("timeout.{key}")).trim().to_owned(),
        name: form.all(&format!("name.{key}")).next().map(|name| name.trim().to_owned()),
        secret_overlap: overlap(form.get(&format!("overlap.{key}"))),
        headers: headers(form, key),
    }
}

fn overlap(seconds: &str) -> Option<SecretOverlap> {
    SecretOverlap::try_from(seconds.parse::<i64>().ok()?).ok()
}

/// None when the form does not show them.
fn headers(form: &Form, key: &str) -> Option<Vec<HeaderDraft>> {
    let [marker, keys, names, values] =
        ["headers", "header", "header-name", "header-value"].map(|field| format!("{field}.{key}"));
    form.all(&marker).next()?;
    let header = |((key, name), value): ((&str, &str), &str)| HeaderDraft {
        key: key.to_owned(),
        name: name.trim().to_owned(),
        value: (!value.is_empty()).then(|| TypedValue(value.to_owned())),
        state: HeaderState::Missing,
    };
    Some(form.all(&keys).zip(form.all(&names)).zip(form.all(&values)).map(header).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::RowAction;

    fn header(key: &str, name: &str, value: Option<&str>) -> HeaderDraft {
        let value = value.map(|value| TypedValue(value.to_owned()));
        HeaderDraft { key: key.to_owned(), name: name.to_owned(), value, state: HeaderState::Missing }
    }

    #[test]
    fn a_form_becomes_rows() {
        let body = "version=7&live=3&row=primary&url.primary=+https%3A%2F%2Fa.example%2F&enabled.primary=on\
                    &event.primary=CAMPAIGN_ENDED&event.primary=NEW_PARTICIPANT_ADDED&event.primary=NONSENSE\
                    &secret.primary=s3cret&timeout.primary=+20+&name.primary=+CRM+&overlap.primary=3600&headers.primary=\
                    &header.primary=live-x-a&header-name.primary=+x-a&header-value.primary=\
                    &header.primary=new-1&header-name.primary=x-b&header-value.primary=+v+&row=new-1&url.new-1=&secret.new-1=&row=primary&row=a%20b\
                    &intent=test%3Anew-1%3ACAMPAIGN_ENDED";
        let form = parse(&Form::read(body.as_bytes()));
        let primary = DraftRow {
            key: "primary".to_owned(),
            url: "https://a.example/".to_owned(),
            is_enabled: true,
            events: vec![EventKind::NewParticipantAdded, EventKind::CampaignEnded],
            secret: SecretDraft::None,
            timeout: "20".to_owned(),
            name: Some("CRM".to_owned()),
            secret_overlap: Some(SecretOverlap::Hour),
            headers: Some(vec![header("live-x-a", "x-a", None), header("new-1", "x-b", Some(" v "))]),
        };
        let new = DraftRow {
            key: "new-1".to_owned(),
            url: String::new(),
            is_enabled: false,
            events: Vec::new(),
            secret: SecretDraft::None,
            timeout: String::new(),
            name: None,
            secret_overlap: None,
            headers: None,
        };
        let wanted = PanelForm {
            version: 7,
            live_version: Some(3),
            intent: Intent::row("new-1", RowAction::Test(Some(EventKind::CampaignEnded))),
            rows: vec![primary, new],
            secrets: vec![("primary".to_owned(), "s3cret".to_owned())],
        };
        assert_eq!(form, wanted);
    }

    #[test]
    fn an_empty_form_saves_nothing() {
        let form = parse(&Form::read(b""));
        assert_eq!((form.version, form.intent, form.rows.len()), (0, Intent::Save, 0));
    }
}
