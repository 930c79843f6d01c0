//! What failing tests printed, held back so that the end of a run can say it again: until then thousands of lines have
//! gone by, and whoever reads a CI's output may have its end alone.

/// Lines of one failure that are repeated at most.
const OF_ONE: usize = 30;

/// Lines of all failures of a stage that are repeated at most.
const OF_ALL: usize = 300;

/// Lines of one failure that are said in short, and their characters.
const IN_SHORT: usize = 4;
const WIDTH: usize = 160;

/// Collects the reports of failing tests from what their runners print: libtest, Playwright, Node, Schemathesis, and our own
/// script.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Failures {
    lines: Vec<String>,
    /// Where in these lines a report begins.
    beginnings: Vec<usize>,
    /// Lines that the report which is being read may still have.
    left: usize,
}

impl Failures {
    /// Takes in one line of output.
    pub fn see(&mut self, line: &str) {
        let line = line.trim_end();
        if ends(line) {
            self.left = 0;
        }
        if begins(line) {
            self.left = OF_ONE;
            self.beginnings.push(self.lines.len());
        } else if is_whole(line) {
            self.left = self.left.max(1);
        }
        if self.left > 0 && self.lines.len() < OF_ALL && !line.is_empty() {
            self.lines.push(line.to_owned());
        }
        self.left = self.left.saturating_sub(1);
    }

    /// The reports, line by line.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What each report begins with.
    pub fn in_short(&self) -> impl Iterator<Item = String> {
        let ends = self.beginnings.iter().skip(1).copied().chain([self.lines.len()]);
        self.beginnings
            .iter()
            .zip(ends)
            .flat_map(|(begin, end)| self.lines.get(*begin..end).unwrap_or_default().iter().take(IN_SHORT))
            .map(|line| line.trim_start().chars().take(WIDTH).collect())
    }
}

/// Whether a failure's report begins.
fn begins(line: &str) -> bool {
    // libtest: `---- module::test stdout ----`
    let of_libtest = line.starts_with("---- ") && line.ends_with(" stdout ----");
    // Playwright: `  1) tests/a.spec.mjs:3:1 › a`
    let of_playwright = line.trim_start().split_once(") ").is_some_and(|(number, rest)| {
        number.parse::<u32>().is_ok() && rest.contains(".spec.mjs:") && rest.contains(" › ")
    });
    // Node: `✖ failing tests:`, and then each
    // Schemathesis: `____ GET /v2/campaigns ____`
    let of_schemathesis = line.starts_with("____") && line.ends_with("____") && line.contains(' ');
    of_libtest || of_playwright || of_schemathesis || line == "✖ failing tests:"
}

/// Whether it is all of a failure's report.
fn is_whole(line: &str) -> bool {
    // libtest: `test module::test ... FAILED`; the Python script: `FAILED  Case: name (0.1 s)`
    (line.starts_with("test ") && line.ends_with(" ... FAILED")) || line.starts_with("FAILED  ")
}

/// Whether what follows belongs to no report any more.
fn ends(line: &str) -> bool {
    // libtest: `failures:` and their names once more; Playwright: `  1 failed` and their names
    let of_playwright = line.trim_start().split_once(' ').is_some_and(|(number, what)| {
        number.parse::<u32>().is_ok() && (what == "failed" || what.starts_with("passed ("))
    });
    // Schemathesis: `==== SUMMARY ====`
    let of_schemathesis = line.starts_with("====") && line.ends_with("====");
    line == "failures:" || of_playwright || of_schemathesis
}

#[cfg(test)]
mod tests {
    use super::{Failures, OF_ALL, OF_ONE, WIDTH};

    fn seen(lines: &[&str]) -> Vec<String> {
        let mut failures = Failures::default();
        for line in lines {
            failures.see(line);
        }
        failures.lines().to_vec()
    }

    #[test]
    fn libtest_says_which_and_why() {
        let printed = [
            "running 2 tests",
            "test a::works ... ok",
            "test a::breaks ... FAILED",
            "",
            "failures:",
            "",
            "---- a::breaks stdout ----",
            "thread 'a::breaks' panicked at a.rs:3:5:",
            "left is not right",
            "",
            "",
            "failures:",
            "    a::breaks",
            "",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
        ];
        assert_eq!(seen(&printed), [printed[2], printed[6], printed[7], printed[8]]);
    }

    #[test]
    fn playwright_says_which_and_why() {
        let printed = [
            "  ✓    1 tests/a.spec.mjs:3:1 › works (1.2s)",
            "  ✘    2 tests/a.spec.mjs:9:1 › breaks (15.2s)",
            "",
            "  1) tests/a.spec.mjs:9:1 › breaks ────",
            "",
            "    Error: expect(locator).toBeVisible() failed",
            "",
            "  1 failed",
            "    tests/a.spec.mjs:9:1 › breaks ────",
            "  1 passed (17.0s)",
        ];
        assert_eq!(seen(&printed), [printed[3], printed[5]]);
    }

    #[test]
    fn node_and_the_script_say_which() {
        let printed = ["✖ failing tests:", "", "test at a.test.mjs:1:1", "✖ breaks (1.2ms)", "  Error: no"];
        assert_eq!(seen(&printed), [printed[0], printed[2], printed[3], printed[4]]);
        assert_eq!(seen(&["ok  A: b (0.1 s)", "FAILED  A: c (0.1 s)", "more"]), ["FAILED  A: c (0.1 s)"]);
    }

    #[test]
    fn schemathesis_says_which_and_why() {
        let printed = [
            "=================================== FAILURES ===================================",
            "____________________________ GET /v2/campaigns ____________________________",
            "1. Test Case ID: mPQiHd",
            "",
            "- Undocumented HTTP status code",
            "=================================== SUMMARY ====================================",
            "API Operations:",
        ];
        assert_eq!(seen(&printed), [printed[1], printed[2], printed[4]]);
    }

    #[test]
    fn each_is_said_in_short() {
        let mut failures = Failures::default();
        for name in ["a", "b"] {
            failures.see(&format!("---- {name} stdout ----"));
            for line in ["  thread panicked", "", &"x".repeat(1_000), "more", "and more"] {
                failures.see(line);
            }
        }
        let x = "x".repeat(WIDTH);
        let of = |name: &str| {
            [&format!("---- {name} stdout ----"), "thread panicked", &x, "more"].map(str::to_owned)
        };
        assert_eq!(failures.in_short().collect::<Vec<_>>(), [of("a"), of("b")].concat());
    }

    #[test]
    fn what_passes_says_nothing() {
        let printed = [
            "test a::works ... ok",
            "  12 passed (3.4s)",
            "ℹ fail 0",
            "FAILED to find, as it should",
            "____________",
            "============================= 1 warning in 227.20s =============================",
        ];
        assert_eq!(seen(&printed), Vec::<String>::new());
    }

    #[test]
    fn no_failure_takes_the_whole_screen() {
        let mut failures = Failures::default();
        for number in 0..100 {
            failures.see(&format!("---- a::b{number} stdout ----"));
            for _ in 0..1_000 {
                failures.see("again");
            }
            assert!(failures.lines().len() <= OF_ONE * (number + 1));
        }
        assert_eq!(failures.lines().len(), OF_ALL);
    }
}
