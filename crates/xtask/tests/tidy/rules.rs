//! Which words may stand where.

use crate::source::Source;

/// Words that are allowed in some files only.
pub struct Rule {
    /// Any of these in the code, outside comments, is an occurrence.
    pub words: &'static [&'static str],
    /// Where they are allowed: files, or directories that end in `/`.
    pub allowed: &'static [&'static str],
    /// Whether tests may do it anyway.
    pub tests_may: bool,
}

/// Everything else goes through the store's methods, so that both databases keep the same promises.
pub const SQLX: Rule = Rule {
    words: &["sqlx", "rusqlite"],
    allowed: &[
        "Cargo.toml",
        "crates/engine/Cargo.toml",
        "crates/engine/build.rs",
        "crates/engine/src/store.rs",
        "crates/engine/src/store/",
        // What a server that has ended left behind is looked at from outside, and raw SQLite is a baseline.
        "crates/bench/",
        // What a power cut left behind is looked at with eyes other than the engine's.
        "crates/faults/",
        // What an earlier version left is prepared for the upgrade without the version that is tested.
        "crates/server/Cargo.toml",
        "crates/server/tests/it/upgrade.rs",
        "crates/server/tests/it/upgrade/",
        // What was copied is looked at with eyes other than the engine's.
        "crates/server/tests/it/cli/copy.rs",
        // A table that cannot be written is made so from outside.
        "crates/server/tests/it/mail.rs",
        // Days pass.
        "crates/server/tests/it/passing_time.rs",
        // Nobody reads the letters that would ask whose an address is.
        "crates/server/tests/it/who_may/ground.rs",
        "crates/xtask/tests/tidy/",
    ],
    tests_may: false,
};

/// The workspace's lints forbid it; the crate that cannot take them over must not spread it.
pub const UNSAFE: Rule = Rule {
    words: &["unsafe {", "unsafe fn", "unsafe extern", "unsafe impl", "expect(unsafe_code"],
    allowed: &["crates/faults/src/vfs.rs", "crates/xtask/tests/tidy/"],
    tests_may: false,
};

/// The browser half finds a field by the one name it has, and would not know an alias.
pub const ALIAS: Rule =
    Rule { words: &["alias = \""], allowed: &["crates/xtask/tests/tidy/"], tests_may: true };

/// Durations count as well: what measures them with its own clock cannot be tested without waiting.
pub const NOW: Rule = Rule {
    words: &[
        "SystemTime::now",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "OffsetDateTime::now",
        "UNIX_EPOCH.elapsed",
    ],
    // Examples are whole programs of somebody else's.
    allowed: &["crates/engine/src/clock.rs", "crates/xtask/", "examples/"],
    tests_may: true,
};

/// `option_env!` and `env!` are read by the compiler and therefore not meant.
pub const ENVIRONMENT: Rule = Rule {
    words: &["env::var", "env::set_var", "env::remove_var", "env::args", "var_os(", "dotenv"],
    allowed: &[
        "crates/server/src/config.rs",
        "crates/server/src/config/",
        "crates/xtask/",
        // How Cargo talks to a build script.
        "crates/app/build.rs",
        // Whole programs of somebody else's.
        "examples/",
    ],
    tests_may: true,
};

impl Rule {
    /// Whether this rule says nothing about that file.
    pub fn exempts(&self, source: &Source) -> bool {
        let allows = |allowed: &str| match allowed.strip_suffix('/') {
            Some(_) => source.name.starts_with(allowed),
            None => source.name == allowed,
        };
        self.allowed.iter().any(|allowed| allows(allowed)) || (self.tests_may && source.is_test())
    }
}
