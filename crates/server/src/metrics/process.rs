//! What the process takes of the machine, and what its runtime is doing. Linux says the former in files; elsewhere it is
//! left out.

use std::fmt;
use std::fs;

use tokio::runtime::Handle;

use super::collect::{count, number};
use super::put::Put;

/// What was found; what is not known is not shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    cpu_ms: Option<u64>,
    resident_bytes: Option<i64>,
    open_files: Option<usize>,
    max_open_files: Option<i64>,
    tasks: usize,
    workers: usize,
}

impl Process {
    /// As it is now. Reads a handful of files that are not on any disk.
    pub fn now() -> Self {
        let runtime = Handle::current();
        let metrics = runtime.metrics();
        let page_bytes = i64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let pages = fs::read_to_string("/proc/self/statm").ok();
        let pages = pages.as_deref().and_then(|text| text.split(' ').nth(1)?.parse::<i64>().ok());
        Self {
            cpu_ms: fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_ms(&stat)),
            resident_bytes: pages.map(|pages| pages.saturating_mul(page_bytes)),
            open_files: fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
            max_open_files: rustix::process::getrlimit(rustix::process::Resource::Nofile)
                .current
                .and_then(|limit| i64::try_from(limit).ok()),
            tasks: metrics.num_alive_tasks(),
            workers: metrics.num_workers(),
        }
    }
}

/// The time spent in the process and for it, from `/proc/self/stat` (proc(5)): the 14th and 15th field, in clock ticks. The
/// 2nd is the program's name in parentheses, which may have spaces in it.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut fields = behind_name.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

/// Shows it. The names are those of Prometheus' own clients, behind our prefix.
pub fn put(put: &mut Put<'_>, process: &Process) -> fmt::Result {
    let Process { cpu_ms, resident_bytes, open_files, max_open_files, tasks, workers } = *process;
    if let Some(cpu_ms) = cpu_ms.and_then(|ms| i64::try_from(ms).ok()) {
        put.seconds(("process_cpu_seconds", "Processor time of the process."), number(cpu_ms) / 1_000.0)?;
    }
    if let Some(bytes) = resident_bytes {
        put.gauge(("process_resident_memory_bytes", "Memory of the process."), number(bytes))?;
    }
    if let Some(files) = open_files {
        put.gauge(("process_open_fds", "Open files and connections."), count(files))?;
    }
    if let Some(files) = max_open_files {
        put.gauge(("process_max_fds", "Files and connections that may be open."), number(files))?;
    }
    put.gauge(("runtime_tasks", "Tasks that have not ended."), count(tasks))?;
    put.gauge(("runtime_workers", "Threads that run tasks."), count(workers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_whatever_the_program_is_called() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 2000 0 1 0 250 50 0 0 20 0 9 0 100 5000 300";
        assert_eq!(cpu_ms(stat), Some(300 * 1_000 / rustix::param::clock_ticks_per_second()));
        assert_eq!(cpu_ms("7 (a"), None);
    }
}
