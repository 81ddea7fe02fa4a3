//! The sampler against the interpreters themselves: offsets against their headers, lines against `co_lines`, stacks against
//! `sys._current_frames`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use profkit_sampler::binary::Binaries;
use profkit_sampler::dump::dump;
use profkit_sampler::interpreter;
use profkit_sampler::layout::Layout;
use profkit_sampler::lines::Lines;
use profkit_sampler::refusal::Refusal;
use profkit_sampler::session::{Options, Outcome, Session};
use profkit_sampler::version::Version;
use serde_json::Value;
use tempfile::TempDir;

use super::tools::{reader, root, tool};

pub(super) const VERSIONS: [&str; 9] =
    ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15"];

/// The number of a version: `3.14t` is the free-threaded build of 3.14.
pub(super) fn number(version: &str) -> Version {
    let release = version.trim_end_matches('t');
    let is_free_threaded = release != version;
    Version { is_free_threaded, ..Version::parse(&format!("{release}.0")).unwrap() }
}

fn python(version: &str) -> Command {
    let mut command = Command::new(tool(&format!("python/{version}")));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A program that has printed a line and waits for the end of its input.
pub(super) struct Running {
    child: Child,
    pub(super) line: String,
}

impl Running {
    pub(super) fn start(version: &str, arguments: &[&str]) -> Self {
        let mut command = python(version);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, line }
    }

    pub(super) fn program(version: &str, name: &str, arguments: &[&str]) -> Self {
        let path = root().join("tests/programs").join(name);
        Self::start(version, &[&[path.to_str().unwrap()], arguments].concat())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What a C program made with the headers of a version prints.
fn offsets(version: &str, folder: &TempDir) -> BTreeMap<String, usize> {
    let script = "import sysconfig; print(sysconfig.get_paths()['include'])";
    let include = python(version).args(["-c", script]).output().unwrap();
    let include = PathBuf::from(String::from_utf8(include.stdout).unwrap().trim());
    assert!(include.join("internal").is_dir(), "{version}: no internal headers in {}", include.display());
    let program = folder.path().join(format!("offsets-{version}"));
    let mut compiler = Command::new("cc");
    compiler.arg("-I").arg(&include).arg("-I").arg(include.join("internal"));
    compiler.arg(reader("sampler/offsets.c")).arg("-o").arg(&program);
    assert!(compiler.status().unwrap().success(), "{version}: the headers do not compile");
    let output = Command::new(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        let (name, offset) = line.split_once(' ').unwrap();
        (name.to_owned(), offset.parse().unwrap())
    };
    text.lines().map(pair).collect()
}

fn compare(layout: &Layout, headers: &BTreeMap<String, usize>) {
    let version = layout.version;
    let named = layout.named();
    assert!(named.len() > 35, "{version}");
    for (name, offset) in named {
        assert_eq!(headers.get(name), Some(&offset), "{version}: {name}");
    }
}

#[test]
fn offsets_are_those_of_the_headers() {
    let folder = TempDir::new().unwrap();
    for version in ["3.8", "3.9", "3.10", "3.11", "3.12"] {
        let layout = Layout::known(number(version)).unwrap();
        compare(&layout, &offsets(version, &folder));
    }
}

#[test]
fn a_runtime_describes_itself_as_its_headers_do() {
    let folder = TempDir::new().unwrap();
    for version in ["3.13", "3.14t"] {
        let running = Running::start(version, &["-c", "print(1, flush=True); input()"]);
        let found = interpreter::find(running.child.id(), &mut Binaries::default()).unwrap();
        compare(&found.layout, &offsets(version, &folder));
    }
}

#[test]
fn lines_are_those_of_the_interpreter() {
    for version in VERSIONS {
        let output = python(version).arg(reader("sampler/lines.py")).output().unwrap();
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
        let mut compared = 0;
        for text in String::from_utf8(output.stdout).unwrap().lines() {
            let code: Value = serde_json::from_str(text).unwrap();
            let table = bytes(code["table"].as_str().unwrap());
            let first = u32::try_from(code["first"].as_u64().unwrap()).unwrap();
            let lines = Lines::parse(number(version), &table, first);
            for range in code["ranges"].as_array().unwrap() {
                let at = |index: usize| u32::try_from(range[index].as_u64().unwrap_or(0)).unwrap();
                for offset in (at(0)..at(1)).step_by(2) {
                    assert_eq!(lines.line(offset), at(2), "{version}: {} at {offset}: {text}", code["name"]);
                    compared += 1;
                }
            }
        }
        assert!(compared > 10_000, "{version}: {compared}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn stacks_are_what_the_program_says_of_itself() {
    for version in VERSIONS {
        let running = Running::program(version, "stacks.py", &[]);
        let said: Value = serde_json::from_str(&running.line).unwrap();
        let found = dump(running.child.id()).unwrap();
        assert_eq!(Version { micro: 0, ..found.version }, number(version), "{version}");
        assert_eq!(found.other_threads, Vec::<u32>::new(), "{version}");
        assert_eq!(found.threads.len(), 6, "{version}");
        for thread in said["threads"].as_array().unwrap() {
            let name = thread["name"].as_str().unwrap();
            let seen =
                found.threads.iter().find(|seen| u64::from(seen.tid) == thread["tid"].as_u64().unwrap());
            let seen = seen.unwrap_or_else(|| panic!("{version}: no thread {name}"));
            assert_eq!(seen.name.as_deref(), Some(name), "{version}");
            let rows: Vec<_> =
                seen.frames.iter().map(|f| (f.function.clone(), f.file.clone(), f.line)).collect();
            let told: Vec<_> = thread["frames"].as_array().unwrap().iter().map(row).collect();
            assert_eq!(rows, told, "{version}: {name}");
        }
    }
}

fn row(frame: &Value) -> (String, String, u32) {
    let text = |index: usize| frame[index].as_str().unwrap().to_owned();
    (text(0), text(1), u32::try_from(frame[2].as_u64().unwrap()).unwrap())
}

#[test]
fn what_is_no_python_is_named() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let began = Instant::now();
    // Until the shell's child has become `sleep` it is what started it.
    let refusal = loop {
        match dump(child.id()) {
            Err(Refusal::NotPython { what }) if what.ends_with("sleep") => break what,
            other => assert!(began.elapsed() < Duration::from_secs(10), "{other:?}"),
        }
    };
    assert!(refusal.starts_with('/'), "{refusal}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(dump(child.id()).unwrap_err(), Refusal::Gone);
}

#[test]
fn wall_time_of_every_thread_is_the_time_that_passed() {
    for version in VERSIONS {
        let running = Running::program(version, "stacks.py", &[]);
        let folder = TempDir::new().unwrap();
        let stream = folder.path().join("all.samples");
        let mut session = Session::new(&stream, Options { rate: 500.0, ..Options::default() }).unwrap();
        let began = Instant::now();
        session.add_process(running.child.id()).unwrap();
        let (_keep, commands) = mpsc::channel();
        let until = Instant::now() + Duration::from_millis(600);
        assert_eq!(session.run(Some(until), &commands), Outcome::TimeOver);
        let passed = i64::try_from(began.elapsed().as_nanos()).unwrap();
        let coverage = session.coverage();
        assert_eq!((coverage.counts.threads_seen, coverage.counts.threads_sampled), (6, 6), "{version}");
        assert_eq!((coverage.counts.cut, coverage.counts.failed), (0, 0), "{version}");
        let loaded = profkit_formats::load_path(&stream, &profkit_formats::LoadOptions::default()).unwrap();
        let profile = loaded.profile;
        let names: Vec<_> =
            profile.sample_types().iter().map(|t| profile.text(t.name).into_owned()).collect();
        assert_eq!(names, ["samples", "wall", "cpu", "gil", "gil_wait"]);
        let mut threads = BTreeMap::new();
        for (row, wall) in profile.samples().values(1).iter().enumerate() {
            let origin = profile.origins()[profile.samples().get(row).origin];
            *threads.entry(origin.tid).or_insert(0) += wall;
        }
        assert_eq!(threads.len(), 6, "{version}");
        for (tid, wall) in threads {
            assert!((550_000_000..passed).contains(&wall), "{version}: {tid:?} {wall} of {passed}");
        }
    }
}
