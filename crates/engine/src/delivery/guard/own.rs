//! Where this server listens itself. Nothing is ever sent there: whoever may set a URL would speak to this server from
//! inside, past the proxy and the firewall before it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// This server's own address.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnListener {
    address: IpAddr,
    port: u16,
}

impl OwnListener {
    pub(super) fn new(listen: SocketAddr) -> Self {
        Self { address: listen.ip().to_canonical(), port: listen.port() }
    }

    /// Whether a connection to this address and port ends here.
    pub(super) fn is_at(self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        port == self.port
            // The system connects to itself when it is told to connect to no address.
            && (address == self.address
                || address.is_unspecified()
                || (self.address.is_unspecified() && is_of_this_machine(address)))
    }
}

/// Whether an address is one of this machine's. The system says so: it gives sockets to those only, and knows of what was
/// added meanwhile, and of routes that make whole networks local, which no list of interfaces shows.
fn is_of_this_machine(address: IpAddr) -> bool {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => true,
        // Any other failure leaves it open.
        Err(error) => error.kind() != ErrorKind::AddrNotAvailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_at(listen: &str, target: &str) -> bool {
        let target: SocketAddr = target.parse().expect("an address");
        OwnListener::new(listen.parse().expect("an address")).is_at(target.ip(), target.port())
    }

    #[test]
    fn a_listener_on_one_address_is_there_only() {
        for target in [
            "127.0.0.1:3000",
            "[::ffff:127.0.0.1]:3000",
            "0.0.0.0:3000",
            "[::]:3000",
            "[::ffff:0.0.0.0]:3000",
        ] {
            assert!(is_at("127.0.0.1:3000", target), "{target}");
        }
        for target in ["127.0.0.2:3000", "127.0.0.1:3001", "[::1]:3000", "8.8.8.8:3000"] {
            assert!(!is_at("127.0.0.1:3000", target), "{target}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_at_each_of_this_machine() {
        for listen in ["0.0.0.0:3000", "[::]:3000"] {
            for target in ["127.0.0.1:3000", "127.9.8.7:3000", "[::ffff:127.0.0.1]:3000", "0.0.0.0:3000"] {
                assert!(is_at(listen, target), "{listen}: {target}");
            }
            for target in ["8.8.8.8:3000", "127.0.0.1:3001", "[2606:4700::1111]:3000"] {
                assert!(!is_at(listen, target), "{listen}: {target}");
            }
        }
    }

    /// As what a machine has besides loopback, where it has a network.
    #[test]
    fn the_address_a_machine_has_in_its_network_is_its_own() {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        // Nothing is sent by that; it only says from where something would be.
        if socket.connect("8.8.8.8:53").is_ok() {
            let address = socket.local_addr().expect("an address").ip();
            assert!(OwnListener::new("0.0.0.0:3000".parse().expect("an address")).is_at(address, 3000));
        }
    }
}
