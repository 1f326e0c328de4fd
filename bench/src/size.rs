//! How large the functions' packages are.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use crate::Bench;
use crate::section::{Goal, Section, Table};

/// 3 MB, of a million bytes each: docs/performance.md.
const ZIPPED_BYTES_MAX: u64 = 3_000_000;
/// Where `cargo xtask bench` puts the packages, below the directory of reports.
const PACKAGES: &str = "package";

/// Sizes of one function, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Sizes {
    function: String,
    /// The package as it is deployed, for arm64; none where packages were not built.
    zipped_bytes: Option<u64>,
    /// The program for this machine.
    native_bytes: u64,
    /// The same, deflated.
    native_deflated_bytes: u64,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let mut sizes = Vec::new();
    for function in bench.functions()? {
        let program = bench.programs.join(&function);
        let (native_bytes, native_deflated_bytes) = deflated(&program)?;
        let package = bench.output.join(PACKAGES).join(&function).join("bootstrap.zip");
        let zipped_bytes = package.is_file().then(|| size(&package)).transpose()?;
        sizes.push(Sizes { function, zipped_bytes, native_bytes, native_deflated_bytes });
    }
    Ok(Section {
        title: "Size".to_owned(),
        method: format!(
            "The package is what `cargo xtask package` deploys: built by cargo-lambda for arm64 in the release profile, zipped. \
Beside it the same program for this machine ({}), and that deflated at the highest level. Nothing else is in a package.",
            std::env::consts::ARCH
        ),
        tables: vec![table(&sizes)],
        goals: vec![goal(&sizes)],
        data: serde_json::to_value(&sizes)?,
    })
}

fn size(file: &Path) -> Result<u64> {
    Ok(std::fs::metadata(file).with_context(|| file.display().to_string())?.len())
}

/// The size of a file, and that of its deflated content.
fn deflated(file: &Path) -> Result<(u64, u64)> {
    let bytes =
        std::fs::read(file).with_context(|| format!("{}: run `cargo xtask bench`", file.display()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    Ok((u64::try_from(bytes.len())?, u64::try_from(encoder.finish()?.len())?))
}

fn table(sizes: &[Sizes]) -> Table {
    let columns = ["function", "package, bytes", "native program, bytes", "the same deflated, bytes"];
    let mut table = Table::new("Sizes", &columns);
    for Sizes { function, zipped_bytes, native_bytes, native_deflated_bytes } in sizes {
        table.row([
            function.clone(),
            zipped_bytes.map_or_else(|| "not built".to_owned(), |bytes| bytes.to_string()),
            native_bytes.to_string(),
            native_deflated_bytes.to_string(),
        ]);
    }
    table
}

/// The largest package decides.
fn goal(sizes: &[Sizes]) -> Goal {
    let packages: Option<Vec<(u64, &str)>> =
        sizes.iter().map(|it| Some((it.zipped_bytes?, it.function.as_str()))).collect();
    let largest = packages.and_then(|packages| packages.into_iter().max());
    let found = match largest {
        Some((bytes, function)) => format!("at most {bytes} bytes ({function})"),
        None => "not measured: the packages were not built".to_owned(),
    };
    Goal {
        what: "package of each function".to_owned(),
        wanted: format!("at most {ZIPPED_BYTES_MAX} bytes"),
        found,
        met: largest.is_some_and(|(bytes, _)| bytes <= ZIPPED_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(zipped: &[Option<u64>]) -> Vec<Sizes> {
        let of = |&zipped_bytes: &Option<u64>| Sizes {
            function: "f".to_owned(),
            zipped_bytes,
            native_bytes: 9_000_000,
            native_deflated_bytes: 4_000_000,
        };
        zipped.iter().map(of).collect()
    }

    #[test]
    fn every_package_must_be_built_and_small_enough() {
        let met = |zipped: &[Option<u64>]| goal(&sizes(zipped)).met;
        assert!(met(&[Some(2_000_000), Some(ZIPPED_BYTES_MAX)]));
        assert!(!met(&[Some(2_000_000), Some(ZIPPED_BYTES_MAX + 1)]));
        assert!(!met(&[Some(2_000_000), None]));
        assert!(!met(&[]));
    }

    #[test]
    fn what_repeats_itself_is_deflated() {
        let file = std::env::temp_dir().join(format!("deflated-{}", std::process::id()));
        std::fs::write(&file, vec![7; 100_000]).unwrap();
        let (raw, deflated) = deflated(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(raw, 100_000);
        assert!((1..1_000).contains(&deflated), "{deflated}");
    }
}
