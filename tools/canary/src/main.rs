//! `canary <directory> <files> <bytes>`: reads the logs below a directory, at least so many files and bytes of them, and
//! fails if a canary is in any.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use canary::{CANARIES, Scanner, read_logs};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("canary: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, files_min, bytes_min] = arguments.as_slice() else {
        anyhow::bail!("usage: canary <directory> <least files> <least bytes>");
    };
    let (files_min, bytes_min): (u64, u64) =
        (files_min.parse().context("least files")?, bytes_min.parse().context("least bytes")?);
    let read = read_logs(&Scanner::new(CANARIES)?, Path::new(directory))?;
    for found in &read.found {
        println!("{found}");
    }
    let (files, bytes) = (read.files, read.bytes);
    println!("{} canaries, {files} files, {bytes} bytes read, {} found", CANARIES.len(), read.found.len());
    // A search that reads nothing finds nothing.
    ensure!(files >= files_min, "only {files} files were there to read, of at least {files_min}");
    ensure!(bytes >= bytes_min, "only {bytes} bytes were there to read, of at least {bytes_min}");
    Ok(if read.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
