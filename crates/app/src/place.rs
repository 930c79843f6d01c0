//! Where a page is shown: in the Program Editor, or inside of another product, by an editor link. There the Webhooks panel
//! stands alone, below a path of its own: everything it asks of the server goes through that path, so the server knows which
//! session counts, and links lead nowhere that the session does not reach.

use groundswell_types::ProgramId;
use leptos::prelude::*;

use crate::routing::location;

/// What every path begins with that is for the inside of another product. The server answers nobody but holders of editor
/// links there, and gives those nothing elsewhere.
pub const EMBED: &str = "/embed";

/// Where a page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the Program Editor, with the way to everything else.
    Editor,
    /// Inside of another product.
    Embedded,
}

impl Place {
    /// Where the page with that path is shown.
    pub fn of(path: &str) -> Self {
        match path.strip_prefix(EMBED) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Embedded,
            _ => Self::Editor,
        }
    }

    /// Whether it is inside of another product.
    pub fn is_embedded(self) -> bool {
        self == Self::Embedded
    }

    /// The path of a program's Webhooks panel.
    pub fn webhooks(self, program: &ProgramId) -> String {
        match self {
            Self::Editor => format!("/programs/{program}/options/webhooks"),
            Self::Embedded => format!("{EMBED}/programs/{program}/webhooks"),
        }
    }

    /// What stands before the paths of server functions and streams.
    pub const fn base(self) -> &'static str {
        match self {
            Self::Editor => "",
            Self::Embedded => EMBED,
        }
    }

    /// The `target` of links to the documentation, which nobody frames.
    pub const fn target(self) -> Option<&'static str> {
        match self {
            Self::Editor => None,
            Self::Embedded => Some("_blank"),
        }
    }
}

/// Where this page is shown. To be asked while a component is made.
pub fn place() -> Place {
    location().path.with_untracked(|path| Place::of(path))
}

/// In the browser, before anything is asked of the server.
#[cfg(feature = "hydrate")]
pub fn begin() {
    let place = Place::of(&window().location().pathname().unwrap_or_default());
    if place.is_embedded() {
        server_fn::client::set_server_url(place.base());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_path_is_embedded() {
        for path in ["/embed", "/embed/", "/embed/programs/p1/webhooks", "/embed/_fn/get_panel"] {
            assert_eq!(Place::of(path), Place::Embedded, "{path}");
        }
        for path in ["/", "/embedded", "/programs/embed/options", "/Embed", "//embed/x"] {
            assert_eq!(Place::of(path), Place::Editor, "{path}");
        }
    }
}
