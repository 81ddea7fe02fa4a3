//! Fills `corpus/` from the fixtures and prints the targets, one a line: name, binary, corpus. The formats are those of
//! the registry; a fixture belongs to the format that its content says.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use profkit_formats::container::peel;
use profkit_formats::{DEFAULT_MAX_SIZE, FORMATS, detect};

/// Larger files make the fuzzer slow and add nothing that smaller ones do not have.
const LARGEST: usize = 8 << 10;

/// Targets beside those of the formats: name, binary, and the corpus they share or own.
const MORE: &[(&str, &str, &str)] = &[
    ("container", "container", "container"),
    ("pprof-prost", "pprof_prost", "pprof"),
    ("pstats-cpython", "pstats_cpython", "pstats"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus");
    let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
    for path in fixtures(&root.join("../fixtures"))? {
        let bytes = fs::read(&path)?;
        let name = path.file_name().unwrap_or_default();
        let mut keep = |folder: &'static str, bytes: &[u8]| -> Result<(), Box<dyn Error>> {
            if bytes.len() > LARGEST {
                return Ok(());
            }
            let folder_path = corpus.join(folder);
            fs::create_dir_all(&folder_path)?;
            fs::write(folder_path.join(name), bytes)?;
            *seeds.entry(folder).or_default() += 1;
            Ok(())
        };
        keep("container", &bytes)?;
        let Ok((inside, _)) = peel(bytes, DEFAULT_MAX_SIZE) else { continue };
        if let Ok(format) = detect(&inside) {
            keep(format.name(), &inside)?;
        }
    }
    let formats = FORMATS.iter().map(|format| (format.name(), "format", format.name()));
    for (name, binary, corpus) in formats.chain(MORE.iter().copied()) {
        if !seeds.contains_key(corpus) {
            return Err(format!("no fixture of {corpus} is small enough to be a seed").into());
        }
        println!("{name}\t{binary}\t{corpus}");
    }
    Ok(())
}

/// Every profile below `folder`, but not what makes them.
fn fixtures(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("make") {
            found.extend(fixtures(&path)?);
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
