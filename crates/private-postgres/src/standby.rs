//! A second server that has everything the first one has committed.

use std::time::Duration;

use crate::Server;

/// It follows at once.
const LOOKS: u32 = 300;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Server {
    /// Starts a standby of this server, and has this one commit nothing any more that is not on its disk too.
    #[must_use]
    pub fn start_synchronous_standby(&self) -> Self {
        let standby = Self::new(&self.settings);
        let mut copy = standby.programs.command("pg_basebackup");
        copy.args(["--checkpoint=fast", "--no-sync", "--wal-method=stream", "--write-recovery-conf"]);
        copy.args(["--username=postgres", "--host"]).arg(&self.directory).arg("--pgdata").arg(standby.data());
        standby.run(&mut copy);
        standby.start_again();
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("postgres", "SELECT pg_reload_conf()");
        let mut looks = 0;
        let followed =
            "SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'";
        while self.sql("postgres", followed) != "1" {
            looks += 1;
            assert!(looks < LOOKS, "the standby does not follow");
            std::thread::sleep(LOOK_AGAIN);
        }
        standby
    }

    /// Has a standby be the first one from now on, and waits until it is.
    pub fn promote(&self) {
        self.run(
            self.programs
                .command("pg_ctl")
                .args(["promote", "--silent", "--wait", "--pgdata"])
                .arg(self.data()),
        );
    }
}
