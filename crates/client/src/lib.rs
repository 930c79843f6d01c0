//! Submits events to Groundswell, from a service that has them.
//!
//! [`Client::submit`] sends one event and returns when the server has it on disk. [`Batcher`] takes events from many
//! places, sends them together, and gives each its own result. Both repeat what failed for a passing reason, always
//! with the same idempotency key, so an event is stored once however often it was sent.
//!
//! ```no_run
//! use groundswell_client::types::ProgramId;
//! use groundswell_client::types::payload::NewParticipantAdded;
//! use groundswell_client::{Batcher, Client, IdempotencyKey, NewEvent};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("https://hooks.example.com", "gsk_…")?;
//! let program = ProgramId::parse("4pdlhb")?;
//!
//! // One event, with a key of the caller's: after a crash the same order can be sent again.
//! let joined = NewParticipantAdded {
//!     id: "gavin".to_owned(),
//!     email: Some("gavin@example.com".to_owned()),
//!     ..NewParticipantAdded::default()
//! };
//! let event = NewEvent::from(joined).with_key(IdempotencyKey::parse("order-1001")?);
//! let accepted = client.submit(&program, event).await?;
//! println!("{} goes to {} webhooks", accepted.id, accepted.deliveries);
//!
//! // Many events. `enqueue` waits while the queue is full, and what it returns is the event's own result.
//! let batcher = Batcher::start(&client, &program);
//! let ended = serde_json::json!({"event": "CAMPAIGN_ENDED", "data": {"id": "4pdlhb"}});
//! let pending = batcher.enqueue(NewEvent::parse(ended)?).await?;
//! println!("{}", pending.await?.id);
//! println!("{:?}", batcher.close().await);
//! # Ok(())
//! # }
//! ```
//!
//! # What is repeated
//!
//! Connections that cannot be made or break, answers that take too long or cannot be read, and the statuses 408, 425,
//! 429 and 5xx except 501. Between attempts the client waits longer and longer, as [`RetryPolicy`] says, and at least
//! as long as the server's `Retry-After` asks. After [`RetryPolicy::give_up_after`] it gives up with
//! [`SubmitError::GaveUp`], which has the last cause and the key: the event may have been stored, and sending it again
//! with that key is always safe (the server remembers keys for 7 days). Every other status is
//! [`SubmitError::Refused`], with the server's code, message, and all problems by JSON pointer.
//!
//! Each failed attempt is logged by `tracing` at debug: a wrong host name or an untrusted certificate is a connection
//! that cannot be made, and shows there long before the client gives up.
//!
//! # Which key
//!
//! Without a key of its own each event gets a random one, which covers repeats by this client. A key made from what
//! the event is about, such as `order-1001`, covers crashes and second runs of the caller as well. Such an event
//! should come with [`NewEvent::at`] a fixed time or none: the same key with different content is refused.
//!
//! TLS is rustls with ring, and certificates are checked as the operating system does. No proxy is used.

#![warn(missing_docs)]

mod batcher;
mod client;
mod error;
mod event;
#[cfg(fuzzing)]
pub mod fuzzing;
mod retry;
mod transport;

pub use groundswell_types as types;

pub use batcher::{Batcher, BatcherBuilder, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Pending, Report};
pub use client::{Accepted, Client, ClientBuilder};
pub use error::{ErrorAnswer, Failure, SetupError, SubmitError};
pub use event::{IdempotencyKey, InvalidEvent, InvalidKey, MAX_EVENT_BYTES, NewEvent};
pub use retry::RetryPolicy;
