//! Reading what a run left behind.

use std::path::Path;

use anyhow::{Context, Result};

use crate::scanner::{Found, Scanner};

/// What was read, and what was found in it.
#[derive(Debug, Default)]
pub struct Read {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// What was found.
    pub found: Vec<Found>,
}

/// Reads every file below `directory`, but for programs: the functions themselves lie beside their logs.
///
/// # Errors
/// Something can't be read.
pub fn read_logs(scanner: &Scanner, directory: &Path) -> Result<Read> {
    let mut read = Read::default();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let (path, kind) = {
                let entry = entry?;
                (entry.path(), entry.file_type()?)
            };
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                let content = std::fs::read(&path).with_context(|| path.display().to_string())?;
                if !is_program(&content) {
                    read.files += 1;
                    read.bytes += content.len() as u64;
                    read.found.extend(scanner.scan(&path.display().to_string(), &content));
                }
            }
        }
    }
    Ok(read)
}

fn is_program(content: &[u8]) -> bool {
    // ELF, and Mach-O of either width.
    [&b"\x7fELF"[..], b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"].iter().any(|start| content.starts_with(start))
}
