//! Whole files: by yappi itself, by whoever means harm, and by chance.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod fixtures;
mod generated;
mod hostile;
mod pickles;
mod tables;

use profkit_format_yappi::Yappi;
use profkit_profile::{
    Format, FunctionId, Input, OriginId, Profile, ProfileBuilder, ReadError, Sniff, WriteOptions, Written,
};

fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Yappi.read(&Input::new(bytes), &mut builder)?;
    Ok(builder.finish().unwrap())
}

fn write(profile: &Profile) -> (Vec<u8>, Written) {
    let mut bytes = Vec::new();
    let written = Yappi.write(profile, &mut bytes, &WriteOptions::default()).unwrap();
    (bytes, written)
}

/// Everything that a ystat holds of a profile, as text.
fn content(profile: &Profile) -> Vec<String> {
    let text = |id| profile.bytes(id).escape_ascii().to_string();
    let function = |id: FunctionId| {
        let row = profile.functions()[id];
        format!("{}:{} {}", text(row.file), row.first_line, text(row.name))
    };
    let origin = |id: OriginId| {
        let row = profile.origins()[id];
        format!("{:?} {}", row.tid, text(row.thread))
    };
    let labels = |id| {
        let set = profile.labels().get(id).iter();
        set.map(|label| format!("{}={}{} ", text(label.key), label.number, text(label.string)))
            .collect::<String>()
    };
    let calls = profile.calls();
    let mut lines = vec![format!("dialect {}", profile.meta().dialect)];
    for row in profile.sample_types() {
        lines.push(format!("type {} {}", text(row.name), text(row.unit)));
    }
    for (index, row) in calls.functions().rows().iter().enumerate() {
        lines.push(format!(
            "function {} {:?} {:?} {:?} {} {}",
            function(row.function),
            row.calls,
            row.primitive_calls,
            calls.functions().values(index),
            origin(row.origin),
            labels(row.labels),
        ));
    }
    for (index, row) in calls.edges().rows().iter().enumerate() {
        lines.push(format!(
            "edge {} -> {} {:?} {:?} {:?} {}",
            function(row.caller),
            function(row.callee),
            row.calls,
            row.primitive_calls,
            calls.edges().values(index),
            origin(row.origin),
        ));
    }
    for (index, sample) in profile.samples().iter().enumerate() {
        let values = profile.samples().row_values(index);
        lines.push(format!("sample {values:?} {} {}", origin(sample.origin), labels(sample.labels)));
    }
    lines
}

/// Writing and reading changes nothing, and what was written is written again to the byte.
fn assert_round_trip(profile: &Profile, name: &str) {
    let (bytes, _) = write(profile);
    assert_eq!(Yappi.sniff(&bytes), Sniff::Yes, "{name}");
    let again = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(content(&again), content(profile), "{name}");
    assert_eq!(write(&again).0, bytes, "{name}");
}
