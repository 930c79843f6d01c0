//! Compressed request bodies.

use std::io::Write as _;

use serde_json::json;

use crate::client::{Answer, BatchLine, Call, Client};
use crate::server::Server;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 1).expect("memory takes it")
}

fn post(client: &Client, path: &str, coding: &str, body: &[u8]) -> Answer {
    let headers = &[("content-type", "application/json"), ("content-encoding", coding)];
    client.send(Call { method: "POST", path, headers, body })
}

#[test]
fn a_compressed_body_is_as_good_as_a_plain_one() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let events = format!("/v2/campaign/{program}/events");
    let event = json!({
        "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1" }, "idempotencyKey": "one",
    })
    .to_string();
    let plain = client.post_text(&events, &event, &[]).ok();
    for (coding, body) in [("gzip", gzip(event.as_bytes())), ("zstd", zstd(event.as_bytes()))] {
        let again = post(&client, &events, coding, &body).ok();
        assert_eq!(again["id"], plain["id"], "{coding}: it is the same event");
        assert_eq!(again["duplicate"], true, "{coding}");
        let name = json!({ "type": "REFERRAL", "name": coding }).to_string();
        let body = if coding == "gzip" { gzip(name.as_bytes()) } else { zstd(name.as_bytes()) };
        assert_eq!(post(&client, "/v2/campaigns", coding, &body).ok()["name"], coding);
    }
    let lines = format!("{event}\nno json\n");
    // Several members in a row are one body (RFC 1952, section 2.2).
    let (first, second) = lines.split_at(20);
    let body = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let answer = post(&client, &format!("{events}/batch"), "gzip", &body).batch();
    assert!(matches!(answer[0], BatchLine::Accepted { duplicate: true, .. }), "{answer:?}");
    assert!(matches!(answer[1], BatchLine::Refused { status: 400, .. }), "{answer:?}");
}

#[test]
fn a_bomb_is_refused_at_the_limit_of_what_it_would_be() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let events = format!("/v2/campaign/{program}/events");
    // A gibibyte of zeros, and for gzip what is a thousandth of it.
    let zeros = vec![0; 1 << 20];
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    for _ in 0..1024 {
        encoder.write_all(&zeros).expect("memory takes it");
    }
    let bomb = encoder.finish().expect("memory takes it");
    let before = memory(server.pid());
    for _ in 0..20 {
        post(&client, &events, "zstd", &bomb).refused(413, "PAYLOAD_TOO_LARGE");
        post(&client, &events, "gzip", &gzip(&vec![0; 64 << 20])).refused(413, "PAYLOAD_TOO_LARGE");
    }
    assert!(memory(server.pid()) < before + 64 * 1024, "it took memory for what it refused");
    client.join(&program, "p1");
}

#[test]
fn no_path_that_takes_a_body_unpacks_a_bomb() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let address = client.post(&format!("/v2/campaign/{program}/inbox/address"), &json!({})).ok();
    let inbox = address["url"].as_str().and_then(|url| url.strip_prefix(server.url())).expect("is here");
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let before = memory(server.pid());
    for path in [
        "/v2/campaigns",
        "/v2/api-keys",
        &format!("/v2/campaign/{program}/webhooks"),
        &format!("/v2/campaign/{program}/resends"),
        &format!("/v2/campaign/{program}/events"),
        &format!("/v2/campaign/{program}/events/batch"),
        inbox,
        "/sign-in",
        "/_fn/programs",
    ] {
        assert_eq!(post(&client, path, "gzip", &bomb).status, 413, "{path}");
    }
    assert!(memory(server.pid()) < before + 64 * 1024, "it took memory for what it refused");
}

#[test]
fn what_is_not_what_it_says_is_400_and_what_is_unknown_415() {
    let server = Server::start();
    let client = server.client();
    let path = "/v2/campaigns";
    let body = json!({ "type": "REFERRAL" }).to_string();
    for (coding, packed) in [("gzip", gzip(body.as_bytes())), ("zstd", zstd(body.as_bytes()))] {
        for broken in [&packed[..packed.len() - 3], body.as_bytes(), &packed[3..]] {
            post(&client, path, coding, broken).refused(400, "BAD_REQUEST");
        }
    }
    for coding in ["br", "gzip, gzip", "deflate"] {
        let answer = post(&client, path, coding, body.as_bytes());
        assert_eq!(answer.header("accept-encoding"), Some("gzip, zstd"), "{coding}");
        answer.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    assert_eq!(post(&client, path, "identity", body.as_bytes()).status, 200);
}

/// Resident memory of a process, in KiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has a size");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
