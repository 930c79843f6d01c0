//! What speaks TLS on this machine shows a certificate that nobody trusts who is not told to.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// A certificate for this machine, and the authority that it is from.
pub struct Certificates {
    directory: TempDir,
}

impl Certificates {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut authority = CertificateParams::new(Vec::new()).expect("good parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new(["127.0.0.1".to_owned()]).expect("good parameters");
        let own = own.signed_by(&key, &authority).expect("a certificate");
        let write = |name: &str, text: String| {
            std::fs::write(directory.path().join(name), text).expect("is written");
        };
        write("authority.pem", authority.pem());
        write("certificate.pem", own.pem());
        write("key.pem", key.serialize_pem());
        Self { directory }
    }

    /// Where `authority.pem`, `certificate.pem` and `key.pem` are.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
