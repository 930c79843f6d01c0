//! The engine's promises on a disk that loses its power, fails to sync, or is full.

mod failed_sync;
mod full_disk;
mod power_cut;
mod running;
