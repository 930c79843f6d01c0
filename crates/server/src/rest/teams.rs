//! `/v2/teams`: ours, for the operator, and for those with the scope `admin` in their own team.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_types::{
    CreatedInvitation, Email, Invitation, Member, NewInvitation, Role, Team, TeamId, UserId,
};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;

#[derive(Serialize)]
struct Teams {
    teams: Vec<Team>,
}

#[derive(Serialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Invitations {
    invitations: Vec<Invitation>,
}

#[derive(Serialize)]
struct Gone {
    id: String,
    success: bool,
}

/// `GET /v2/teams`: the caller's team, or all.
pub async fn list(call: Call) -> Response {
    let result = async { Ok(Teams { teams: call.engine().teams().await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/teams` with `name`
pub async fn create(call: Call, body: Body) -> Response {
    let result = async {
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().create_team(&name(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `PATCH /v2/teams/{team}` with `name`
pub async fn rename(call: Call, Path(team): Path<String>, body: Body) -> Response {
    let result = async {
        let team = team_id(&team)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().rename_team(&team, &name(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/teams/{team}/members`
pub async fn members(call: Call, Path(team): Path<String>) -> Response {
    let result = async { Ok(Members { members: call.engine().members(&team_id(&team)?).await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `PATCH /v2/teams/{team}/members/{user}` with `role`
pub async fn change_role(call: Call, Path((team, user)): Path<(String, String)>, body: Body) -> Response {
    let result = async {
        let (team, user) = (team_id(&team)?, user_id(&user)?);
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        let role = needed(&mut fields, "role", parse_role);
        fields.finish()?;
        Ok(call.engine().change_role(&team, &user, role.unwrap_or(Role::Viewer)).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/teams/{team}/members/{user}`
pub async fn remove_member(call: Call, Path((team, user)): Path<(String, String)>) -> Response {
    let result = async {
        call.engine().remove_member(&team_id(&team)?, &user_id(&user)?).await?;
        Ok::<_, Failed>(Gone { id: user, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/teams/{team}/invitations`
pub async fn invitations(call: Call, Path(team): Path<String>) -> Response {
    let result =
        async { Ok(Invitations { invitations: call.engine().invitations(&team_id(&team)?).await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/teams/{team}/invitations` with `email`, `role`
pub async fn invite(call: Call, Path(team): Path<String>, body: Body) -> Response {
    let result = async {
        let team = team_id(&team)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let (view, token) = call.engine().invite(&team, new_invitation(&body)?).await?;
        let url = format!("{}/invitation?token={token}", call.state.public_url);
        Ok::<_, Failed>(CreatedInvitation { view, url })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/teams/{team}/invitations/{invitation}`
pub async fn take_invitation_back(call: Call, Path((team, invitation)): Path<(String, String)>) -> Response {
    let result = async {
        call.engine().take_invitation_back(&team_id(&team)?, &invitation).await?;
        Ok::<_, Failed>(Gone { id: invitation, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// Reads a team's id from the path; one that cannot be is as unknown as one that is not.
fn team_id(text: &str) -> Result<TeamId, Failed> {
    TeamId::parse(text).map_err(|_| EngineError::NotFound("team").into())
}

fn user_id(text: &str) -> Result<UserId, Failed> {
    UserId::parse(text).map_err(|_| EngineError::NotFound("member of the team").into())
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("must be viewer, editor or owner")
}

/// What `parse` makes of a member that has to be there.
fn needed<T, Why: std::fmt::Display>(
    fields: &mut Fields<'_>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, Why>,
) -> Option<T> {
    if !fields.has(name) || fields.is_null(name) {
        fields.problem(name, "is required");
    }
    fields.parsed(name, parse)
}

fn name(body: &[u8]) -> Result<String, Failed> {
    let mut fields = Fields::parse(body)?;
    let name = needed(&mut fields, "name", |text| Ok::<_, &str>(text.to_owned()));
    fields.finish()?;
    Ok(name.unwrap_or_default())
}

fn new_invitation(body: &[u8]) -> Result<NewInvitation, Failed> {
    let mut fields = Fields::parse(body)?;
    let email = needed(&mut fields, "email", Email::parse);
    let role = needed(&mut fields, "role", parse_role);
    match (fields.finish(), email, role) {
        (Err(failed), _, _) => Err(failed),
        (Ok(()), Some(email), Some(role)) => Ok(NewInvitation { email, role }),
        (Ok(()), _, _) => Err(Failed::invalid(Vec::new())),
    }
}
