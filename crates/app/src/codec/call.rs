//! How a function of the server is called.

use std::pin::Pin;

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
#[cfg(feature = "ssr")]
use leptos::server_fn::Http;
use leptos::server_fn::client::Client;
#[cfg(feature = "ssr")]
use leptos::server_fn::codec::Post;
use leptos::server_fn::error::IntoAppError;
use leptos::server_fn::request::ClientReq;
use leptos::server_fn::response::ClientRes;
use leptos::server_fn::server::Server;
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Protocol};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{JsonCodec, Travels};
use crate::failure::Failure;

/// JSON in the body of a `POST` request, and in its answer.
#[cfg(feature = "ssr")]
type Json = Http<Post<JsonCodec>, Post<JsonCodec>>;

type Answer = Pin<Box<dyn Future<Output = Result<Bytes, Failure>> + Send>>;

/// A call with JSON in the body of a `POST` request, and in its answer. What is alike in all calls is compiled once for all of
/// them; Leptos' own protocol is compiled anew for each function.
pub struct Call;

impl<I, O, C, S> Protocol<I, O, C, S, Failure> for Call
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Travels + Send + 'static,
    C: Client<Failure>,
    S: Server<Failure>,
    S::Request: 'static,
{
    const METHOD: http::Method = http::Method::POST;

    fn run_server<F, G>(
        request: S::Request,
        function: F,
    ) -> impl Future<Output = Result<S::Response, Failure>> + Send
    where
        F: Fn(I) -> G + Send,
        G: Future<Output = Result<O, Failure>> + Send,
    {
        #[cfg(feature = "ssr")]
        return <Json as Protocol<I, O, C, S, Failure>>::run_server(request, function);
        #[cfg(not(feature = "ssr"))]
        {
            // Nobody calls the browser.
            drop((request, function));
            std::future::pending()
        }
    }

    fn run_client(path: &str, input: I) -> impl Future<Output = Result<O, Failure>> + Send {
        let answer = JsonCodec::encode(&input)
            .map_err(|error| ServerFnErrorErr::Serialization(error.to_string()).into_app_error())
            .and_then(|input| ask::<C>(path, input));
        async move {
            JsonCodec::decode(answer?.await?)
                .map_err(|error| ServerFnErrorErr::Deserialization(error.to_string()).into_app_error())
        }
    }
}

/// Asks the server. Whoever stops waiting for the answer ends the request.
fn ask<C: Client<Failure>>(path: &str, input: Bytes) -> Result<Answer, Failure> {
    let request =
        C::Request::try_new_post_bytes(path, JsonCodec::CONTENT_TYPE, JsonCodec::CONTENT_TYPE, input)?;
    Ok(Box::pin(async move {
        let response = C::send(request).await?;
        let status = response.status();
        let answer = response.try_into_bytes().await?;
        if status >= 400 { Err(failure(status, answer)) } else { Ok(answer) }
    }))
}

/// What an answer with such a status says.
fn failure(status: u16, answer: Bytes) -> Failure {
    match Failure::de(answer) {
        // What stands before the server answers so, in words of its own, while the server is down or about to be.
        Failure::Internal { request_id: None } if matches!(status, 502..=504) => Failure::Offline,
        failure => failure,
    }
}
