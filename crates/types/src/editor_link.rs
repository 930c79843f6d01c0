//! Links that open one program's webhook settings inside of another product.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a link's maker may say about who it is for.
pub const MAX_EDITOR_LINK_LABEL_CHARS: usize = 100;

/// The colours of the pages that a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// As the visitor's system has it.
    #[default]
    Auto,
}

/// A text that is no theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be light, dark or auto")]
pub struct InvalidTheme;

impl Theme {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::Auto];

    /// The theme as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Auto => "auto",
        }
    }

    /// Reads what [`Theme::as_str`] gives.
    pub fn parse(text: &str) -> Result<Self, InvalidTheme> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text).ok_or(InvalidTheme)
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
