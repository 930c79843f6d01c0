//! What others than administrators are shown of answers from where only the operator lets the server send: else a webhook
//! would be a window into the operator's network.

use super::{AttemptView, DeliveryDetail, ResponseView, TestView};

/// What stands for an answer that is not for everybody.
const WITHHELD: &str = "The answer is not shown: it came from an address that only this server's operator lets it reach. \
                        Administrators can see it.";

impl ResponseView {
    /// As others than administrators may see it, so that nobody looks through this server into its operator's network:
    /// of a restricted answer only the status, and why there is no more.
    #[must_use]
    pub fn for_others(self) -> Self {
        if !self.restricted {
            return self;
        }
        Self {
            restricted: true,
            withheld: true,
            withheld_reason: Some(WITHHELD.to_owned()),
            ..Self::of(self.status_code)
        }
    }
}

impl DeliveryDetail {
    /// As others than administrators may see it, see [`ResponseView::for_others`].
    #[must_use]
    pub fn for_others(self) -> Self {
        Self { attempt_log: self.attempt_log.into_iter().map(AttemptView::for_others).collect(), ..self }
    }
}

impl AttemptView {
    /// As others than administrators may see it, see [`ResponseView::for_others`].
    #[must_use]
    pub fn for_others(self) -> Self {
        let message = without_location(self.message, self.response.as_ref());
        Self { message, response: self.response.map(ResponseView::for_others), ..self }
    }
}

impl TestView {
    /// As others than administrators may see it, see [`ResponseView::for_others`].
    #[must_use]
    pub fn for_others(self) -> Self {
        let message = without_location(self.message, self.response.as_ref());
        Self { message, response: self.response.map(ResponseView::for_others), ..self }
    }
}

/// What is said of a restricted redirect without where it leads, which is of its head.
fn without_location(message: String, response: Option<&ResponseView>) -> String {
    let restricted = response.filter(|response| response.restricted);
    let mut headers = restricted.into_iter().flat_map(|response| &response.headers);
    let Some(location) = headers.find(|header| header.name == "location") else { return message };
    message.replacen(&format!(" to {} with ", location.value), " with ", 1)
}
