//! Letters that wait, who gets them, and who does not want any.

use groundswell_engine::store::{
    AddressRecord, AddressState, Batch, DigestRecord, LetterRecord, NoticeRecord, Posting, RecipientRecord,
    Store, StoreError, WebhooksChange,
};
use groundswell_types::{Email, NoticeId, NoticeKind, RecipientState, TeamId, UserId};

use super::make;

pub fn email(number: i64) -> Email {
    Email::parse(&format!("{number}@example.com")).expect("an address")
}

pub fn recipient(number: i64, endpoint: i64) -> RecipientRecord {
    RecipientRecord {
        id: format!("rcp_{number}"),
        token: format!("token {number}"),
        program_id: make::program(1),
        endpoint_id: make::endpoint(endpoint),
        email: email(number),
        language: "de".to_owned(),
        added_by: (number % 2 == 1).then(|| "Ada".to_owned()),
        state: RecipientState::Invited,
        created_at_ms: 7,
    }
}

pub fn letter(number: i64) -> LetterRecord {
    LetterRecord {
        id: number,
        email: email(number),
        language: "es".to_owned(),
        token: (number % 2 == 1).then(|| format!("token {number}")),
        content_json: format!("{{\"number\":{number}}}"),
        attempts: 0,
        due_at_ms: 100,
        created_at_ms: 90,
    }
}

/// An address of the first owner, whose reader was asked.
pub fn address(number: i64) -> AddressRecord {
    AddressRecord {
        user_id: UserId::first(),
        email: email(number),
        token: Some(format!("link {number}")),
        state: AddressState::Asked,
        at_ms: 7,
    }
}

fn notice(number: i64) -> NoticeRecord {
    NoticeRecord {
        id: NoticeId::from_number(number),
        program_id: make::program(1),
        endpoint_id: make::endpoint(10),
        kind: NoticeKind::SecretReplaced,
        at_ms: number,
        since_ms: 1,
    }
}

async fn post(store: &dyn Store, posting: Posting) {
    store.post(&posting).await.expect("posts");
}

pub async fn what_a_team_was_told_is_found_newest_first(store: &dyn Store) {
    make::create_program(store, 1).await;
    let notices = (1..=4).map(notice).collect();
    store.commit(&Batch { notices, ..Batch::default() }).await.expect("commits");
    for number in [1, 2, 3] {
        let notice = Some(NoticeId::from_number(number));
        post(store, Posting { notice, ..Posting::default() }).await;
    }
    let first = TeamId::first();
    let told = async |team, since_ms, limit| store.told_notices(team, since_ms, limit).await.expect("reads");
    assert_eq!(told(&first, 2, 9).await, [notice(3), notice(2)]);
    assert_eq!(told(&first, 0, 1).await, [notice(3)]);
    assert_eq!(told(&TeamId::parse("team_other").expect("an id"), 0, 9).await, []);
}

pub async fn a_notice_is_told_once_together_with_its_letters(store: &dyn Store) {
    make::create_program(store, 1).await;
    let notices = vec![notice(2), notice(1), notice(3)];
    store.commit(&Batch { notices, ..Batch::default() }).await.expect("commits");
    let untold = async |limit| store.untold_notices(limit).await.expect("reads");
    assert_eq!(untold(2).await, [notice(1), notice(2)]);
    let told = |letters| Posting { notice: Some(NoticeId::from_number(1)), letters, ..Posting::default() };
    post(store, told(vec![letter(1), letter(2)])).await;
    assert_eq!(untold(9).await, [notice(2), notice(3)]);
    let again = store.post(&told(vec![letter(3)])).await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
    assert_eq!(store.due_letters(100, 9).await.expect("reads").len(), 2, "nothing of it was written");
    let listed = store.notices(&make::program(1), None, 9).await.expect("reads");
    assert_eq!(listed.len(), 3, "what is told is still a notice");
}

pub async fn letters_wait_until_they_are_due_and_go_when_they_are_sent(store: &dyn Store) {
    let early = LetterRecord { due_at_ms: 50, ..letter(3) };
    post(store, Posting { letters: vec![letter(2), letter(1), early.clone()], ..Posting::default() }).await;
    let due = async |now_ms, limit| store.due_letters(now_ms, limit).await.expect("reads");
    assert_eq!(due(99, 9).await, std::slice::from_ref(&early));
    assert_eq!(due(100, 2).await, [early, letter(1)]);
    store.remove_letter(3).await.expect("removes");
    store.put_letter_off(1, 200).await.expect("writes");
    assert_eq!(due(100, 9).await, [letter(2)]);
    let put_off = LetterRecord { due_at_ms: 200, attempts: 1, ..letter(1) };
    assert_eq!(due(200, 9).await, [letter(2), put_off]);
    let endless = [4, 6, 8].map(|number| LetterRecord { token: None, ..letter(number) });
    let more = endless.into_iter().chain([letter(5), letter(7)]).collect();
    post(store, Posting { letters: more, ..Posting::default() }).await;
    assert_eq!(store.waiting_letters(9).await.expect("counts"), 3, "of those that somebody can end");
    assert_eq!(store.waiting_letters(1).await.expect("counts"), 1, "it counts no further");
    store.remove_letter(9).await.expect("there may be none");
}

pub async fn recipients_are_a_webhooks_and_an_address_is_one_of_them_once(store: &dyn Store) {
    let recipients = vec![recipient(1, 10), recipient(2, 10), recipient(3, 20)];
    post(store, Posting { recipients, ..Posting::default() }).await;
    let of = async |number| store.recipients(make::endpoint(number)).await.expect("reads");
    assert_eq!(of(10).await, [recipient(1, 10), recipient(2, 10)]);
    assert_eq!(store.recipient("token 3").await.expect("reads"), Some(recipient(3, 20)));
    assert_eq!(store.recipient("token 4").await.expect("reads"), None);

    let confirmed = RecipientRecord { state: RecipientState::Confirmed, ..recipient(1, 10) };
    post(store, Posting { recipients: vec![confirmed.clone()], ..Posting::default() }).await;
    assert_eq!(of(10).await, [confirmed, recipient(2, 10)]);
    let other = RecipientRecord { email: email(2), ..recipient(5, 10) };
    let twice = store.post(&Posting { recipients: vec![other], ..Posting::default() }).await;
    assert!(matches!(twice, Err(StoreError::Rejected(_))), "{twice:?}");
}

pub async fn who_refuses_letters_is_no_recipient_anywhere(store: &dyn Store) {
    let both = |state| {
        let other = RecipientRecord { email: email(1), ..recipient(2, 20) };
        [recipient(1, 10), other].map(|one| RecipientRecord { state, ..one })
    };
    post(store, Posting { recipients: both(RecipientState::Confirmed).to_vec(), ..Posting::default() }).await;
    let refuses = async || store.refuses_letters(&email(1)).await.expect("answers");
    assert!(!refuses().await);
    for at_ms in [1, 2] {
        store.refuse_letters(&email(1), at_ms).await.expect("writes");
        assert!(refuses().await);
    }
    for (endpoint, wanted) in [10, 20].into_iter().zip(both(RecipientState::Unsubscribed)) {
        assert_eq!(store.recipients(make::endpoint(endpoint)).await.expect("reads"), [wanted]);
    }
    store.allow_letters(&email(1)).await.expect("writes");
    assert!(!refuses().await);
}

pub async fn a_removed_webhook_takes_its_digests_along_and_its_recipients_keep_their_links(
    store: &dyn Store,
) {
    make::create_program(store, 1).await;
    let upserts = vec![make::endpoint_record(10, "primary"), make::endpoint_record(20, "wh_2")];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    let digest =
        |number| DigestRecord { endpoint_id: make::endpoint(number), hour: 4, counted: 2, at_ms: number };
    let confirmed =
        |number| RecipientRecord { state: RecipientState::Confirmed, ..recipient(number, number) };
    for number in [10, 20] {
        let recipients = vec![confirmed(number)];
        let digest = Some(digest(number));
        post(store, Posting { recipients, digest, ..Posting::default() }).await;
    }
    let later = DigestRecord { hour: 5, ..digest(20) };
    post(store, Posting { digest: Some(later), ..Posting::default() }).await;
    assert_eq!(store.digests().await.expect("reads"), [digest(10), later]);
    make::apply(store, WebhooksChange { deletes: vec![make::endpoint(10)], at_ms: 9, ..make::change(2) })
        .await;
    assert_eq!(store.digests().await.expect("reads"), [later]);
    assert_eq!(store.recipients(make::endpoint(20)).await.expect("reads").len(), 1);
    assert_eq!(store.recipient("token 10").await.expect("reads"), Some(confirmed(10)));
    // They were named before that, but the webhook was there until later.
    store.forget_unanswered(9).await.expect("forgets");
    assert_eq!(store.recipient("token 10").await.expect("reads"), Some(confirmed(10)));
    store.forget_unanswered(10).await.expect("forgets");
    assert_eq!(store.recipient("token 10").await.expect("reads"), None);
}

pub async fn what_was_said_of_an_address_outlives_a_question(store: &dyn Store) {
    let of = async |number| store.address(&UserId::first(), &email(number)).await.expect("reads");
    post(store, Posting { addresses: vec![address(1), address(2)], ..Posting::default() }).await;
    assert_eq!(of(1).await, Some(address(1)));
    assert_eq!(of(3).await, None);
    assert_eq!(store.address_of_link("link 2").await.expect("reads"), Some(address(2)));
    assert_eq!(store.address_of_link("link 3").await.expect("reads"), None);

    let answered = AddressRecord { state: AddressState::Theirs, at_ms: 8, ..address(1) };
    store.save_address(&answered).await.expect("saves");
    let again = [1, 2].map(|number| AddressRecord { at_ms: 9, ..address(number) });
    // The link that somebody has stays theirs, whatever the one is called that comes with another question.
    let asked = again.clone().map(|one| AddressRecord { token: Some("another link".to_owned()), ..one });
    post(store, Posting { addresses: vec![asked[0].clone()], ..Posting::default() }).await;
    post(store, Posting { addresses: vec![asked[1].clone()], ..Posting::default() }).await;
    assert_eq!((of(1).await, of(2).await), (Some(answered), Some(again[1].clone())));
    let by_provider = AddressRecord { token: None, ..address(3) };
    for number in [3, 4] {
        let unasked = AddressRecord { email: email(number), ..by_provider.clone() };
        store.save_address(&unasked).await.expect("several have no link");
    }
}

pub async fn who_has_not_answered_for_long_is_forgotten(store: &dyn Store) {
    make::create_program(store, 1).await;
    let upserts = vec![make::endpoint_record(10, "primary")];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    let answered = AddressRecord { state: AddressState::NotTheirs, ..address(2) };
    let late = AddressRecord { at_ms: 8, ..address(3) };
    for one in [&address(1), &answered, &late] {
        store.save_address(one).await.expect("saves");
    }
    let confirmed = RecipientRecord { state: RecipientState::Confirmed, ..recipient(4, 10) };
    let late_one = RecipientRecord { created_at_ms: 8, ..recipient(6, 10) };
    // Of these 1 is named, 2 is not, 4 has answered, 6 came later; the webhook of 3 is gone.
    let recipients =
        vec![recipient(1, 10), recipient(2, 10), recipient(3, 20), confirmed.clone(), late_one.clone()];
    post(store, Posting { recipients, ..Posting::default() }).await;
    store.forget_unanswered(8).await.expect("forgets");
    let of = async |number| store.address(&UserId::first(), &email(number)).await.expect("reads");
    assert_eq!((of(1).await, of(2).await, of(3).await), (None, Some(answered), Some(late)));
    assert_eq!(
        store.recipients(make::endpoint(10)).await.expect("reads"),
        [recipient(1, 10), confirmed, late_one]
    );
    assert_eq!(store.recipients(make::endpoint(20)).await.expect("reads"), []);
}

pub async fn the_language_of_somebody_is_the_last_one(store: &dyn Store) {
    let user = UserId::first();
    assert_eq!(store.language_of(&user).await.expect("reads"), None);
    for language in ["de", "es"] {
        store.save_language_of(&user, language).await.expect("saves");
    }
    assert_eq!(store.language_of(&user).await.expect("reads"), Some("es".to_owned()));
}
