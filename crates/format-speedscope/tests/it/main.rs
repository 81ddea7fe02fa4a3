//! Whole files: what they mean, what is written, what is refused.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod hostile;
mod importer;
mod read;
mod round_trip;
mod write;

use profkit_format_speedscope::Speedscope;
use profkit_profile::{Format, Input, Profile, ProfileBuilder, ReadError, WriteOptions, Written};

fn read(file: &[u8]) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Speedscope.read(&Input::new(file), &mut builder)?;
    Ok(builder.finish().unwrap())
}

fn write_with(profile: &Profile, options: &WriteOptions<'_>) -> (String, Written) {
    let mut out = Vec::new();
    let written = Speedscope.write(profile, &mut out, options).unwrap();
    (String::from_utf8(out).unwrap(), written)
}

fn write(profile: &Profile) -> String {
    write_with(profile, &WriteOptions::default()).0
}

/// A file with the frames a, b and c and the given profiles and further keys.
fn file(profiles: &str, keys: &str) -> String {
    format!(
        r#"{{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{{"frames":[{{"name":"a"}},{{"name":"b"}},{{"name":"c"}}]}},"profiles":[{profiles}]{keys}}}"#
    )
}

fn sampled(unit: &str, samples: &str, weights: &str) -> String {
    file(&sampled_profile("p", unit, samples, weights), "")
}

fn sampled_profile(name: &str, unit: &str, samples: &str, weights: &str) -> String {
    format!(
        r#"{{"type":"sampled","name":"{name}","unit":"{unit}","startValue":0,"endValue":10,"samples":{samples},"weights":{weights}}}"#
    )
}

/// An evented profile of events such as `O0@1 C0@5`.
fn evented(unit: &str, events: &str) -> String {
    let events: Vec<String> = events
        .split_whitespace()
        .map(|event| {
            let (kind, rest) = event.split_at(1);
            let (frame, at) = rest.split_once('@').unwrap();
            format!(r#"{{"type":"{kind}","frame":{frame},"at":{at}}}"#)
        })
        .collect();
    let events = events.join(",");
    let profile = format!(
        r#"{{"type":"evented","name":"p","unit":"{unit}","startValue":0,"endValue":10,"events":[{events}]}}"#
    );
    file(&profile, "")
}

/// The frames of a stack as `a;b`.
fn stack(profile: &Profile, row: usize) -> String {
    let mut frames = Vec::new();
    profile.stacks().root_first(profile.samples().stacks()[row], &mut frames);
    let name = |frame| {
        let function = profile.frames()[frame].function.unwrap();
        profile.text(profile.functions()[function].name).into_owned()
    };
    frames.into_iter().map(name).collect::<Vec<_>>().join(";")
}

/// Every sample as `a;b 3`, for the first sample type.
fn folded(profile: &Profile) -> Vec<String> {
    let values = profile.samples().values(0);
    (0..profile.samples().len()).map(|row| format!("{} {}", stack(profile, row), values[row])).collect()
}
