//! The forms about teams: the page of members, invitations, and which team is looked at.

use groundswell_types::{Email, NewInvitation, NewPerson, Problem, Role, TeamId, UserId};

use super::{Answer, Form};
use crate::backend::Backend;
use crate::failure::Failure;
use crate::plain;
use crate::plain::invitation;
use crate::plain::members::{Outcome, Typed};

const MEMBERS: &str = "/settings/members";

/// A post of a form of the page of members. The answer to an invitation is the page itself, since its link is shown in it,
/// once.
pub async fn submit(backend: &dyn Backend, form: &Form) -> Answer {
    let user = UserId::parse(form.get("user")).map_err(|_| Failure::NotFound);
    let done = match form.get("intent") {
        "invite" => return invite(backend, form).await,
        "take-back" => backend.take_invitation_back(form.get("invitation")).await,
        "rename" => backend.rename_team(form.get("name")).await,
        "role" => match (user, Role::parse(form.get("role"))) {
            (Ok(user), Some(role)) => backend.change_role(&user, role).await,
            _ => Err(Failure::NotFound),
        },
        "remove" => return remove(backend, user).await,
        _ => Err(Failure::NotFound),
    };
    match done {
        Ok(()) => Answer::redirect(MEMBERS),
        Err(failure) => refused(failure, None),
    }
}

/// Who has left has no page of members any more.
async fn remove(backend: &dyn Backend, user: Result<UserId, Failure>) -> Answer {
    let removed = async {
        let (user, own) = (user?, backend.own_id().await?);
        backend.remove_member(&user).await?;
        Ok(user == own)
    };
    match removed.await {
        Ok(true) => Answer::redirect("/"),
        Ok(false) => Answer::redirect(MEMBERS),
        Err(failure) => refused(failure, None),
    }
}

async fn invite(backend: &dyn Backend, form: &Form) -> Answer {
    let role = Role::parse(form.get("role")).unwrap_or(Role::Viewer);
    let typed = Typed { email: form.get("email").trim().to_owned(), role };
    let invited = match Email::parse(&typed.email) {
        Ok(email) => backend.invite(NewInvitation { email, role }).await,
        Err(error) => Err(Failure::Invalid(vec![Problem::new("/email", error.to_string())])),
    };
    match invited {
        Ok(created) => answer(200, Outcome::Invited(created)),
        Err(failure) => refused(failure, Some(typed)),
    }
}

fn refused(failure: Failure, typed: Option<Typed>) -> Answer {
    answer(failure.status(), Outcome::Refused { failure, typed })
}

fn answer(status: u16, outcome: Outcome) -> Answer {
    Answer::Plain { status, outcome: Box::new(plain::Outcome::Members(outcome)) }
}

/// Accepts an invitation.
pub async fn accept(backend: &dyn Backend, form: &Form) -> Answer {
    let (token, name, password) = (form.get("token"), form.get("name"), form.get("password"));
    let accepted = match form.get("intent") {
        "new" => backend.accept_as_new(token, NewPerson { name, password }).await,
        "sign-in" => backend.sign_in_and_join(token, password).await,
        "join" => backend.join(token).await,
        _ => Err(Failure::NotFound),
    };
    match accepted {
        Ok(set_cookies) => Answer::SignedIn { location: "/".to_owned(), set_cookies },
        Err(failure) => {
            let status = failure.status();
            let outcome = invitation::Outcome { failure, token: token.to_owned(), name: name.to_owned() };
            Answer::Plain { status, outcome: Box::new(plain::Outcome::Invitation(outcome)) }
        }
    }
}

/// Looks at another team, whose programs are on the first page.
pub async fn choose(backend: &dyn Backend, form: &Form) -> Answer {
    let chosen = match TeamId::parse(form.get("team")) {
        Ok(team) => backend.choose_team(&team).await,
        Err(_) => Err(Failure::NotFound),
    };
    match chosen {
        Ok(()) => Answer::redirect("/"),
        Err(failure) => Answer::failed(failure),
    }
}
