//! Reads the catalogue, refuses one that is not complete, and writes the functions that give its texts.

use std::path::Path;
use std::{env, fs};

use groundswell_catalogue::Catalogue;

fn main() {
    println!("cargo:rerun-if-changed=../../catalogue");
    let catalogue = match Catalogue::read(Path::new("../../catalogue")) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            return;
        }
    };
    #[expect(clippy::disallowed_methods, reason = "this is how Cargo talks to build scripts")]
    let directory = env::var_os("OUT_DIR").expect("Cargo sets it for build scripts");
    fs::write(Path::new(&directory).join("texts.rs"), catalogue.generate()).expect("OUT_DIR can be written");
}
