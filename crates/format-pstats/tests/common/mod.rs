//! Reading and writing in memory, and what a dump says seen without the crate's own reader of dumps.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::path::PathBuf;

use profkit_format_pstats::Pstats;
use profkit_format_pstats::marshal::{Object, Reader};
use profkit_profile::{Format, Input, Profile, ProfileBuilder, ReadError, WriteOptions, Written};

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pstats").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all fixtures.
pub(crate) fn fixtures() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pstats");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    read_as(bytes, None)
}

pub(crate) fn read_as(bytes: &[u8], dialect: Option<&str>) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Pstats.read(&Input { bytes, dialect }, &mut builder)?;
    Ok(builder.finish().unwrap())
}

pub(crate) fn write(profile: &Profile) -> (Vec<u8>, Written) {
    write_with(profile, &WriteOptions::default())
}

pub(crate) fn write_sampled(profile: &Profile) -> (Vec<u8>, Written) {
    write_with(profile, &WriteOptions { dialect: Some("sampled"), ..WriteOptions::default() })
}

pub(crate) fn write_with(profile: &Profile, options: &WriteOptions<'_>) -> (Vec<u8>, Written) {
    let mut bytes = Vec::new();
    let written = Pstats.write(profile, &mut bytes, options).unwrap();
    (bytes, written)
}

/// One row: key, calls, primitive calls, self and total by sample type.
pub(crate) type FunctionRow = (String, Option<i64>, Option<i64>, Vec<i64>, Vec<i64>);
/// One caller: its key and its callee's, calls, primitive calls, self and total.
pub(crate) type EdgeRow = (String, String, Option<i64>, Option<i64>, Option<Vec<i64>>, Option<Vec<i64>>);

/// The call tables in order, readable.
pub(crate) fn tables(profile: &Profile) -> (Vec<FunctionRow>, Vec<EdgeRow>) {
    let key = |id| {
        let function = profile.functions()[id];
        let text = |id| profile.bytes(id).escape_ascii().to_string();
        format!("{}:{}({})", text(function.file), function.first_line, text(function.name))
    };
    let calls = profile.calls();
    let functions = calls.functions().rows().iter().enumerate().map(|(index, row)| {
        let (own, total) = calls.functions().values(index);
        (key(row.function), row.calls, row.primitive_calls, own, total)
    });
    let edges = calls.edges().rows().iter().enumerate().map(|(index, row)| {
        let (own, total) = calls.edges().values(index);
        let (own, total) = (row.has_self.then_some(own), row.has_total.then_some(total));
        (key(row.caller), key(row.callee), row.calls, row.primitive_calls, own, total)
    });
    (functions.collect(), edges.collect())
}

/// The row of the function with this name.
pub(crate) fn function(profile: &Profile, name: &str) -> FunctionRow {
    let name = format!("({name})");
    let rows: Vec<_> = tables(profile).0.into_iter().filter(|row| row.0.ends_with(&name)).collect();
    assert_eq!(rows.len(), 1, "{name}");
    rows[0].clone()
}

/// Every number of a dump in the order of the file, floats as bits and references followed.
pub(crate) fn numbers(dump: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    add_numbers(&mut Reader::new(dump).unwrap(), &mut numbers);
    numbers
}

/// Adds the numbers of the next object, if there is one before the end of a dict.
fn add_numbers(reader: &mut Reader<'_>, numbers: &mut Vec<u64>) -> bool {
    let head = reader.next("the dump").unwrap();
    match head.object {
        Object::End => return false,
        Object::Int(int) => numbers.push(int.cast_unsigned()),
        Object::Float(float) => numbers.push(float.to_bits()),
        Object::Tuple(count) => (0..count).for_each(|_| assert!(add_numbers(reader, numbers))),
        Object::Dict => while add_numbers(reader, numbers) {},
        Object::Reference(number) => {
            let follow = |reader: &mut Reader<'_>| Ok::<_, ()>(add_numbers(reader, numbers));
            assert_eq!(reader.follow(number, follow), Ok(true));
        }
        Object::Code => drop(reader.code(&head).unwrap()),
        _ => {}
    }
    true
}
