//! The engine's promises on a disk that loses its power, fails to sync, or is full.

mod failed_sync;
mod full_disk;
mod power_cut;
mod running;

use groundswell_engine::store::sqlite::Options;
use groundswell_engine::store::vault::{SecretsKey, Vault};

/// The usual ones, with a key that is always the same.
fn options() -> Options {
    Options::new(0, Vault::new(&SecretsKey::from_bytes([1; 32])))
}
