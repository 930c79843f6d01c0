//! Who is looking at the page.

use groundswell_types::Role;
use serde::{Deserialize, Serialize};

/// The person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// What the person is called in the page's head.
    pub name: String,
    /// What they may do in the team they look at; `None` when they are in no team.
    pub role: Option<Role>,
    /// Whether they can only sign in with a link, until they set a password.
    pub needs_password: bool,
}
