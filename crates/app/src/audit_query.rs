//! What part of the audit log is asked for, as it stands in a URL: of the page, of its exports, and of the REST call.

use groundswell_types::{AuditAction, AuditFilter, AuditId, ProgramId};

use crate::time;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// Which entries.
    pub filter: AuditFilter,
    /// Those before this one.
    pub next_id: Option<AuditId>,
}

impl AuditQuery {
    /// Reads what stands behind the question mark. Empty values are as good as none, as forms send them. Fails with the names
    /// of what cannot be read, and why.
    pub fn parse(query: &str) -> Result<Self, Vec<(&'static str, String)>> {
        let mut read = Self::default();
        let mut problems = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let filter = &mut read.filter;
            match name.as_ref() {
                "action" => {
                    filter.action = AuditAction::parse(value);
                    if filter.action.is_none() {
                        problems.push(("action", "must be an action's name, as webhook.created".to_owned()));
                    }
                }
                "actor" => filter.actor = Some(value.to_owned()),
                "campaign" => match ProgramId::parse(value) {
                    Ok(id) => filter.campaign_id = Some(id),
                    Err(_) => problems.push(("campaign", "must be the id of a program".to_owned())),
                },
                "from" => match moment(value) {
                    Some(at_ms) => filter.from = Some(at_ms),
                    None => problems.push(("from", TIME.to_owned())),
                },
                "to" => match moment(value) {
                    Some(at_ms) => filter.to = Some(at_ms),
                    None => problems.push(("to", TIME.to_owned())),
                },
                "nextId" => match AuditId::parse(value) {
                    Ok(id) => read.next_id = Some(id),
                    Err(_) => problems.push(("nextId", "must be the nextId of the page before".to_owned())),
                },
                _ => {}
            }
        }
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    /// The same as it stands in a URL; empty when everything is asked for.
    pub fn to_query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let AuditFilter { action, actor, campaign_id, from, to } = &self.filter;
        let pairs = [
            ("action", action.map(|action| action.to_string())),
            ("actor", actor.clone()),
            ("campaign", campaign_id.as_ref().map(ProgramId::to_string)),
            ("from", from.map(|at_ms| at_ms.to_string())),
            ("to", to.map(|at_ms| at_ms.to_string())),
            ("nextId", self.next_id.map(|id| id.to_string())),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }
}

const TIME: &str = "must be a time in Unix milliseconds, or a day as 2026-01-31";

/// A time, or a day as the browser's field for one gives it, in UTC.
fn moment(text: &str) -> Option<i64> {
    let of_day = || time::parse_utc(&format!("{text}T00:00"));
    text.parse().ok().or_else(|| time::parse_utc(text)).or_else(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_reads_back() {
        let text = "action=key.created&actor=usr_1&campaign=p1&from=0&to=86400000&nextId=aud_0000000000001";
        let query = AuditQuery::parse(text).expect("reads");
        assert_eq!(query.to_query(), text);
        assert_eq!(
            AuditQuery::parse("action=&from=1970-01-02&x=y").expect("reads").filter.from,
            Some(86_400_000)
        );
        assert_eq!(AuditQuery::parse(""), Ok(AuditQuery::default()));
        let wrong = AuditQuery::parse("action=x&from=yesterday&nextId=1&campaign=a/b").expect_err("is wrong");
        assert_eq!(
            wrong.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["action", "from", "nextId", "campaign"]
        );
    }
}
