use futures::FutureExt as _;

use super::*;

fn id(number: i64) -> EventId {
    EventId::from_number(number)
}

fn program(name: &str) -> ProgramId {
    ProgramId::parse(name).expect("valid")
}

#[tokio::test]
async fn a_follower_is_told_of_its_own_program_and_woken_for_it_alone() {
    let feeds = Arc::new(Feeds::default());
    let (one, other) = (program("one"), program("other"));
    let mut following = feeds.follow(&one);
    assert_eq!(following.recent(id(0), 9), Recent::NothingTo(id(0)));
    feeds.tell([(&other, id(5))].into_iter());
    assert_eq!(following.news().now_or_never(), None);
    assert_eq!(following.recent(id(0), 9), Recent::NothingTo(id(5)), "told of everything up to there");
    feeds.tell([(&one, id(6)), (&other, id(7)), (&one, id(8))].into_iter());
    assert_eq!(following.news().now_or_never(), Some(()));
    assert_eq!(following.recent(id(0), 9), Recent::Ids(vec![id(6), id(8)]));
    assert_eq!(following.recent(id(6), 9), Recent::Ids(vec![id(8)]));
    assert_eq!(following.recent(id(0), 1), Recent::Ids(vec![id(6)]));
    assert_eq!(following.recent(id(8), 9), Recent::NothingTo(id(8)));
}

#[test]
fn who_falls_far_behind_is_told_that_not_everything_is_remembered() {
    let feeds = Arc::new(Feeds::default());
    let one = program("one");
    let mut following = feeds.follow(&one);
    let last = i64::try_from(REMEMBERED).expect("small") + 10;
    feeds.tell((1..=last).map(|number| (&one, id(number))));
    assert_eq!(following.recent(id(9), 1), Recent::Forgotten);
    assert_eq!(following.recent(id(10), 1), Recent::Ids(vec![id(11)]));
}

#[test]
fn of_what_nobody_follows_only_the_last_id_is_looked_at() {
    let feeds = Arc::new(Feeds::default());
    let one = program("one");
    drop(feeds.follow(&one));
    let looked_at = std::cell::Cell::new(0);
    let accepted = (1..=9).map(|number| {
        looked_at.set(looked_at.get() + 1);
        (&one, id(number))
    });
    feeds.tell(accepted);
    assert_eq!((looked_at.get(), feeds.committed_to()), (1, id(9)));
    assert!(feeds.lock().feeds.is_empty(), "a feed that nobody follows is gone");
}
