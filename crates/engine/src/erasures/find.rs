//! Whether an event is about somebody. Pure.
//!
//! An e-mail address counts wherever it stands, as in a request that an inbox has got (`posted.rs`): within a text, a URL or JSON of
//! the producer's own, too. An id is compared with whole values, and counts where an id of a participant can stand: other things
//! have ids as well.

use groundswell_types::json::{self, Json, Object};
use groundswell_types::{Subject, SubjectKind};

use super::posted::says;

/// Members that have a participant's id.
const REFERENCES: [&str; 4] = ["referredBy", "referrerId", "referredId", "participantId"];

/// Members that have a participant.
const PARTICIPANTS: [&str; 5] = ["participant", "referredParticipant", "referrer", "referee", "winners"];

/// Members that only a participant has.
const MARKS: [&str; 3] = ["email", "firstName", "lastName"];

/// Members of events whose `data` is the participant have these beside the program.
const IN_PARTICIPANT_ONLY: [&str; 2] = ["isWinner", "referralSource"];

/// Whether the rendered event is about the subject. What cannot be read, such as an event whose envelope has made it deeper or longer
/// than what is accepted, is looked into as a text: rather too much is erased than too little.
pub(super) fn concerns(body: &[u8], subject: &Subject) -> bool {
    let parsed = match subject.kind() {
        SubjectKind::Email => None,
        SubjectKind::ParticipantId => json::parse(body).ok(),
    };
    let Some(event) = parsed else { return says(&String::from_utf8_lossy(body), subject) };
    let Json::Object(envelope) = event else { return false };
    let kind = envelope.get("event").and_then(Json::as_str).unwrap_or_default();
    let place = if kind == "NEW_PARTICIPANT_ADDED" { Place::Participant } else { Place::Other };
    envelope.get("data").is_some_and(|data| is_about(data, place, subject.expose()))
}

/// What an object is, by where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Participant,
    Other,
}

fn is_about(value: &Json<'_>, place: Place, id: &str) -> bool {
    match value {
        Json::Array(values) => values.iter().any(|value| is_about(value, place, id)),
        Json::Object(object) => {
            let is_id = |value: Option<&Json<'_>>| match value {
                Some(Json::String(text) | Json::Number(text)) => text == id,
                _ => false,
            };
            let is_participant = place == Place::Participant || looks_like_one(object);
            (is_participant && is_id(object.get("id")))
                || REFERENCES.iter().any(|name| is_id(object.get(name)))
                || object.iter().any(|(name, value)| {
                    let place = if PARTICIPANTS.contains(&name) { Place::Participant } else { Place::Other };
                    is_about(value, place, id)
                })
        }
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Producers may send participants in fields of their own.
fn looks_like_one(object: &Object<'_>) -> bool {
    MARKS.iter().chain(&IN_PARTICIPANT_ONLY).any(|name| object.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use groundswell_types::json::{MAX_DEPTH, MAX_VALUES};
    use groundswell_types::{Subject, SubjectKind};

    use super::concerns;

    fn event(kind: &str, data: &str) -> Vec<u8> {
        format!(r#"{{"event":"{kind}","createdAt":1,"data":{data}}}"#).into_bytes()
    }

    fn by(kind: SubjectKind, text: &str) -> impl Fn(&[u8]) -> bool {
        let subject = Subject::parse(kind, text).expect("is one");
        move |body| concerns(body, &subject)
    }

    #[test]
    fn a_participant_is_found_by_id_wherever_one_can_stand() {
        let finds = by(SubjectKind::ParticipantId, "p1");
        let wanted = [
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"p1"}"#),
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"p2","referredBy":"p1"}"#),
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"p2","referrer":{"id":"p1"}}"#),
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"p2","metadata":{"friend":{"id":"p1","email":"a@b.c"}}}"#),
            (
                "PARTICIPANT_REACHED_A_GOAL",
                r#"{"participant":{"id":"p2","referee":{"id":"p1"}},"reward":{"id":"r"}}"#,
            ),
            (
                "PARTICIPANT_REACHED_A_GOAL",
                r#"{"participant":{"id":"p2"},"reward":{"id":"r","referrerId":"p1"}}"#,
            ),
            (
                "NEW_COMMISSION_ADDED",
                r#"{"participant":{"id":"p2"},"commission":{"id":"c","referredId":"p1"}}"#,
            ),
            ("NEW_PAYOUT_ISSUED", r#"{"participant":{"id":"p2"},"payout":{"id":"po","participantId":"p1"}}"#),
            ("CAMPAIGN_ENDED", r#"{"id":"c","winners":[{"id":"p2"},{"id":"p1"}]}"#),
        ];
        for (kind, data) in wanted {
            assert!(finds(&event(kind, data)), "{data}");
        }
        let others = [
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"p10"}"#),
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"P1"}"#),
            ("NEW_PARTICIPANT_ADDED", r#"{"id":"p2","campaign":{"id":"p1"},"notes":"p1"}"#),
            ("NEW_COMMISSION_ADDED", r#"{"participant":{"id":"p2"},"commission":{"id":"p1"}}"#),
            ("CAMPAIGN_ENDED", r#"{"id":"p1","winners":[]}"#),
            (
                "PARTICIPANT_REACHED_A_GOAL",
                r#"{"participant":{"id":"p2"},"reward":{"id":"p1","rewardId":"p1"}}"#,
            ),
        ];
        for (kind, data) in others {
            assert!(!finds(&event(kind, data)), "{data}");
        }
    }

    #[test]
    fn an_id_may_be_a_number() {
        let finds = by(SubjectKind::ParticipantId, "42");
        assert!(finds(&event("NEW_PAYOUT_ISSUED", r#"{"payout":{"participantId":42}}"#)));
        assert!(finds(&event("NEW_PARTICIPANT_ADDED", r#"{"id":42}"#)));
        assert!(!finds(&event("NEW_PARTICIPANT_ADDED", r#"{"id":142,"metadata":{"age":42}}"#)));
    }

    #[test]
    fn an_address_is_found_wherever_it_stands_and_in_either_case() {
        let finds = by(SubjectKind::Email, "ada@example.com");
        for data in [
            r#"{"id":"p","email":"Ada@Example.com"}"#,
            r#"{"id":"p","metadata":{"other":["ada@example.com"]}}"#,
            r#"{"id":"p","referrer":{"id":"q","email":"\u0061da@example.com"}}"#,
            r#"{"id":"p","metadata":{"from":"Ada <ada@example.com>","url":"https://x.y/?email=ada%40example.com&a=b"}}"#,
            r#"{"id":"p","metadata":{"ada@example.com":true}}"#,
            r#"{"id":"p","metadata":{"url":"mailto:ada@example.com"}}"#,
            r#"{"id":"p","notes":"ask ada@example.com."}"#,
        ] {
            assert!(finds(&event("NEW_PARTICIPANT_ADDED", data)), "{data}");
        }
        for data in [r#"{"id":"p","email":"xada@example.com"}"#, r#"{"id":"p","email":"ada@example.com.au"}"#]
        {
            assert!(!finds(&event("NEW_PARTICIPANT_ADDED", data)), "{data}");
        }
    }

    /// Their envelope has made them longer or deeper than what is accepted.
    #[test]
    fn what_is_at_the_bounds_of_what_is_accepted_is_found() {
        let many = format!(r#"{{"id":"p1","email":"ada@example.com","of":[{}0]}}"#, "0,".repeat(MAX_VALUES));
        let deep = format!(
            r#"{{"participantId":"p1","email":"ada@example.com","of":{}{}}}"#,
            "[".repeat(MAX_DEPTH),
            "]".repeat(MAX_DEPTH)
        );
        for data in [many, deep] {
            let body = event("NEW_PARTICIPANT_ADDED", &data);
            assert!(groundswell_types::json::parse(&body).is_err(), "else it is found as any other");
            for (kind, text, is_found) in [
                (SubjectKind::Email, "ada@example.com", true),
                (SubjectKind::ParticipantId, "p1", true),
                (SubjectKind::Email, "bob@example.com", false),
                (SubjectKind::ParticipantId, "p2", false),
            ] {
                assert_eq!(by(kind, text)(&body), is_found, "{text}");
            }
        }
    }
}
