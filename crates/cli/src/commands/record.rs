//! `profkit record`: run a program, and turn what its recorders left into a profile.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use profkit_formats::{LoadOptions, Stacks, load_path, registry};
use profkit_profile::views::origins::By;
use profkit_profile::{Profile, count};
use profkit_record::{Agent, Clock, Ended, Event, Launch, RecordError, Recorder, Sample, Trace};
use profkit_recording::journal::NOT_COVERED;
use profkit_recording::stream::NOT_SAMPLED;
use profkit_recording::{carrier, stream, trace};

use crate::args::{ClockArgument, Record};
use crate::failure::{Failure, note, print_failure};
use crate::interrupt;
use crate::output::Target;
use crate::shaping::Shaping;

/// How often a folder that fills while it is removed is removed again.
const REMOVALS: usize = 20;

/// What a recording came to.
enum Came {
    /// A result.
    Result,
    /// Nothing, for this reason.
    Nothing {
        why: String,
        /// There was something to record.
        failed: bool,
    },
}

/// Runs the program; says which status `profkit` is to end with, which is the program's unless recording failed.
pub(crate) fn run(arguments: &Record) -> Result<u8, Failure> {
    let output = arguments.output.clone().unwrap_or_else(|| default_output(arguments));
    if output == Path::new("-") {
        return Err(Failure::Reason("stdout is the program's; give -o a file name".to_owned()));
    }
    let target = Target::new(&output, arguments.to)?;
    check_value(arguments)?;
    let failed = |error: RecordError| Failure::Reason(error.to_string());
    let recorder = if arguments.trace {
        let clock = match arguments.clock {
            ClockArgument::Wall => Clock::Wall,
            ClockArgument::Cpu => Clock::Cpu,
        };
        let agent = Agent::find().map_err(failed)?;
        let (builtins, compensate) = (!arguments.no_builtins, arguments.compensate);
        Recorder::Trace(Trace { agent, clock, builtins, compensate })
    } else {
        Recorder::Sample(Sample {
            rate: arguments.rate,
            subprocesses: !arguments.no_subprocesses,
            awaits: arguments.awaits,
            pause: arguments.pause,
        })
    };
    let kept = folder(&output);
    let launch = Launch {
        target: arguments.pid.map_or_else(
            || profkit_record::Target::Command(arguments.command.clone()),
            profkit_record::Target::Process,
        ),
        folder: kept.clone(),
        recorder,
        every: arguments.every,
        duration: arguments.duration,
    };
    let ended = launch.run(&mut |event| match event {
        Event::Snapshot(folder) => snapshot(arguments, folder, &target),
        Event::Over => {
            let kept = kept.clone();
            interrupt::watch(move || leave(&kept));
        }
    });
    let ended = ended.map_err(failed)?;
    let status = u8::try_from(ended.status.code()).unwrap_or(u8::MAX);
    match finish(arguments, &ended, &target) {
        Ok(Came::Result) => Ok(status),
        // How the program failed tells more than that nothing was seen of it.
        Ok(Came::Nothing { why, failed }) if arguments.pid.is_none() && (status != 0 || !failed) => {
            note(&why);
            Ok(status)
        }
        Ok(Came::Nothing { why, .. }) => {
            print_failure(&Failure::Reason(why));
            Ok(2)
        }
        Err(failure) => {
            print_failure(&failure);
            tell_where(&ended.folder);
            Ok(2)
        }
    }
}

/// Refuses a value that the recording will not have before anything runs.
fn check_value(arguments: &Record) -> Result<(), Failure> {
    let values = match (arguments.trace, arguments.clock) {
        (false, _) => &stream::VALUES[..],
        (true, ClockArgument::Wall) => &trace::values(trace::clock::WALL),
        (true, ClockArgument::Cpu) => &trace::values(trace::clock::CPU),
    };
    let names: Vec<&str> = values.iter().map(|&(name, _)| name).collect();
    match arguments.value.as_deref() {
        Some(name) if !names.contains(&name) => {
            let reason = format!("there is no value `{name}`; such a recording has {}", names.join(", "));
            Err(Failure::Reason(reason))
        }
        _ => Ok(()),
    }
}

/// `app-20261121-093000.pb.gz` for `python app.py`.
fn default_output(arguments: &Record) -> PathBuf {
    let name = arguments.pid.map_or_else(|| program_name(&arguments.command), |pid| pid.to_string());
    PathBuf::from(format!("{name}-{}.pb.gz", jiff::Zoned::now().strftime("%Y%m%d-%H%M%S")))
}

/// What a script's name may end in; the end of `python3.12` is a part of its name.
const SCRIPTS: [&str; 5] = [".py", ".pyw", ".pyc", ".pyz", ".sh"];

fn program_name(command: &[OsString]) -> String {
    let name = |text: &OsStr| Path::new(text).file_name().map(|name| name.to_string_lossy().into_owned());
    let stem = |name: &str| {
        let stem = SCRIPTS.iter().find_map(|extension| name.strip_suffix(extension));
        stem.filter(|stem| !stem.is_empty()).map(str::to_owned)
    };
    let program = command.first().and_then(|program| name(program)).unwrap_or_default();
    let is_python = program.starts_with("python") || program.starts_with("pypy");
    let rest = command.iter().skip(1).filter(|_| is_python);
    let script = rest.filter_map(|argument| stem(&name(argument)?)).next();
    script.or_else(|| stem(&program)).unwrap_or(program)
}

/// `app.recording` for `app.pb.gz`.
fn folder(output: &Path) -> PathBuf {
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    output.with_file_name(format!("{}.recording", registry::stem(&name)))
}

fn load(folder: &Path) -> Result<Profile, Failure> {
    let options = LoadOptions { max_size: u64::MAX, ..LoadOptions::default() };
    Ok(load_path(folder, &options).map_err(|error| Failure::file(folder, error))?.profile)
}

fn write(arguments: &Record, profile: Profile, target: &Target, replace: bool) -> Result<usize, Failure> {
    let shaping = Shaping {
        name: &target.path,
        by: arguments.by.map(By::from),
        split: arguments.split,
        stacks: Stacks::Reconstruct,
        value: arguments.value.as_deref(),
        mark_inferred: false,
        replace,
    };
    shaping.write(profile, target)
}

/// Writes what there is by now. A failure is told and does not end anything: the program goes on.
fn snapshot(arguments: &Record, folder: &Path, target: &Target) {
    let written = load(folder).and_then(|profile| match profile.samples().is_empty() {
        true => Ok(0),
        false => write(arguments, profile, target, true),
    });
    if let Err(failure) = written {
        print_failure(&failure);
    }
}

/// Writes the result, removes the folder, and says what there is.
fn finish(arguments: &Record, ended: &Ended, target: &Target) -> Result<Came, Failure> {
    if let Some(reason) = &ended.failure {
        note(&format!("the recording is not complete: {reason}"));
    }
    let profile = load(&ended.folder)?;
    profile.meta().notes.iter().for_each(|text| note(text));
    if profile.samples().is_empty() {
        let no_room = ended.no_room();
        remove(&ended.folder);
        return Ok(nothing(arguments, ended, &profile.meta().notes, no_room));
    }
    let summary = summary(&profile, ended);
    let files = write(arguments, profile, target, arguments.every.is_some())?;
    remove(&ended.folder);
    let path = target.path.display();
    match arguments.split {
        Some(_) => note(&format!("{summary}; in {} named like {path}", count(files, "file"))),
        None => note(&format!("{summary}; in {path}")),
    }
    Ok(Came::Result)
}

/// Why nothing was recorded.
fn nothing(arguments: &Record, ended: &Ended, notes: &[String], no_room: Option<&str>) -> Came {
    let refusals = [NOT_SAMPLED, NOT_COVERED].map(|words| format!(" {words}: "));
    let refused = notes.iter().any(|note| refusals.iter().any(|words| note.contains(words)));
    let of = if arguments.no_subprocesses { " in the first process" } else { "" };
    let took = ended.took.as_secs_f64();
    // `max` is 0: there is always one due.
    let is_due = arguments.rate == 0.0 || arguments.rate * took >= 1.0;
    let failed = refused || no_room.is_some() || ended.failure.is_some();
    let why = if let Some(reason) = no_room {
        let folder = ended.folder.parent().unwrap_or(&ended.folder);
        format!("there is no room in {}: {reason}", folder.display())
    } else if arguments.trace && std::env::var_os(carrier::VARIABLE).is_some() {
        "this runs below another `profkit record --trace`, which has the processes".to_owned()
    } else if refused {
        format!("no Python ran{of} that could be")
    } else if arguments.trace {
        "no Python ran that could be (one whose symbols are hidden by the program that embeds it is seen by sampling only)".to_owned()
    } else if is_due {
        format!("no Python ran{of}, or none for long enough to be sampled")
    } else {
        format!("no sample was taken in {took:.2} s at --rate {}", arguments.rate)
    };
    let program = arguments.command.first().map(|program| program.to_string_lossy().into_owned());
    let program = program.or_else(|| Some(format!("process {}", arguments.pid?))).unwrap_or_default();
    Came::Nothing { why: format!("{program}: nothing was recorded: {why}"), failed }
}

/// Removes the folder. Processes may begin meanwhile, below a daemon that was left, and make files in it: it goes aside
/// first, where they do not find it. One that stays costs nobody the result.
fn remove(folder: &Path) {
    let aside = aside(folder);
    // What there is of that name was left by somebody else.
    let is_aside = aside.symlink_metadata().is_err() && std::fs::rename(folder, &aside).is_ok();
    let folder = if is_aside { &aside } else { folder };
    let mut removed = std::fs::remove_dir_all(folder);
    for _ in 0..REMOVALS {
        match &removed {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            _ => break,
        }
        std::thread::sleep(Duration::from_millis(5));
        removed = std::fs::remove_dir_all(folder);
    }
    if let Err(error) = removed {
        note(&format!("{}: it cannot be removed: {error}", folder.display()));
    }
}

/// What a folder is called while it is removed.
fn aside(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!("{name}.removed-{}", std::process::id()))
}

/// What is to be done where a signal ends it before the result is written, or before the folder is removed.
fn leave(folder: &Path) {
    tell_where(folder);
    // Where it is not there, that is no failure.
    let _ = std::fs::remove_dir_all(aside(folder));
}

/// Tells where a recording is that no result was made of.
fn tell_where(folder: &Path) {
    if folder.is_dir() {
        note(&format!("what was recorded is in {}", folder.display()));
    }
}

/// `3 processes, 12 threads, 1,234,567 calls in 2.31 s`.
fn summary(profile: &Profile, ended: &Ended) -> String {
    let distinct = |mut ids: Vec<(i64, i64)>| {
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    let origins = profile.origins().rows();
    let processes = distinct(origins.iter().filter_map(|origin| Some((origin.pid?, 0))).collect());
    let threads = distinct(origins.iter().filter_map(|origin| Some((origin.pid?, origin.tid?))).collect());
    let samples = || profile.sample_type_named(b"samples");
    let (counted, noun) =
        profile.calls_type().map_or_else(|| (samples(), "sample"), |calls| (Some(calls), "call"));
    let counted: i64 = counted.map_or(0, |column| profile.samples().values(column).iter().sum());
    let counted = count(usize::try_from(counted).unwrap_or(0), noun);
    let took = ended.took.as_secs_f64();
    let running = match ended.running {
        0 => String::new(),
        1 => "; 1 of them still runs, and is in it up to now".to_owned(),
        number => format!("; {number} of them still run, and are in it up to now"),
    };
    let (processes, threads) = (count(processes, "process"), count(threads, "thread"));
    format!("{processes}, {threads}, {counted} in {took:.2} s{running}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_after_the_output() {
        let cases = [
            ("app.pb.gz", "app.recording"),
            ("/x/a.b.pstats", "/x/a.b.recording"),
            ("a.speedscope.json.gz", "a.recording"),
            ("plain", "plain.recording"),
            (".prof", ".prof.recording"),
        ];
        for (output, expected) in cases {
            assert_eq!(folder(Path::new(output)), Path::new(expected), "{output}");
        }
    }

    #[test]
    fn an_output_without_a_name_is_named_after_the_script() {
        let name = |command: &[&str]| {
            let command: Vec<OsString> = command.iter().map(OsString::from).collect();
            program_name(&command)
        };
        assert_eq!(name(&["python3", "-X", "dev", "dir/app.py", "x.py"]), "app");
        assert_eq!(name(&["/usr/bin/gunicorn", "app.py"]), "gunicorn");
        assert_eq!(name(&["python3.12", "app.pyz"]), "app");
        assert_eq!(name(&["/opt/python3.12", "-m", "http.server"]), "python3.12");
        assert_eq!(name(&["/opt/3.12"]), "3.12");
        assert_eq!(name(&["./serve.py"]), "serve");
        assert_eq!(name(&["./.py"]), ".py");
    }
}
