//! Counting tests by what their runners print: libtest, Playwright, Node, and our own Python script.

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Count {
    /// Takes in one line of output, if it is a summary.
    pub fn see(&mut self, line: &str) {
        let line = line.trim();
        // Node, a line each: `ℹ pass 12`, or `# pass 12` as TAP
        if let Some(summary) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
            self.add_of_node(summary);
            return;
        }
        // libtest: `test result: ok. 12 passed; 0 failed; 0 ignored; …`
        // the Python script: `12 passed, 0 failed`
        // Playwright, a line each: `12 passed (3.4s)`, `1 failed`, `1 flaky`, `2 did not run`
        let summary = match line.strip_prefix("test result: ") {
            Some(rest) => rest.split_once(". ").map_or(rest, |(_, counts)| counts),
            None => line,
        };
        for part in summary.split([';', ',']) {
            self.add(part.trim());
        }
    }

    fn add(&mut self, part: &str) {
        let Some((number, what)) = part.split_once(' ') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        let what = what.split_once(" (").map_or(what, |(what, _)| what);
        match what {
            "passed" => self.passed += number,
            // A test that passes only when repeated has not shown what it is there to show.
            "failed" | "flaky" | "did not run" | "interrupted" => self.failed += number,
            _ => {}
        }
    }

    /// Node says first what, and then how many; a test is in one of these numbers only.
    fn add_of_node(&mut self, summary: &str) {
        let Some((what, number)) = summary.split_once(' ') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        match what {
            "pass" => self.passed += number,
            // Here nothing is skipped: what a test needs and does not find is a failure.
            "fail" | "cancelled" | "skipped" | "todo" => self.failed += number,
            _ => {}
        }
    }

    /// Ends a stage: one that printed no counts is a single test, and a failure is never lost.
    pub fn close(&mut self, succeeded: bool) {
        if !succeeded && self.failed == 0 {
            self.failed = 1;
        } else if succeeded && *self == Self::default() {
            self.passed = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    fn count(lines: &[&str]) -> Count {
        let mut count = Count::default();
        for line in lines {
            count.see(line);
        }
        count
    }

    #[test]
    fn libtest_summaries_add_up() {
        let seen = count(&[
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ]);
        assert_eq!(seen, Count { passed: 4, failed: 2 });
    }

    #[test]
    fn playwright_counts_flaky_tests_as_failed() {
        let seen =
            count(&["  1 failed", "    [chromium] › a.spec.ts:3:1 › a", "  1 flaky", "  12 passed (3.4s)"]);
        assert_eq!(seen, Count { passed: 12, failed: 2 });
    }

    #[test]
    fn node_counts_what_was_skipped_as_failed() {
        let spec = [
            "▶ node-plain",
            "  ✔ takes what the server sends (12.3ms)",
            "ℹ tests 15",
            "ℹ suites 0",
            "ℹ pass 10",
            "ℹ fail 2",
            "ℹ cancelled 1",
            "ℹ skipped 1",
            "ℹ todo 1",
            "ℹ duration_ms 154.2",
        ];
        assert_eq!(count(&spec), Count { passed: 10, failed: 5 });
        let tap = ["TAP version 13", "# tests 3", "# suites 1", "# pass 2", "# fail 1", "# cancelled 0"];
        assert_eq!(count(&tap), Count { passed: 2, failed: 1 });
    }

    #[test]
    fn a_file_of_node_that_fails_to_load_is_a_failure() {
        assert_eq!(count(&["ℹ tests 1", "ℹ pass 0", "ℹ fail 1"]), Count { passed: 0, failed: 1 });
    }

    #[test]
    fn what_a_program_under_test_prints_is_no_summary() {
        let printed = ["event=PASS id=1", "# pass", "# passed 3", "ℹ pass the salt", "pass 3"];
        assert_eq!(count(&printed), Count::default());
    }

    #[test]
    fn the_closing_line_of_a_script_counts() {
        assert_eq!(count(&["7 passed, 1 failed"]), Count { passed: 7, failed: 1 });
    }

    #[test]
    fn a_stage_without_counts_is_one_test() {
        let mut built = Count::default();
        built.close(true);
        assert_eq!(built, Count { passed: 1, failed: 0 });
        let mut broken = Count { passed: 3, failed: 0 };
        broken.close(false);
        assert_eq!(broken, Count { passed: 3, failed: 1 });
    }
}
