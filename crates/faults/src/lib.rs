//! A disk that remembers and fails, for tests.
//!
//! [`Disk::watch`] puts a layer under every SQLite connection of this process, whoever opens it ([`disk`]): what is
//! written to databases in the watched directory is recorded in order, with the syncs, and syncs and writes can be made
//! to fail. [`Crashes`] ([`crash`]) draws from such a record what a power cut at any of its points may leave on the
//! disk.
//!
//! Depends on nothing of Groundswell, so that it cannot share its mistakes. Its tests hold the engine against it.

pub mod crash;
pub mod disk;
mod vfs;

pub use crash::{CrashState, Crashes, Draw};
pub use disk::{Disk, Operation};
