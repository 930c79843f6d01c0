//! `/v2/teams`.

use serde_json::json;

use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::in_path;

pub const TAG: &str = "Teams";

pub fn operations() -> Vec<Operation> {
    let mut all = Vec::from(of_teams());
    all.extend(of_members());
    all.extend(of_invitations());
    all
}

fn of_teams() -> [Operation; 3] {
    [
        Operation::new("GET /v2/teams", "listTeams", "List the teams")
            .tag(TAG)
            .about("With the admin key all of them; with an API key its own.")
            .scope(Scope::Admin)
            .answers(200, "The teams.", schema("TeamList")),
        Operation::new("POST /v2/teams", "createTeam", "Make a team")
            .tag(TAG)
            .about("For the admin key alone. Nobody is in it at first: invite its first owner.")
            .scope(Scope::Admin)
            .body(schema("TeamNamed"), json!({ "name": "Growth" }))
            .answers(200, "The team.", schema("Team"))
            .leads_to("renameTeam", &[("teamId", "$response.body#/id")])
            .leads_to("invite", &[("teamId", "$response.body#/id")])
            .fails(&[BadRequest, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("PATCH /v2/teams/{teamId}", "renameTeam", "Rename a team")
            .tag(TAG)
            .scope(Scope::Admin)
            .parameter(in_path("teamId"))
            .body(schema("TeamNamed"), json!({ "name": "Growth and partners" }))
            .answers(200, "The team as it is now.", schema("Team"))
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
    ]
}

fn of_members() -> [Operation; 3] {
    [
        Operation::new("GET /v2/teams/{teamId}/members", "listMembers", "List who is in a team")
            .tag(TAG)
            .scope(Scope::Admin)
            .parameter(in_path("teamId"))
            .answers(200, "The members.", schema("MemberList"))
            .fails(&[NotFound]),
        Operation::new("PATCH /v2/teams/{teamId}/members/{userId}", "changeMember", "Change a role")
            .tag(TAG)
            .about(
                "At once, in pages that are open, too. A team keeps an owner. Who is no owner any more has no open \
                 invitations either. Owners of the first team run the server: it takes the admin key to make somebody one.",
            )
            .scope(Scope::Admin)
            .parameters([in_path("teamId"), in_path("userId")])
            .body(schema("MemberChange"), json!({ "role": "editor" }))
            .answers(200, "The member as they are now.", schema("Member"))
            .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "DELETE /v2/teams/{teamId}/members/{userId}",
            "removeMember",
            "Take somebody out of a team",
        )
        .tag(TAG)
        .about("At once, in pages that are open, too, and with the invitations they made. A team keeps an owner.")
        .scope(Scope::Admin)
        .parameters([in_path("teamId"), in_path("userId")])
        .answers(200, "They are in it no more.", schema("MemberRemoved"))
        .fails(&[NotFound, Conflict, StorageFull]),
    ]
}

fn of_invitations() -> [Operation; 3] {
    [
        Operation::new("GET /v2/teams/{teamId}/invitations", "listInvitations", "List the open invitations")
            .tag(TAG)
            .scope(Scope::Admin)
            .parameter(in_path("teamId"))
            .answers(200, "Those that can be accepted.", schema("InvitationList"))
            .fails(&[NotFound]),
        Operation::new("POST /v2/teams/{teamId}/invitations", "invite", "Invite somebody into a team")
            .tag(TAG)
            .about(
                "The link can be used once, within 7 days. It takes the place of an earlier invitation of the same \
                address. The server sends no e-mail with it. It ends with the key that made it. Owners of the first team \
                run the server: it takes the admin key to invite one.",
            )
            .scope(Scope::Admin)
            .parameter(in_path("teamId"))
            .body(schema("InvitationToBe"), json!({ "email": "ada@example.com", "role": "editor" }))
            .answers(
                200,
                "The invitation, with its link, which no other answer has.",
                schema("NewInvitation"),
            )
            .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "DELETE /v2/teams/{teamId}/invitations/{invitationId}",
            "takeInvitationBack",
            "Take an invitation back",
        )
        .tag(TAG)
        .about("Its link is good for nothing from then on.")
        .scope(Scope::Admin)
        .parameters([in_path("teamId"), in_path("invitationId")])
        .answers(200, "It is taken back.", schema("InvitationTakenBack"))
        .fails(&[NotFound, StorageFull]),
    ]
}
