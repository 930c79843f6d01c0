//! New connections: to addresses that the guard lets through, and to no other, whatever a name says when.
//!
//! Nothing here reads the environment: there is no proxy.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Position, Url};

use super::names::Names;
use crate::delivery::guard::{Forbidden, Guard, Reach};

/// A name that cannot be used is said to be so no sooner. One in the operator's own network is often found in a
/// millisecond, and one that does not exist takes a way through the internet: the time would tell them apart.
const LEAST_FOR_NAMES: Duration = Duration::from_millis(500);

type BoxError = Box<dyn StdError + Send + Sync>;

/// What requests are written to.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum NotConnected {
    #[error("the address may not be connected to")]
    Forbidden(#[from] Forbidden),
    #[error("the connection was not made in time")]
    Timeout,
    #[error("the connection could not be made")]
    Failed {
        source: BoxError,
        /// What was reached before it failed, if anything.
        reached: Option<Reach>,
    },
}

/// Makes connections.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    guard: Arc<Guard>,
    names: Arc<dyn Names>,
    tls: Arc<ClientConfig>,
    timeout: Duration,
}

impl Connector {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub(super) fn new(guard: Guard, names: Arc<dyn Names>, timeout: Duration) -> Result<Self, rustls::Error> {
        // A second call finds the provider there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = ClientConfig::builder().try_with_platform_verifier()?.with_no_client_auth();
        Ok(Self { guard: Arc::new(guard), names, tls: Arc::new(tls), timeout })
    }

    /// Connects to the host of `url`; says what it is.
    pub(super) async fn connect(&self, url: &Url) -> Result<(Stream, Reach), NotConnected> {
        self.guard.check_url(url)?;
        let least = pin!(tokio::time::sleep(LEAST_FOR_NAMES.min(self.timeout)));
        let reached = Arc::new(OnceLock::new());
        let failed = |source: BoxError| NotConnected::Failed { source, reached: reached.get().copied() };
        // Without user name and password, which have no place in a request, and whose reading might differ.
        let origin = format!("{}://{}/", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]);
        let uri = Uri::try_from(origin).map_err(|error| failed(error.into()))?;
        let tcp = GuardedTcp {
            guard: Arc::clone(&self.guard),
            names: Arc::clone(&self.names),
            port: url.port_or_known_default().unwrap_or_default(),
            reached: Arc::clone(&reached),
        };
        let mut connector = HttpsConnector::from((tcp, Arc::clone(&self.tls)));
        let connecting = async {
            poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(uri).await
        };
        let connected = tokio::time::timeout(self.timeout, connecting).await;
        match connected.map_err(|_| NotConnected::Timeout)? {
            Ok(stream) => Ok((stream, reached.get().copied().unwrap_or(Reach::Allowed))),
            Err(error) => {
                if matches!(url.host(), Some(Host::Domain(_))) && is_unresolvable(&error) {
                    least.await;
                }
                Err(failed(error))
            }
        }
    }
}

fn is_unresolvable(error: &BoxError) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if error.is::<Unresolvable>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Connects to one of the addresses that may be connected to, and looks what it has got before anything is said.
struct GuardedTcp {
    guard: Arc<Guard>,
    names: Arc<dyn Names>,
    port: u16,
    reached: Arc<OnceLock<Reach>>,
}

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, BoxError>> + Send>>;

impl Service<Uri> for GuardedTcp {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (guard, reached) = (Arc::clone(&self.guard), Arc::clone(&self.reached));
        let names =
            GuardedNames { guard: Arc::clone(&guard), names: Arc::clone(&self.names), port: self.port };
        let mut tcp = HttpConnector::new_with_resolver(names);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Box::pin(async move {
            let stream = tcp.call(uri).await?;
            let found = guard.check(stream.inner().peer_addr()?)?;
            // It is empty: there is one connection for each.
            let _ = reached.set(found);
            Ok(stream)
        })
    }
}

/// Resolves names to those of their addresses that may be connected to.
///
/// A name that leads only to forbidden addresses fails exactly as one that does not exist, so that nobody can map
/// the operator's network by watching error messages.
#[derive(Debug, Clone)]
struct GuardedNames {
    guard: Arc<Guard>,
    names: Arc<dyn Names>,
    port: u16,
}

/// See [`GuardedNames`].
#[derive(Debug, Error)]
#[error("the name does not resolve to an address that can be reached")]
pub(super) struct Unresolvable;

impl Service<Name> for GuardedNames {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolvable;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolvable>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolvable>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { guard, names, port } = self.clone();
        Box::pin(async move {
            let found = names.addresses(name.as_str()).await.map_err(|_| Unresolvable)?;
            let targets = found.into_iter().map(|address| SocketAddr::new(address, port));
            let allowed: Vec<SocketAddr> = targets.filter(|target| guard.check(*target).is_ok()).collect();
            if allowed.is_empty() { Err(Unresolvable) } else { Ok(allowed.into_iter()) }
        })
    }
}
