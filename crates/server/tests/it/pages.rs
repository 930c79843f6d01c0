//! How pages travel.

use std::io::Read as _;

use crate::server::Server;

/// The answer to a browser that takes `coding`: its head's coding, and its body as it is.
fn page(server: &Server, coding: Option<&str>) -> (Option<String>, Vec<u8>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let mut request = config.new_agent().get(format!("{}/sign-in", server.url()));
    if let Some(coding) = coding {
        request = request.header("accept-encoding", coding);
    }
    let mut response = request.call().expect("it answers");
    let sent =
        response.headers().get("content-encoding").map(|value| value.to_str().expect("ASCII").to_owned());
    (sent, response.body_mut().read_to_vec().expect("a body"))
}

#[test]
fn a_page_is_compressed_for_browsers_that_take_it() {
    let server = Server::start();
    let (coding, plain) = page(&server, None);
    assert_eq!(coding, None);
    let (coding, packed) = page(&server, Some("gzip, br"));
    assert_eq!(coding.as_deref(), Some("gzip"));
    assert!(packed.len() * 2 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(unpacked.len(), plain.len());
    assert!(unpacked.starts_with(b"<!DOCTYPE html>"), "it is the page");
}
