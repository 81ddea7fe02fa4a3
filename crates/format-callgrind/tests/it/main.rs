//! Whole files: those of the specification, of real writers, broken ones, and some by chance.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod annotate;
mod fixtures;
mod generated;
mod hostile;
mod losses;
mod specification;
mod writers;

use profkit_format_callgrind::Callgrind;
use profkit_profile::{
    Format, Frame, FunctionId, Input, OriginId, Profile, ProfileBuilder, ReadError, Sniff, WriteOptions,
    Written,
};

fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Callgrind.read(&Input::new(bytes), &mut builder)?;
    Ok(builder.finish().unwrap())
}

fn write(profile: &Profile, dialect: Option<&str>) -> (Vec<u8>, Written) {
    let mut bytes = Vec::new();
    let options = WriteOptions { dialect, ..WriteOptions::default() };
    let written = Callgrind.write(profile, &mut bytes, &options).unwrap();
    (bytes, written)
}

fn text(profile: &Profile, id: profkit_profile::StringId) -> String {
    profile.bytes(id).escape_ascii().to_string()
}

/// `file:line name`.
fn function(profile: &Profile, id: FunctionId) -> String {
    let row = profile.functions()[id];
    format!("{}:{} {}", text(profile, row.file), row.first_line, text(profile, row.name))
}

fn place(profile: &Profile, frame: Frame) -> String {
    let file = frame.function.map(|id| text(profile, profile.functions()[id].file));
    let object = frame.mapping.map(|id| text(profile, profile.mappings()[id].file));
    format!("{}:{} {:#x} {}", file.unwrap_or_default(), frame.line, frame.address, object.unwrap_or_default())
}

fn origin(profile: &Profile, id: OriginId) -> String {
    let row = profile.origins()[id];
    format!("{:?} {} {:?} {}", row.pid, text(profile, row.process), row.tid, text(profile, row.thread))
}

/// `name self total calls primitive-calls`, the values of the first event.
fn functions(profile: &Profile) -> Vec<String> {
    let calls = profile.calls().functions();
    let rows = calls.rows().iter().enumerate();
    rows.map(|(index, row)| {
        let name = text(profile, profile.functions()[row.function].name);
        let count = |calls: Option<i64>| calls.map_or("?".to_owned(), |calls| calls.to_string());
        let (own, total) = (calls.own(0)[index], calls.total(0)[index]);
        format!("{name} {own} {total} {} {}", count(row.calls), count(row.primitive_calls))
    })
    .collect()
}

/// `caller→callee calls total site`, the values of the first event.
fn edges(profile: &Profile) -> Vec<String> {
    let calls = profile.calls().edges();
    let rows = calls.rows().iter().enumerate();
    rows.map(|(index, row)| {
        let name = |id: FunctionId| text(profile, profile.functions()[id].name);
        let site = row.site.map_or("-".to_owned(), |site| place(profile, profile.frames()[site]));
        let count = row.calls.map_or("?".to_owned(), |calls| calls.to_string());
        format!(
            "{}→{} {count} {} {}",
            name(row.caller),
            name(row.callee),
            calls.total(0)[index],
            site.trim_end()
        )
    })
    .collect()
}

/// Everything that a callgrind file holds of a profile, as text.
fn content(profile: &Profile) -> Vec<String> {
    let calls = profile.calls();
    let mut lines = Vec::new();
    for row in profile.sample_types() {
        lines.push(format!("type {} {} {}", text(profile, row.name), text(profile, row.unit), row.decimals));
    }
    for (index, row) in calls.functions().rows().iter().enumerate() {
        lines.push(format!(
            "function {} {:?} {:?} {:?} {}",
            function(profile, row.function),
            row.calls,
            row.primitive_calls,
            calls.functions().values(index),
            origin(profile, row.origin),
        ));
    }
    // Edges and lines come function by function.
    for (index, row) in calls.edges().rows().iter().enumerate() {
        lines.push(format!(
            "edge {} -> {} {:?} {:?} {} {}",
            function(profile, row.caller),
            function(profile, row.callee),
            row.calls,
            calls.edges().values(index).1,
            row.site.map_or("-".to_owned(), |site| place(profile, profile.frames()[site])),
            origin(profile, row.origin),
        ));
    }
    for (index, row) in calls.lines().rows().iter().enumerate() {
        lines.push(format!(
            "line {} {} {:?} {}",
            function(profile, row.function),
            place(profile, profile.frames()[row.frame]),
            calls.lines().values(index).0,
            origin(profile, row.origin),
        ));
    }
    lines.sort();
    lines
}

/// Writing and reading changes nothing, and what was written is written again to the byte.
fn assert_round_trip(profile: &Profile, dialect: Option<&str>, name: &str) {
    let (bytes, _) = write(profile, dialect);
    assert_eq!(Callgrind.sniff(&bytes), Sniff::Yes, "{name}");
    let again = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}\n{}", bytes.escape_ascii()));
    assert_eq!(content(&again), content(profile), "{name}");
    assert_eq!(
        write(&again, dialect).0.escape_ascii().to_string(),
        bytes.escape_ascii().to_string(),
        "{name}"
    );
}
