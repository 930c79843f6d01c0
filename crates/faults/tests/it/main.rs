//! The engine's promises on a disk that loses its power, fails to sync, or is full.

mod power_cut;
