//! Ports that are not sent to: those that the Fetch standard calls bad, which no browser sends to either, and those of
//! databases, caches and machines' administration.
//!
//! A request to one of them is no delivery. At best it fails; at worst the service there takes lines of it for commands
//! (Redis, memcached, SMTP), or it is an interface over HTTP that does what it is told without asking who tells it
//! (Docker, etcd, the kubelet, Elasticsearch). Ports that receivers do have, such as 3000, 8000, 8080, 8443 and 9000, are
//! left alone, though something else may be there too: that is for the addresses to decide. None is above 32767, where
//! systems give ports away at random.

/// Fetch, "bad port", with the names it has for them.
const OF_FETCH: [(u16, &str); 83] = [
    (0, "nothing"),
    (1, "tcpmux"),
    (7, "echo"),
    (9, "discard"),
    (11, "systat"),
    (13, "daytime"),
    (15, "netstat"),
    (17, "qotd"),
    (19, "chargen"),
    (20, "FTP"),
    (21, "FTP"),
    (22, "SSH"),
    (23, "telnet"),
    (25, "SMTP"),
    (37, "time"),
    (42, "name"),
    (43, "whois"),
    (53, "DNS"),
    (69, "TFTP"),
    (77, "rje"),
    (79, "finger"),
    (87, "link"),
    (95, "supdup"),
    (101, "hostname"),
    (102, "iso-tsap"),
    (103, "gppitnp"),
    (104, "acr-nema"),
    (109, "POP2"),
    (110, "POP3"),
    (111, "sunrpc"),
    (113, "auth"),
    (115, "SFTP"),
    (117, "uucp-path"),
    (119, "NNTP"),
    (123, "NTP"),
    (135, "epmap"),
    (137, "NetBIOS"),
    (139, "NetBIOS"),
    (143, "IMAP"),
    (161, "SNMP"),
    (179, "BGP"),
    (389, "LDAP"),
    (427, "SLP"),
    (465, "SMTP"),
    (512, "exec"),
    (513, "login"),
    (514, "shell"),
    (515, "printer"),
    (526, "tempo"),
    (530, "courier"),
    (531, "chat"),
    (532, "netnews"),
    (540, "UUCP"),
    (548, "AFP"),
    (554, "RTSP"),
    (556, "remotefs"),
    (563, "NNTP"),
    (587, "SMTP"),
    (601, "syslog"),
    (636, "LDAP"),
    (989, "FTP"),
    (990, "FTP"),
    (993, "IMAP"),
    (995, "POP3"),
    (1719, "H.323"),
    (1720, "H.323"),
    (1723, "PPTP"),
    (2049, "NFS"),
    (3659, "apple-sasl"),
    (4045, "lockd"),
    (4190, "ManageSieve"),
    (5060, "SIP"),
    (5061, "SIP"),
    (6000, "X11"),
    (6566, "SANE"),
    (6665, "IRC"),
    (6666, "IRC"),
    (6667, "IRC"),
    (6668, "IRC"),
    (6669, "IRC"),
    (6679, "OSAUT"),
    (6697, "IRC"),
    (10080, "Amanda"),
];

/// What is abused by requests that a server was made to send.
const OF_SERVICES: [(u16, &str); 40] = [
    (445, "SMB"),
    (873, "rsync"),
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (2181, "ZooKeeper"),
    (2375, "Docker"),
    (2376, "Docker"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3268, "LDAP"),
    (3269, "LDAP"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (4222, "NATS"),
    (4369, "epmd"),
    (4505, "Salt"),
    (4506, "Salt"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (5984, "CouchDB"),
    (5985, "WinRM"),
    (5986, "WinRM"),
    (6379, "Redis"),
    (7000, "Cassandra"),
    (7001, "Cassandra"),
    (8500, "Consul"),
    (8086, "InfluxDB"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (10250, "the kubelet"),
    (10255, "the kubelet"),
    (11211, "memcached"),
    (15672, "RabbitMQ"),
    (26379, "Redis"),
    (27017, "MongoDB"),
    (27018, "MongoDB"),
    (27019, "MongoDB"),
];

/// Whose port it is, if it is one that is not sent to.
pub(super) fn service(port: u16) -> Option<&'static str> {
    // The ports of nearly all webhooks.
    if matches!(port, 80 | 443) {
        return None;
    }
    let known = OF_FETCH.iter().chain(&OF_SERVICES).find(|(known, _)| *known == port);
    known.map(|(_, service)| *service)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_port_is_there_once_and_none_is_one_that_receivers_or_systems_take() {
        let ports: Vec<u16> = OF_FETCH.iter().chain(&OF_SERVICES).map(|(port, _)| *port).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
        assert!(ports.iter().all(|port| *port < 32_768));
        for port in [80, 443, 3000, 4000, 5000, 8000, 8080, 8081, 8443, 8888, 9000, 40_000] {
            assert_eq!(service(port), None, "{port}");
        }
        for port in [0, 25, 6379, 11_211, 3306, 5432, 9200, 2375, 27_017, 10_250] {
            assert!(service(port).is_some(), "{port}");
        }
    }
}
