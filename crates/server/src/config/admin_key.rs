//! The key with all rights, and where it comes from.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use groundswell_engine::store::vault::exposed_mode;

const MIN_CHARS: usize = 32;

/// More than this is no key.
const MAX_BYTES: u64 = 1024;

/// Flags about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct AdminKeyArgs {
    /// An API key with all rights, for bootstrap and automation; at least 32 characters.
    #[arg(long, env = "GROUNDSWELL_ADMIN_KEY", value_name = "KEY", hide_env_values = true)]
    admin_key: Option<String>,
    /// A file with that key, which its owner alone may read.
    #[arg(long, env = "GROUNDSWELL_ADMIN_KEY_FILE", value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
}

/// The key with all rights. Can neither be printed nor compared but in constant time.
pub struct AdminKey(String);

impl AdminKey {
    /// The key of flags or file, or none. `in_file` is what the TOML file says: the key, and the file it is in.
    pub(super) fn given(
        args: AdminKeyArgs,
        in_file: (Option<String>, Option<PathBuf>),
    ) -> anyhow::Result<Option<Self>> {
        let key = args.admin_key.or(in_file.0).filter(|key| !key.is_empty());
        match (key, args.admin_key_file.or(in_file.1)) {
            (Some(_), Some(path)) => {
                bail!("there is an admin key and a file for it, {}; keep one of them", path.display())
            }
            (Some(key), None) => Self::new(key).map(Some),
            (None, Some(path)) => Self::read(&path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Refuses what could be guessed.
    pub(super) fn new(key: String) -> anyhow::Result<Self> {
        if key.chars().count() < MIN_CHARS {
            bail!(
                "the admin key must have at least {MIN_CHARS} characters, for example from `openssl rand -hex 24`"
            );
        }
        Ok(Self(key))
    }

    /// Whoever can read the file can do everything here, so it must be nobody else's.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot read the admin key file {shown}"))?;
        if let Some(mode) = exposed_mode(&file.metadata()?) {
            bail!(
                "the admin key file {shown} may be read by others than its owner (mode {mode:04o}); run `chmod 600 {shown}`"
            );
        }
        let mut text = String::new();
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read the admin key file {shown}"))?;
        Self::new(text.trim().to_owned()).with_context(|| format!("{shown} has no admin key"))
    }

    /// The key's text, to be hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AdminKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const KEY: &str = "an-admin-key-of-a-test-is-long-enough";

    fn given(key: Option<&str>, file: Option<&Path>) -> anyhow::Result<Option<AdminKey>> {
        let args = AdminKeyArgs { admin_key: key.map(str::to_owned), admin_key_file: None };
        AdminKey::given(args, (None, file.map(Path::to_owned)))
    }

    #[test]
    fn the_key_is_given_or_in_a_file_that_is_its_owners_alone() {
        assert!(given(None, None).expect("needs none").is_none());
        assert!(given(Some(""), None).expect("is none").is_none());
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("admin-key");
        fs::write(&path, format!("{KEY}\n")).expect("a new file");
        let set_mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("is ours");
        set_mode(0o644);
        let said = given(None, Some(&path)).expect_err("others may read it").to_string();
        assert!(said.contains("0644") && said.contains("chmod 600 /"), "{said}");
        set_mode(0o600);
        let key = given(None, Some(&path)).expect("is a key").expect("is given");
        assert_eq!((key.expose(), format!("{key:?}").as_str()), (KEY, "AdminKey(…)"));
        let said = given(Some(KEY), Some(&path)).expect_err("are two").to_string();
        assert!(said.contains("keep one of them") && !said.contains(KEY), "{said}");
        fs::write(&path, "short").expect("is ours");
        assert!(format!("{:#}", given(None, Some(&path)).expect_err("no key")).contains("openssl rand"));
        let missing = given(None, Some(&directory.path().join("none"))).expect_err("is not there");
        assert!(missing.to_string().contains("cannot read the admin key file"), "{missing}");
    }
}
