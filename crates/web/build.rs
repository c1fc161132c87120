//! Embeds the console where it was built (`npm ci && npm run build` in `console`): writes a list of
//! its files for `src/console.rs`. Without them the list is empty and nothing else changes, so that
//! `cargo build` needs no Node.

use std::ffi::OsStr;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // `dist/.keep` is committed: cargo would build anew each time if it watched what is not there.
    println!("cargo::rerun-if-changed=console/dist");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("console/dist");
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let mut list = String::from("pub(super) const FILES: &[super::File] = &[\n");
    for file in &files {
        let entry = entry(&dist, file)?;
        writeln!(list, "    {entry},").map_err(io::Error::other)?;
    }
    list.push_str("];\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    fs::write(Path::new(&out).join("console.rs"), list)
}

/// Every file below, but for hidden ones.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if !hidden(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn hidden(path: &Path) -> bool {
    path.file_name()
        .and_then(OsStr::to_str)
        .is_none_or(|name| name.starts_with('.'))
}

fn entry(dist: &Path, file: &Path) -> io::Result<String> {
    let below = file.strip_prefix(dist).map_err(io::Error::other)?;
    let parts: Vec<_> = below.iter().map(OsStr::to_string_lossy).collect();
    let path = format!("/{}", parts.join("/"));
    let mut hasher = DefaultHasher::new();
    fs::read(file)?.hash(&mut hasher);
    let etag = format!("{:016x}", hasher.finish());
    Ok(format!(
        "super::File {{ path: {path:?}, etag: {etag:?}, bytes: include_bytes!({file:?}) }}"
    ))
}
