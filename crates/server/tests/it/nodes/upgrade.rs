//! Nodes of the version before are replaced by those of this one, one after the other, under load.

use std::time::Duration;

use serde_json::json;

use super::Nodes;
use super::faults::{say, survive, until_all_is_served};
use crate::waiting;

#[test]
fn nodes_are_replaced_by_the_next_version_without_a_loss_a_double_or_an_error() {
    let mut nodes = Nodes::none();
    for _ in 0..2 {
        nodes.join_previous();
    }
    nodes.wait_for_balance();
    let judged = survive(nodes, |nodes, load| {
        for _ in 0..2 {
            // The first one of this version brings the schema up to date, beside those that do not know it.
            nodes.join();
            nodes.wait_for_balance();
            let mut old = nodes.servers.remove(0);
            let new = nodes.servers.last().expect("it has just joined");
            load.move_from(&old, new);
            let before = load.accepted();
            waiting::until("there is load beside the old one", || {
                (load.accepted() > before + 300).then_some(())
            });
            old.terminate();
            assert!(old.wait(Duration::from_secs(40)).success());
            until_all_is_served(nodes);
        }
        // What was set up with the version before is changed with this one.
        let (client, name) = (nodes.client(0), "after the upgrade");
        let programs = client.get("/v2/campaigns").ok();
        let id = programs["campaigns"][0]["id"].as_str().expect("an id");
        client.patch(&format!("/v2/campaign/{id}"), &json!({ "name": name })).ok();
        waiting::until("every node knows", || {
            let knows = |node| nodes.client(node).get(&format!("/v2/campaign/{id}")).ok()["name"] == name;
            (0..2).all(knows).then_some(())
        });
    });
    say(format_args!("two nodes were replaced by the next version: {judged:?}"));
    assert_eq!((judged.failed, judged.doubles), (0, 0), "{judged:?}");
}
