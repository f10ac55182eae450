//! Gathers the dashboard's files for embedding: `$ALGOTRADE_WEB_DIST`, or `web/dist` if it has been
//! built, else a page that says how to build it.
#![allow(clippy::print_stdout, reason = "the way to talk to cargo")]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const VARIABLE: &str = "ALGOTRADE_WEB_DIST";

/// No inline style: the policy that the page is served with forbids it.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
    <title>AlgoTrade</title></head>\n<body>\n<h1>AlgoTrade is running</h1>\n\
    <p>This build has no dashboard in it. Build the page with <code>make web</code>, then build \
    again.</p>\n<p>The API is described in <a href=\"/openapi.json\">/openapi.json</a>.</p>\n\
    </body>\n</html>\n";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=migrations");
    let source = env::var_os(VARIABLE).map_or_else(|| PathBuf::from("web/dist"), PathBuf::from);
    // While the directory is missing, cargo runs this script each time: that is how it notices
    // that the page was built.
    println!("cargo::rerun-if-changed={}", source.display());
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets no OUT_DIR"))?;
    let target = Path::new(&out).join("web");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    fs::create_dir_all(&target)?;
    if source.join("index.html").is_file() {
        return copy(&source, &target);
    }
    if env::var_os(VARIABLE).is_some() {
        let message = format!("{VARIABLE}: no index.html in {}", source.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    fs::write(target.join("index.html"), NOT_BUILT)
}

fn copy(source: &Path, target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let into = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&into)?;
            copy(&entry.path(), &into)?;
        } else {
            fs::copy(entry.path(), &into)?;
        }
    }
    Ok(())
}
