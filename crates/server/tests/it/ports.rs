//! Ports that stay free while nobody listens at them.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux gives to whoever asks for any (`ip_local_port_range` begins at 32,768), to connections as well, of which
/// other tests have thousands.
const RANGE: (u16, u16) = (20_000, 32_000);

/// One that nobody listens at, and no connection is given meanwhile; each call returns another.
pub fn kept() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let (from, to) = RANGE;
    let count = u32::from(to - from);
    // Test programs that run at the same time begin at different places.
    let place =
        || process::id().wrapping_mul(64).wrapping_add(u32::from(CALLS.fetch_add(1, Ordering::Relaxed)));
    for _ in 0..count {
        let port = from + u16::try_from(place() % count).expect("less than the range");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {RANGE:?} is free");
}
