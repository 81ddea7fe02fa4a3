//! Reading, writing and making files.

use std::path::{Path, PathBuf};

use prost::Message;

use profkit_format_pprof::{Pprof, proto};
use profkit_profile::{Format, Input, Profile, ProfileBuilder, ReadError, WriteError, WriteOptions, Written};

pub(crate) fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Pprof.read(&Input::new(bytes), &mut builder)?;
    Ok(builder.finish().expect("what the reader builds holds together"))
}

pub(crate) fn try_write(profile: &Profile) -> Result<(Vec<u8>, Written), WriteError> {
    let mut bytes = Vec::new();
    let written = Pprof.write(profile, &mut bytes, &WriteOptions::default())?;
    Ok((bytes, written))
}

pub(crate) fn write(profile: &Profile) -> Vec<u8> {
    try_write(profile).unwrap().0
}

pub(crate) fn decode(bytes: &[u8]) -> proto::Profile {
    proto::Profile::decode(bytes).unwrap()
}

/// Every file below `fixtures/<folder>`, with its bytes out of their container.
pub(crate) fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no fixtures in {}", root.display());
    let named = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (named(path), unpack(&std::fs::read(path).unwrap()))).collect()
}

fn unpack(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    match bytes {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).unwrap(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            ruzstd::decoding::StreamingDecoder::new(bytes).unwrap().read_to_end(&mut out).unwrap()
        }
        _ => return bytes.to_vec(),
    };
    out
}

/// A small file: `main` at line 3 calls `work` at line 7, one sample of 5.
pub(crate) fn small() -> proto::Profile {
    proto::Profile {
        sample_type: vec![proto::ValueType { r#type: 1, unit: 2 }],
        sample: vec![proto::Sample { location_id: vec![2, 1], value: vec![5], label: vec![] }],
        location: vec![location(1, &[(1, 3)]), location(2, &[(2, 7)])],
        function: vec![function(1, 3), function(2, 4)],
        string_table: strings(&["", "cpu", "nanoseconds", "main", "work"]),
        ..Default::default()
    }
}

pub(crate) fn strings(strings: &[&str]) -> Vec<Vec<u8>> {
    strings.iter().map(|string| string.as_bytes().to_vec()).collect()
}

/// A location with these functions and lines.
pub(crate) fn location(id: u64, lines: &[(u64, i64)]) -> proto::Location {
    let line = |&(function_id, line)| proto::Line { function_id, line, column: 0 };
    proto::Location { id, line: lines.iter().map(line).collect(), ..Default::default() }
}

pub(crate) fn function(id: u64, name: i64) -> proto::Function {
    proto::Function { id, name, system_name: name, ..Default::default() }
}

/// Each sample's stack as text, leaf first: `work:7 main:3`; a frame without function is `?`.
pub(crate) fn stacks(profile: &Profile) -> Vec<String> {
    let frame = |id| {
        let frame = profile.frames()[id];
        let name = frame.function.map(|function| profile.text(profile.functions()[function].name));
        name.map_or("?".to_owned(), |name| format!("{name}:{}", frame.line))
    };
    let stack =
        |stack: &Option<_>| profile.stacks().leaf_first(*stack).map(frame).collect::<Vec<_>>().join(" ");
    profile.samples().stacks().iter().map(stack).collect()
}
