//! Who is looking at the page.

use groundswell_types::{Role, TeamId};
use leptos::prelude::use_context;
use serde::{Deserialize, Serialize};

use crate::codec::read_fields;

/// The person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// What the person is called in the page's head.
    pub name: String,
    /// What they may do in the team they look at; `None` when they are in no team.
    pub role: Option<Role>,
    /// The teams they are in, by id and name, when there are several.
    pub teams: Vec<(TeamId, String)>,
    /// The one of them that they look at.
    pub team: Option<TeamId>,
    /// Whether they can only sign in with a link, until they set a password.
    pub needs_password: bool,
}

read_fields!(Viewer { name, role, teams, team, needs_password });

/// Whether the viewer may change what a page shows, given as context by the page. Whoever may not is shown no control that
/// would be refused; the use cases refuse anyway.
#[derive(Debug, Clone, Copy)]
pub struct MayEdit(pub bool);

/// See [`MayEdit`].
pub fn may_edit() -> bool {
    use_context::<MayEdit>().is_some_and(|MayEdit(may_edit)| may_edit)
}
