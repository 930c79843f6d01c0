//! How much memory a process holds, and of which kind. From `/proc`; elsewhere nothing is known.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Resident memory, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// All of it.
    pub resident_kib: u64,
    /// What belongs to the process alone: heap, stacks, SQLite's page cache. The rest are pages of mapped files, the
    /// executable's above all, which the system takes back when it needs them.
    pub anonymous_kib: u64,
}

impl Memory {
    /// Of a process, now.
    pub fn of_process(id: u32) -> Result<Self> {
        let path = format!("/proc/{id}/status");
        Self::parse(&fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?)
    }

    fn parse(status: &str) -> Result<Self> {
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            number.with_context(|| format!("the system does not say {name}"))
        };
        Ok(Self { resident_kib: of("VmRSS")?, anonymous_kib: of("RssAnon")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_kind() {
        let status = "Name:\tx\nVmRSS:\t   3000 kB\nRssAnon:\t    1000 kB\nRssFile:\t    1990 kB\nRssShmem:\t      10 kB\n";
        let wanted = Memory { resident_kib: 3000, anonymous_kib: 1000 };
        assert_eq!(Memory::parse(status).expect("it is all there"), wanted);
        assert!(Memory::parse("VmRSS:\t 1 kB\n").is_err());
    }
}
