//! Checks a captured request, `{"secret", "headers", "body"}` on standard input, with the crate `standardwebhooks`.

use std::collections::HashMap;
use std::error::Error;
use std::io;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use standardwebhooks::Webhook;

#[derive(Deserialize)]
struct Captured {
    secret: String,
    headers: HashMap<String, String>,
    body: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let captured: Captured = serde_json::from_reader(io::stdin())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &captured.headers {
        headers.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
    }
    Ok(Webhook::new(&captured.secret)?.verify(captured.body.as_bytes(), &headers)?)
}
