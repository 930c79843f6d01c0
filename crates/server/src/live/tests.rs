use axum::body::Body;
use groundswell_engine::access::{NewEditorLink, hash_token};
use groundswell_engine::store::{
    EditorLinkStore as _, MembershipChange, MembershipRecord, PeopleStore as _, UserRecord,
};
use groundswell_types::{Role, TeamId, UserId};
use http::header::COOKIE;

use super::*;
use crate::cookies::Cookie;
use crate::house::{House, end_of, peer};

/// So long somebody may be told more than they may know, at most.
const MOST: Duration = Duration::from_mins(1);

/// Opens the stream of the house's program with this cookie.
async fn open(house: &House, place: &str, (cookie, token): (Cookie, &str)) -> Body {
    let path = format!("{place}/programs/{}/live", house.program);
    let cookie = format!("{}={token}", house.state.cookies.name(cookie));
    let request = Request::builder().uri(path).header(COOKIE, cookie).extension(peer());
    let request = request.body(Body::empty()).expect("a request");
    let response = one_program(State(house.state.clone()), Path(house.program.to_string()), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body()
}

/// Asserts that a stream ends in time of which the server is told nothing: as of another node's doing.
async fn ends_untold(house: &House, stream: Body) {
    let told = house.engine.access_changed();
    let after = end_of(stream).await.expect("it ends");
    assert!(!told.has_changed().expect("the engine runs"), "it was told");
    assert!(after <= MOST, "it went on for {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_while_nothing_changes() {
    let house = House::new().await;
    let session = house.session_of(&UserId::first()).await;
    assert_eq!(end_of(open(&house, "", (Cookie::Session, &session)).await).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_has_ended_elsewhere_is_noticed_within_a_minute() {
    let house = House::new().await;
    let session = house.session_of(&UserId::first()).await;
    let stream = open(&house, "", (Cookie::Session, &session)).await;
    house.store.delete_session(hash_token(&session)).await.expect("deleted");
    ends_untold(&house, stream).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_taken_away_elsewhere_is_noticed_within_a_minute() {
    let house = House::new().await;
    let (team, user) = (TeamId::first(), UserId::parse("usr_viewer").expect("an id"));
    let record = UserRecord { id: user.clone(), ..UserRecord::first() };
    house.store.save_user(&record).await.expect("saved");
    let membership =
        MembershipRecord { user_id: user.clone(), role: Role::Viewer, ..MembershipRecord::first() };
    house.store.add_member(&membership).await.expect("added");
    let session = house.session_of(&user).await;
    let stream = open(&house, "", (Cookie::Session, &session)).await;
    house.store.change_member(&team, &user, MembershipChange::End).await.expect("ended");
    ends_untold(&house, stream).await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_link_that_was_ended_elsewhere_is_noticed_within_a_minute() {
    let house = House::new().await;
    let link = house.operator().create_editor_link(&house.program, NewEditorLink::default()).await;
    let link = link.expect("made");
    let (session, _) = house.engine.use_editor_link(&link.token, Came::default()).await.expect("used");
    let stream = open(&house, "/embed", (Cookie::Editor, &session)).await;
    house.store.delete_editor_link(&house.program, &link.id).await.expect("deleted");
    ends_untold(&house, stream).await;
}
