//! Counting tests by what their runners print: libtest, Playwright, and our own Python script.

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
