//! Following a program while several servers accept its events.

use std::thread;

use super::Nodes;
use crate::event_stream::{Stream, path};
use crate::server::ADMIN_KEY;

/// Posts so many to each of these nodes at once; the ids, ascending.
fn post_to_each(nodes: &Nodes, program: &str, count: usize) -> Vec<String> {
    let mut ids: Vec<String> = thread::scope(|scope| {
        let producers: Vec<_> = (0..nodes.servers.len())
            .map(|node| {
                scope.spawn(move || {
                    let client = nodes.client(node);
                    (0..count)
                        .map(|number| client.join(program, &format!("p{node}-{number}")))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect()
    });
    ids.sort_unstable();
    ids
}

/// A stream at a node, behind an id.
fn behind(nodes: &Nodes, node: usize, program: &str, id: &str) -> Stream {
    let headers = format!("authorization: Bearer {ADMIN_KEY}\r\nlast-event-id: {id}\r\n");
    Stream::open_with(&nodes.servers[node], &path(program, ""), &headers).1
}

fn read(stream: &mut Stream, count: usize) -> Vec<String> {
    (0..count).map(|_| stream.event()["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn who_follows_at_any_server_is_told_what_all_of_them_accept_and_goes_on_at_another() {
    let mut nodes = Nodes::start(2);
    let (leader, follower) = (nodes.leader(), nodes.follower());
    let program = nodes.client(follower).program("REFERRAL");
    let first = nodes.client(leader).join(&program, "first");
    let mut streams = [leader, follower].map(|node| behind(&nodes, node, &program, &first));
    let both = post_to_each(&nodes, &program, 150);
    for stream in &mut streams {
        assert_eq!(read(stream, both.len()), both, "each once, in their order");
    }

    // Back at another server, in the middle of it.
    let middle = &both[both.len() / 2];
    assert_eq!(read(&mut behind(&nodes, follower, &program, middle), 100), both[151..251]);

    // The one that leads is killed: who followed there goes on elsewhere, once nothing of it can come any more.
    drop(nodes.servers.remove(leader));
    nodes.leader();
    let alone = post_to_each(&nodes, &program, 20);
    let mut stream = behind(&nodes, 0, &program, &both[299]);
    assert_eq!(read(&mut stream, alone.len()), alone);

    // A new one accepts as well, and its ids are above what was told before.
    nodes.join();
    nodes.wait_for_balance();
    let both = post_to_each(&nodes, &program, 50);
    assert_eq!(read(&mut stream, both.len()), both);
    assert_eq!(read(&mut behind(&nodes, 1, &program, &alone[19]), both.len()), both);
}
