//! The events that are posted: 1 KiB each, numbered, and recognisable when they arrive.

/// The bytes of an event as it is posted.
pub const EVENT_BYTES: usize = 1024;

/// The members of a participant as the hosted product sends them; the number goes into `id`, the filling into `notes`.
const BEFORE_NUMBER: &str = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"bench-"#;
const AFTER_NUMBER: &str = r#"","firstName":"Gavin","lastName":"Belson","email":"gavin@hooli.example","shareUrl":"https://hooli.example/?grsf=mhk4sb","referralSource":"PARTICIPANT","referredBy":"k9x2ma","referrer":{"id":"k9x2ma","email":"richard@piedpiper.example","firstName":"Richard","lastName":"Hendricks"},"referralCount":3,"monthlyReferralCount":1,"fraudRiskLevel":"LOW","isWinner":false,"vanityKeys":["gavin","belson"],"rank":17,"createdAt":1552404738928,"metadata":{"plan":"team","seats":25,"trial":true,"notes":""#;
const END: &str = r#""}}}"#;
const DIGITS: usize = 12;
const MARK: &[u8] = br#""id":"bench-"#;

/// What all events have in common.
#[derive(Debug, Clone)]
pub struct Template {
    text: Vec<u8>,
}

impl Template {
    /// The event that all others differ from in their number only.
    pub fn new() -> Self {
        const FILLING: &[u8] = b"lorem ipsum dolor sit amet ";
        let room = EVENT_BYTES - BEFORE_NUMBER.len() - DIGITS - AFTER_NUMBER.len() - END.len();
        let mut text = Vec::with_capacity(EVENT_BYTES);
        text.extend_from_slice(BEFORE_NUMBER.as_bytes());
        text.extend_from_slice(&[b'0'; DIGITS]);
        text.extend_from_slice(AFTER_NUMBER.as_bytes());
        text.extend(FILLING.iter().cycle().take(room));
        text.extend_from_slice(END.as_bytes());
        Self { text }
    }

    /// The event with the number 0.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The envelope of the event with a number, as the server renders it.
    pub fn envelope(&self, number: u64) -> Vec<u8> {
        const CREATED_AT: &[u8] = br#"1700000000000,"data""#;
        const MEMBER: &[u8] = br#""createdAt":"#;
        let data = BEFORE_NUMBER.find(r#""data""#).unwrap_or(0);
        let mut event = self.text.clone();
        Self::stamp(&mut event, number);
        let rest = &event[data + br#""data""#.len()..];
        [&event[..data], MEMBER, CREATED_AT, rest].concat()
    }

    /// Writes a number into an event that begins at the start of `event`.
    pub fn stamp(event: &mut [u8], number: u64) {
        let mut rest = number;
        for digit in event[BEFORE_NUMBER.len()..][..DIGITS].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
    }

    /// The number of an event that arrived, if everything behind its number is as it was posted.
    pub fn number_of(&self, body: &[u8]) -> Option<u64> {
        // The envelope's `createdAt` stands before it, so the place is not fixed.
        let head = &body[..body.len().min(256)];
        let at = head.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
        let tail = &self.text[BEFORE_NUMBER.len() + DIGITS..];
        let (digits, rest) = body[at..].split_at_checked(DIGITS)?;
        if rest != tail {
            return None;
        }
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_size_and_is_json() {
        let template = Template::new();
        assert_eq!(template.text().len(), EVENT_BYTES);
        let value: serde_json::Value = serde_json::from_slice(template.text()).expect("JSON");
        assert_eq!(value["data"]["id"], "bench-000000000000");
    }

    #[test]
    fn a_number_comes_back_from_an_envelope_and_an_altered_body_is_noticed() {
        let template = Template::new();
        let mut event = template.text().to_vec();
        Template::stamp(&mut event, 90_210);
        assert_eq!(template.number_of(&event), Some(90_210));
        let text = String::from_utf8(event).expect("text");
        let envelope = text.replacen(",\"data\"", ",\"createdAt\":1700000000000,\"data\"", 1);
        assert_eq!(template.envelope(90_210), envelope.as_bytes());
        assert_eq!(template.number_of(envelope.as_bytes()), Some(90_210));
        assert_eq!(template.number_of(envelope.replace("Belson", "Nelson").as_bytes()), None);
        assert_eq!(template.number_of(b"{}"), None);
    }
}
