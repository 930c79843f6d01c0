//! The client against an HTTP server that does what the test says.

mod batch;
mod bounds;
mod server;
mod single;
