//! A team, its members and who was invited.

use async_trait::async_trait;
use groundswell_app::Viewer;
use groundswell_app::backend::team::TeamBackend;
use groundswell_app::failure::Failure;
use groundswell_types::{
    CreatedInvitation, Email, Invitation, Invited, Member, NewInvitation, NewPerson, Role, Team, TeamId,
    UserId, WayIn,
};

use super::{Memory, NOW, State};

/// What there is, and what was done.
pub struct People {
    pub team: Team,
    pub members: Vec<Member>,
    pub invitations: Vec<Invitation>,
    /// How the invitation with the token `good` can be accepted; none when it cannot.
    pub way: Option<WayIn>,
    /// What was asked for that has no other trace.
    pub done: Vec<String>,
}

impl Default for People {
    fn default() -> Self {
        Self {
            team: Team { id: TeamId::first(), name: "Growth".to_owned(), created_at: 0 },
            members: vec![
                member("ada", "Ada", Role::Owner),
                member("bo", "Bo <b>", Role::Editor),
                member("cy", "Cy", Role::Viewer),
            ],
            invitations: Vec::new(),
            way: None,
            done: Vec::new(),
        }
    }
}

fn member(id: &str, name: &str, role: Role) -> Member {
    Member {
        id: UserId::parse(id).expect("an id"),
        name: name.to_owned(),
        email: Some(email(id)),
        role,
        since: NOW,
    }
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).expect("an address")
}

/// Whoever is signed in at first.
pub fn owner() -> Viewer {
    Viewer {
        name: "Ada".to_owned(),
        role: Some(Role::Owner),
        teams: Vec::new(),
        team: Some(TeamId::first()),
        needs_password: false,
    }
}

impl Memory {
    /// As it is for Ada with another role.
    pub fn seen_by(self, role: Option<Role>) -> Self {
        {
            let mut state = self.state.lock().expect("not poisoned");
            for program in &mut state.programs {
                program.may_edit = role >= Some(Role::Editor);
            }
            if let Some(viewer) = &mut state.viewer {
                viewer.role = role;
            }
            state.team.members[0].role = role.unwrap_or(Role::Viewer);
        }
        self
    }

    fn on_team<T>(&self, act: impl FnOnce(&mut People) -> Result<T, Failure>) -> Result<T, Failure> {
        self.with(|state| act(&mut state.team))
    }

    /// Notes that it was asked for.
    fn note(&self, what: String) -> Result<(), Failure> {
        self.on_team(|people| {
            people.done.push(what);
            Ok(())
        })
    }

    fn accept<T>(&self, token: &str, what: String, answer: T) -> Result<T, Failure> {
        let mut state = self.state.lock().expect("not poisoned");
        if let Some(failure) = state.failure.clone() {
            return Err(failure);
        }
        let State { team, .. } = &mut *state;
        if token != "good" || team.way.is_none() {
            return Err(Failure::Refused("This invitation has been used.".to_owned()));
        }
        team.done.push(what);
        Ok(answer)
    }
}

#[async_trait]
impl TeamBackend for Memory {
    async fn team(&self) -> Result<Team, Failure> {
        self.on_team(|people| Ok(people.team.clone()))
    }

    async fn own_id(&self) -> Result<UserId, Failure> {
        self.on_team(|_| Ok(UserId::parse("ada").expect("an id")))
    }

    async fn rename_team(&self, name: &str) -> Result<(), Failure> {
        self.on_team(|people| {
            name.clone_into(&mut people.team.name);
            Ok(())
        })
    }

    async fn members(&self) -> Result<Vec<Member>, Failure> {
        self.on_team(|people| Ok(people.members.clone()))
    }

    async fn change_role(&self, user: &UserId, role: Role) -> Result<(), Failure> {
        self.note(format!("{user} becomes {role}"))
    }

    async fn remove_member(&self, user: &UserId) -> Result<(), Failure> {
        self.note(format!("{user} is removed"))
    }

    async fn invitations(&self) -> Result<Vec<Invitation>, Failure> {
        self.on_team(|people| Ok(people.invitations.clone()))
    }

    async fn invite(&self, new: NewInvitation) -> Result<CreatedInvitation, Failure> {
        self.on_team(|people| {
            let view = Invitation {
                id: "inv_1".to_owned(),
                email: new.email,
                role: new.role,
                invited_by: "Ada".to_owned(),
                created_at: NOW,
                expires_at: NOW + 7 * 86_400_000,
            };
            people.invitations.push(view.clone());
            let url = "https://groundswell.example/invitation?token=good".to_owned();
            Ok(CreatedInvitation { view, url })
        })
    }

    async fn take_invitation_back(&self, id: &str) -> Result<(), Failure> {
        self.on_team(|people| {
            people.invitations.retain(|one| one.id != id);
            Ok(())
        })
    }

    async fn choose_team(&self, team: &TeamId) -> Result<(), Failure> {
        self.note(format!("looks at {team}"))
    }

    async fn invited(&self, token: &str) -> Result<Invited, Failure> {
        let state = self.state.lock().expect("not poisoned");
        let way = state.team.way.clone().filter(|_| token == "good");
        let way = way.ok_or_else(|| Failure::Refused("This invitation has been used.".to_owned()))?;
        let invited_by = "Ada".to_owned();
        Ok(Invited {
            team: state.team.team.name.clone(),
            email: email("dee"),
            role: Role::Editor,
            invited_by,
            way,
        })
    }

    async fn join(&self, token: &str) -> Result<Vec<String>, Failure> {
        self.accept(token, "joins".to_owned(), vec!["device=new".to_owned()])
    }

    async fn accept_as_new(&self, token: &str, new: NewPerson<'_>) -> Result<Vec<String>, Failure> {
        let cookies = vec!["session=new".to_owned(), "device=new".to_owned()];
        self.accept(token, format!("{} comes with {}", new.name, new.password), cookies)
    }

    async fn sign_in_and_join(&self, token: &str, password: &str) -> Result<Vec<String>, Failure> {
        let cookies = vec!["session=old".to_owned(), "device=old".to_owned()];
        self.accept(token, format!("signs in with {password}"), cookies)
    }
}
