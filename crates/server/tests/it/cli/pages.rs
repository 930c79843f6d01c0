//! Help, completions and the manual.

use super::{run, run_with};

const COMMANDS: [&[&str]; 15] = [
    &[],
    &["serve"],
    &["migrate"],
    &["check-config"],
    &["doctor"],
    &["trigger"],
    &["listen"],
    &["deliveries"],
    &["deliveries", "list"],
    &["deliveries", "show"],
    &["deliveries", "resend"],
    &["verify"],
    &["health"],
    &["completions"],
    &["man"],
];

#[test]
fn help_says_what_each_command_does() {
    let help = |command: &&[&str]| {
        let arguments = [command, &["-h"][..]].concat();
        format!("$ groundswell {}\n{}", arguments.join(" "), run(&arguments, &[]).ok())
    };
    insta::assert_snapshot!("help", COMMANDS.iter().map(help).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_version_is_said() {
    assert_eq!(run(&["--version"], &[]).ok(), format!("groundswell {}\n", env!("CARGO_PKG_VERSION")));
}

/// The shells are installed by set-up.
#[test]
fn every_shell_can_read_its_completions() {
    for (shell, option) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = run(&["completions", shell], &[]).ok();
        for word in ["check-config", "forward-to", "resend"] {
            assert!(script.contains(word), "no {word} for {shell}");
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("groundswell");
        std::fs::write(&file, script).expect("a new file");
        let read = std::process::Command::new(shell).arg(option).arg(&file).output();
        let read = read.unwrap_or_else(|error| panic!("{shell}: {error}; `cargo xtask setup` installs it"));
        assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
    }
    let ran = run_with(b"", &["completions", "tcsh"]);
    assert!(ran.err.contains("[possible values: bash, "), "{}", ran.err);
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let page = run(&["man"], &[]).ok();
    assert!(page.contains(".TH groundswell 1") && page.contains("check\\-config"), "{page}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("man1");
    run(&["man", "--dir", path.to_str().expect("a plain path")], &[]).ok();
    for name in ["groundswell", "groundswell-serve", "groundswell-listen", "groundswell-deliveries-resend"] {
        let page = std::fs::read_to_string(path.join(format!("{name}.1"))).expect(name);
        assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    run(&["man", "--dir", "/dev/null/man"], &[]).fails_saying(&["cannot be written", "--dir"]);
}
