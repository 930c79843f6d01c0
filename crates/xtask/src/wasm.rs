//! The browser half: compiled by Cargo in a target directory of its own, turned into JavaScript and wasm
//! by wasm-bindgen as a library (so that its version is the lock file's, and nothing needs installing),
//! and in release builds shrunk by binaryen's `wasm-opt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use walrus::{FunctionBuilder, FunctionKind, Module, ModuleConfig};
use wasm_bindgen_cli_support::Bindgen;

use crate::process;
use crate::setup::{self, WasmSource, rust_target};
use crate::stamps::{Stamp, fingerprint};
use crate::workspace::{Profile, Workspace};

mod names;
mod order;
mod reach;

/// What rustc emits for wasm32 today and wasm-opt therefore has to accept; all browsers since 2023 do.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// What wasm-bindgen generated, before names get hashes.
pub struct Package {
    /// Holds `<output-name>.js`, `<output-name>_bg.wasm` and perhaps `snippets/`.
    pub directory: PathBuf,
}

/// `cargo <subcommand>` for wasm32, whichever compiler was set up.
pub fn cargo(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    let mut cargo = match setup::wasm_source(workspace)? {
        WasmSource::Toolchain => workspace.cargo(),
        WasmSource::Debian => debian_cargo(workspace, subcommand),
    };
    cargo.arg(subcommand).args(["--target", rust_target()]);
    cargo.env("CARGO_TARGET_DIR", target_directory(workspace));
    if setup::wasm_source(workspace)? == WasmSource::Debian {
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    Ok(cargo)
}

fn debian_cargo(workspace: &Workspace, subcommand: &str) -> Command {
    // `cargo clippy` would look into ~/.cargo/bin first and find rustup's.
    let program = if subcommand == "clippy" { "/usr/bin/cargo-clippy" } else { "/usr/bin/cargo" };
    let mut cargo = process::command(program);
    let path = process::variable("PATH").unwrap_or_default();
    cargo.current_dir(&workspace.root);
    cargo.env_remove("RUSTUP_TOOLCHAIN").env("PATH", format!("/usr/bin:{path}"));
    cargo.env("CARGO", "/usr/bin/cargo").env("RUSTC", "/usr/bin/rustc");
    // A released compiler accepts -Z only with this; Debian's is the only one at hand here.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "/usr/bin/wasm-ld");
    cargo
}

/// Apart from the server's, so that neither waits for the other's lock.
pub fn target_directory(workspace: &Workspace) -> PathBuf {
    workspace.target.join("wasm")
}

/// Compiles the browser half and generates its JavaScript, as far as anything changed.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<Package> {
    let compiled = compile(workspace, profile)?;
    let directory = workspace.cache().join(format!("pkg-{}", profile.directory()));
    let stamp = Stamp::of(workspace, &format!("pkg-{}", profile.directory()));
    let inputs = fingerprint(&[
        compiled.clone(),
        std::env::current_exe()?,
        workspace.node_package().join("package-lock.json"),
    ])?;
    if stamp.read::<String>().is_some_and(|done| done == inputs) {
        return Ok(Package { directory });
    }
    stamp.forget();
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    generate(workspace, profile, &compiled, &directory)?;
    if profile == Profile::Release {
        shrink(workspace, &directory)?;
    }
    stamp.write(&inputs)?;
    Ok(Package { directory })
}

/// Cargo itself knows best whether a source file, a feature or the compiler changed.
fn compile(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let package = &workspace.site.lib_package;
    let mut cargo = cargo(workspace, "rustc")?;
    cargo.args(["--package", package, "--profile", profile.wasm_profile(), "--lib"]);
    if profile == Profile::Release {
        cargo.args(["--", "-Clink-arg=--emit-relocs"]);
    }
    process::stream(&mut cargo).context("the browser half does not compile")?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_directory(workspace).join(rust_target()).join(profile.wasm_profile()).join(name))
}

fn generate(workspace: &Workspace, profile: Profile, compiled: &Path, directory: &Path) -> Result<()> {
    let name = &workspace.site.output_name;
    let mut bindgen = Bindgen::new();
    match profile {
        Profile::Release => bindgen.input_bytes(name, cut(compiled)?),
        Profile::Debug => bindgen.input_path(compiled),
    };
    bindgen
        .web(true)?
        .typescript(false)
        .out_name(name)
        .generate(directory)
        .context("wasm-bindgen cannot read what was compiled; its version has to be wasm-bindgen's")
}

/// The compiled module with nothing in the functions that are never called ([`names::is_never_called`]), nothing but a trap in
/// those that say why the program cannot go on ([`names::is_panic`]), and nothing of what they alone reach. Leptos keeps
/// the former in tables, so that no optimiser can see that they are never called, nor all that they alone call. The stage
/// `release-site` of the tests would find one that is called all the same: it traps.
fn cut(compiled: &Path) -> Result<Vec<u8>> {
    let mut bytes = fs::read(compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    let unreached = reach::unreached(&bytes, |name| names::is_never_called(name) || names::is_panic(name))?;
    if let Some((first, others)) = unreached.places.split_first() {
        let place = bytes[first.clone()].to_vec();
        for other in others {
            bytes[other.clone()].copy_from_slice(&place);
        }
    }
    // What LLVM wrote need not be checked.
    let mut module = ModuleConfig::new().strict_validate(false).parse(&bytes)?;
    let Module { funcs, types, locals, data, customs, .. } = &mut module;
    // They stand in the order of their indices.
    let ids: Vec<_> = funcs.iter().map(walrus::Function::id).collect();
    for index in &unreached.functions {
        let function = funcs.get_mut(ids[*index as usize]);
        if let FunctionKind::Local(local) = &function.kind {
            let (parameters, results) = types.params_results(local.ty());
            let (parameters, results) = (parameters.to_vec(), results.to_vec());
            let mut builder = FunctionBuilder::new(types, &parameters, &results);
            builder.func_body().unreachable();
            let arguments = parameters.iter().map(|one| locals.add(*one)).collect();
            function.kind = FunctionKind::Local(builder.local_func(arguments));
        }
    }
    // wasm-opt leaves out what is zero, as memory is at first.
    let segments: Vec<_> = data.iter().map(walrus::Data::id).collect();
    for (segment, range) in unreached.data {
        data.get_mut(segments[segment]).value[range].fill(0);
    }
    let of_linker: Vec<_> = customs.iter().map(|(_, section)| section.name().to_owned()).collect();
    for name in of_linker.iter().filter(|name| *name == "linking" || name.starts_with("reloc.")) {
        customs.remove_raw(name);
    }
    Ok(module.emit_wasm())
}

fn shrink(workspace: &Workspace, directory: &Path) -> Result<()> {
    let wasm_opt = workspace.node_package().join("node_modules/.bin/wasm-opt");
    if !wasm_opt.exists() {
        bail!("{} is missing: run `cargo xtask setup`", workspace.relative(&wasm_opt).display());
    }
    let wasm = directory.join(format!("{}_bg.wasm", workspace.site.output_name));
    let run = |passes: &[&str]| {
        let mut command = process::command(&wasm_opt);
        command.args(passes).args(WASM_FEATURES).arg(&wasm).arg("-o").arg(&wasm);
        process::stream(&mut command)
    };
    println!("build: shrinking the wasm file with wasm-opt");
    // Again and again, as long as it finds something. The names stay until the functions are sorted by them. A function that
    // is called in one place stays apart: it is like others, and then compresses to a tenth of what it weighs in its caller.
    run(&["-Oz", "--converge", "--one-caller-inline-max-function-size=0", "--debuginfo"])?;
    // What is most alike then stands together.
    fs::write(&wasm, order::named_by_kind_and_size(&fs::read(&wasm)?)?)?;
    run(&["--reorder-functions-by-name", "--strip-debug", "--strip-producers"])
}
