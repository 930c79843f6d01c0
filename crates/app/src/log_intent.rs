//! What a form of the delivery log asks for: the value of its `intent`.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogIntent {
    /// Send the `delivery` again.
    ResendOne,
    /// Send every `delivery` again.
    ResendSelected,
    /// Send all that match the filter in the URL again.
    ResendAll,
    /// Stop the `job`.
    Stop,
}

impl LogIntent {
    const ALL: [Self; 4] = [Self::ResendOne, Self::ResendSelected, Self::ResendAll, Self::Stop];

    /// The value in the form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResendOne => "resend",
            Self::ResendSelected => "resend-selected",
            Self::ResendAll => "resend-all",
            Self::Stop => "stop",
        }
    }

    /// Reads the value.
    #[cfg_attr(not(feature = "ssr"), expect(dead_code, reason = "the server reads posted forms"))]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.as_str() == text)
    }
}
