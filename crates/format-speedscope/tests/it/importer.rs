//! Real files against the semantics of speedscope's importer, stated once more: in doubles, without the model.

use std::collections::BTreeMap;
use std::path::PathBuf;

use profkit_profile::{FrameId, Profile, Track};
use serde_json::Value;

use super::{read, write};

/// By frame (name, file, line, column), its self value and its total in the profile's unit.
type Functions = BTreeMap<(String, String, i64, i64), (f64, f64)>;

/// What speedscope makes of a profile: every stretch of time counts once for each frame that is on the stack.
struct Importer<'f> {
    frames: &'f [Value],
    functions: Functions,
}

impl Importer<'_> {
    fn add(&mut self, stack: &[usize], value: f64) {
        let key = |index: usize| {
            let frame = &self.frames[index];
            let text = |key: &str| frame[key].as_str().unwrap_or_default().to_owned();
            let number = |key: &str| frame[key].as_i64().unwrap_or(0);
            (text("name"), text("file"), number("line"), number("col"))
        };
        let keys: Vec<_> = stack.iter().map(|&index| key(index)).collect();
        for (depth, key) in keys.iter().enumerate() {
            let sums = self.functions.entry(key.clone()).or_default();
            sums.0 += if depth + 1 == keys.len() { value } else { 0.0 };
            sums.1 += if keys[..depth].contains(key) { 0.0 } else { value };
        }
    }

    fn profile(mut self, profile: &Value) -> Functions {
        let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        if profile["type"] == "sampled" {
            let samples = profile["samples"].as_array().unwrap();
            for (stack, weight) in samples.iter().zip(profile["weights"].as_array().unwrap()) {
                let stack = stack.as_array().unwrap().iter().map(index);
                let stack: Vec<usize> = stack.filter(|&frame| !is_root(&self.frames[frame])).collect();
                self.add(&stack, weight.as_f64().unwrap());
            }
            return self.functions;
        }
        let mut stack = Vec::new();
        let mut last = profile["startValue"].as_f64().unwrap();
        for event in profile["events"].as_array().unwrap() {
            let at = event["at"].as_f64().unwrap();
            self.add(&stack, at - last);
            last = at;
            if event["type"] == "O" {
                stack.push(index(&event["frame"]));
            } else {
                assert_eq!(stack.pop(), Some(index(&event["frame"])));
            }
        }
        assert!(stack.is_empty());
        self.functions
    }
}

/// Whether py-spy means a process or a thread by a frame.
fn is_root(frame: &Value) -> bool {
    let name = frame["name"].as_str().unwrap_or_default();
    frame["file"] == "" && (name.starts_with("process ") || name.starts_with("thread ("))
}

/// The same of a track, in nanoseconds, bytes or whatever is counted.
fn functions(profile: &Profile, track: &Track) -> Functions {
    let key = |frame: FrameId| {
        let frame = profile.frames()[frame];
        let function = profile.functions()[frame.function.unwrap()];
        let line = if frame.line == 0 { function.first_line } else { frame.line };
        (
            profile.text(function.name).into_owned(),
            profile.text(function.file).into_owned(),
            line,
            frame.column,
        )
    };
    let mut functions = Functions::new();
    for row in track.samples.clone() {
        let value = profile.samples().values(track.sample_type)[row] as f64;
        let keys: Vec<_> = profile.stacks().leaf_first(profile.samples().stacks()[row]).map(key).collect();
        for (depth, key) in keys.iter().enumerate() {
            let sums = functions.entry(key.clone()).or_default();
            sums.0 += if depth == 0 { value } else { 0.0 };
            sums.1 += if keys[..depth].contains(key) { 0.0 } else { value };
        }
    }
    functions
}

/// Every file that real tools made.
fn fixtures() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/speedscope");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn real_files_mean_what_speedscope_shows() {
    for path in fixtures() {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let profile = read(text.as_bytes()).unwrap();
        let tracks = profile.tracks().tracks();
        assert_eq!(tracks.len(), file["profiles"].as_array().unwrap().len());
        for (given, track) in file["profiles"].as_array().unwrap().iter().zip(tracks) {
            let frames = file["shared"]["frames"].as_array().unwrap();
            let expected = Importer { frames, functions: Functions::new() }.profile(given);
            let scale = match given["unit"].as_str().unwrap() {
                "seconds" => 1e9,
                "milliseconds" => 1e6,
                "microseconds" => 1e3,
                _ => 1.0,
            };
            // A nanosecond a call or sample, for each may have been rounded.
            let most = track.rows.len().max(1) as f64;
            assert_eq!(functions(&profile, track).len(), expected.len(), "{path:?}");
            for (key, (own, total)) in functions(&profile, track) {
                let (expected_own, expected_total) = expected[&key];
                assert!((own - expected_own * scale).abs() <= most, "{path:?} {key:?}: {own} {expected_own}");
                assert!(
                    (total - expected_total * scale).abs() <= most,
                    "{path:?} {key:?}: {total} {expected_total}"
                );
            }
            let sum = |functions: &Functions| functions.values().map(|(own, _)| own).sum::<f64>();
            let (ours, theirs) = (sum(&functions(&profile, track)), sum(&expected) * scale);
            assert!((ours - theirs).abs() <= most, "{path:?}: {ours} {theirs}");
        }
    }
}

/// The events of all profiles, with the names of the frames.
fn steps(file: &Value) -> Vec<(Value, Value)> {
    let frame = |event: &Value| usize::try_from(event["frame"].as_u64().unwrap()).unwrap();
    let events =
        file["profiles"].as_array().unwrap().iter().filter_map(|profile| profile["events"].as_array());
    events
        .flatten()
        .map(|event| (event["type"].clone(), file["shared"]["frames"][frame(event)]["name"].clone()))
        .collect()
}

/// The name of a profile with the command line that py-spy's frame of the process has, which profkit's names hold.
fn with_command(file: &Value, profile: &Value) -> String {
    let name = profile["name"].as_str().unwrap().to_owned();
    let frame = |index: &Value| &file["shared"]["frames"][usize::try_from(index.as_u64().unwrap()).unwrap()];
    let stack = profile["samples"][0].as_array().into_iter().flatten().map(frame);
    let roots = stack.take_while(|frame| is_root(frame)).map(|frame| frame["name"].as_str().unwrap());
    match roots.filter_map(|root| root.strip_prefix("process ")?.split_once(':')).last() {
        Some((pid, command)) => name.replace(&format!("Process {pid}"), &format!("Process {pid} {command}")),
        None => name,
    }
}

#[test]
fn real_files_are_written_back_as_they_were() {
    for path in fixtures() {
        let text = std::fs::read_to_string(&path).unwrap();
        let written = write(&read(text.as_bytes()).unwrap());
        assert_eq!(write(&read(written.as_bytes()).unwrap()), written, "{path:?}");
        let [before, after]: [Value; 2] = [text, written].map(|text| serde_json::from_str(&text).unwrap());
        assert_eq!(steps(&before), steps(&after), "{path:?}");
        let [profiles, after] = [&before, &after].map(|file| file["profiles"].as_array().unwrap());
        assert_eq!(profiles.len(), after.len(), "{path:?}");
        for (profile, after) in profiles.iter().zip(after) {
            assert_eq!(with_command(&before, profile), after["name"], "{path:?}");
            let before = profile;
            for key in ["type", "unit"] {
                assert_eq!(before[key], after[key], "{path:?}");
            }
        }
    }
}
