//! Reads and writes the JSON files of [speedscope](https://www.speedscope.app), which py-spy, pyinstrument, austin,
//! memray and many others write.
//!
//! # The format
//!
//! ```json
//! {"$schema": "https://www.speedscope.app/file-format-schema.json",
//!  "exporter": "profkit 0.1.0",
//!  "name": "demo",
//!  "activeProfileIndex": 0,
//!  "shared": {"frames": [{"name": "main", "file": "app.py", "line": 3}, {"name": "work", "col": 1}]},
//!  "profiles": [
//!    {"type": "sampled", "name": "Thread 12 \"MainThread\"", "unit": "seconds", "startValue": 0, "endValue": 0.03,
//!     "samples": [[0, 1], [0], []], "weights": [0.01, 0.01, 0.01]},
//!    {"type": "evented", "name": "calls", "unit": "nanoseconds", "startValue": 0, "endValue": 90,
//!     "events": [{"type": "O", "frame": 0, "at": 0}, {"type": "O", "frame": 1, "at": 20},
//!                {"type": "C", "frame": 1, "at": 50}, {"type": "C", "frame": 0, "at": 90}]}
//! ]}
//! ```
//!
//! One file has several profiles, usually one a thread, over one list of frames.
//! * A **sampled** profile is a list of stacks, frame numbers from the root to the leaf, and one of as many weights.
//!   Samples stand one after another; `[]` is a gap.
//! * An **evented** profile is a trace: frames are opened and closed at a time, nested, times never going back.
//! * The **unit** is that of weights and times: `none`, `bytes`, `nanoseconds`, `microseconds`, `milliseconds` or
//!   `seconds`.
//!
//! # In the model
//!
//! | file | model |
//! |---|---|
//! | profile | a [`Track`](profkit_profile::Track) of samples or of intervals, with name, unit, start and end; of sums where profkit says that there is no order |
//! | unit of time / `bytes` / any other | sample type `time`/nanoseconds, `memory`/bytes, `weight`/none with decimals |
//! | name of a profile by py-spy, austin or profkit; py-spy's frames of processes and threads at the root | [`Origin`](profkit_profile::Origin): process, thread |
//! | any other name of a profile, where those of several profiles of one sample type differ | [`Origin`](profkit_profile::Origin): name of a thread |
//! | `O` events of exporters that trace every call | calls; of any other the number of calls is not known |
//! | `name`, `file`, `line`, `col` of a frame | function and frame; `line` is the one that ran, or the definition's |
//! | `name`, `activeProfileIndex`, `exporter` | title, active track and default sample type, producer |
//!
//! Values are exact: decimals are read as decimals, not as doubles. Seconds with more than nine of them are rounded
//! so that a profile's sum stays right to the nanosecond. A file that was read is written back as it was: the same
//! kinds of profile in the same order and units, the same events. Samples of other formats become one sampled profile
//! for each origin and sample type, weights in the order of the samples; `exporter` then says that this is no order of
//! time. Several measures in one unit (`cpu` and
//! `wall`) are told by the names of their profiles, so that they are not added up when read back.
//!
//! # What real files do
//!
//! * py-spy 0.4.3 and pyinstrument 5.1.3 write `null` for `activeProfileIndex`, `col` and `file`, which the schema
//!   forbids and the app takes. It is read as absence and never written.
//! * They also put `profiles` before `shared`; speedscope 0.0.1 put `type` and `unit` after `events`.
//! * pyinstrument and the PyPI package `speedscope` give the line of a function's definition, others the one that ran.
//! * Events need not be calls: pyinstrument 5.1.3, dotnet-trace and speedscope's own export join samples in a row to
//!   one event. Only the PyPI package `speedscope` is known to write every call.
//! * py-spy's `--threads` and `--subprocesses` put frames for threads and processes at the root, without file. They know
//!   command lines, and names of threads that the profile's name was too early for.
//! * Sums of doubles make times go back by a hair; the app refuses such files, this reader does not.
//! * Frames that are never left: likewise. They last to the end of the profile.
//! * Lone surrogates in names (`\udcf3`, Python's sign for a byte that is no UTF-8) are kept as the three bytes that
//!   Python's `surrogatepass` makes of them, and written back.
//! * The app takes negative weights for an error, so a profile with negative values cannot be written.
//! * The app counts in doubles: nanoseconds since 1970 lose all below 256 ns there (not here).
//!
//! # Versions
//!
//! | speedscope | |
//! |---|---|
//! | 0.0.1 | `version`, evented profiles |
//! | 0.1.2 | sampled profiles |
//! | 0.6.0 | `name` and `activeProfileIndex`; `exporter` in place of `version`, on which nothing ever depended |
//!
//! Learned from the schema and importer of the npm package speedscope 1.25.0 and its sample files, from the sources and
//! the output of py-spy 0.4.3, pyinstrument 5.1.3, austin-python 2.4.0, memray 1.20.0 and the PyPI package speedscope
//! 1.0.
//!
//! # Example
//!
//! ```
//! use profkit_format_speedscope::Speedscope;
//! use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};
//!
//! let file = br#"{"$schema": "https://www.speedscope.app/file-format-schema.json",
//!     "shared": {"frames": [{"name": "main"}, {"name": "work"}]},
//!     "profiles": [{"type": "sampled", "name": "Thread 12 \"MainThread\"", "unit": "seconds",
//!         "startValue": 0, "endValue": 0.03, "samples": [[0, 1], [0]], "weights": [0.02, 0.01]}]}"#;
//! let mut builder = ProfileBuilder::new();
//! Speedscope.read(&Input::new(file), &mut builder)?;
//! let profile = builder.finish()?;
//! assert_eq!(profile.samples().values(0), [20_000_000, 10_000_000]);
//! assert_eq!(profile.origins().rows()[1].tid, Some(12));
//!
//! let mut out = Vec::new();
//! Speedscope.write(&profile, &mut out, &WriteOptions::default())?;
//! assert!(String::from_utf8(out)?.contains(r#""samples":[[0,1],[0]],"weights":[0.02,0.01]"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod decimal;
mod event_scanner;
mod events;
mod exporter;
mod frame_numbers;
mod json;
mod lanes;
mod losses;
mod measure;
mod profile_name;
mod read;
mod roots;
mod samples;
mod schema;
mod sniff;
mod source;
mod stack_texts;
mod unit;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The speedscope format.
#[derive(Clone, Copy, Default, Debug)]
pub struct Speedscope;

impl Format for Speedscope {
    fn name(&self) -> &'static str {
        "speedscope"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["speedscope.json", "json"]
    }

    fn about(&self) -> &'static str {
        "JSON of speedscope.app, py-spy, pyinstrument: samples or calls of each thread, in order of time"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        true
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        sniff::sniff(input)
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        read::read(input.bytes, into)
    }

    fn write(
        &self,
        profile: &Profile,
        to: &mut dyn Write,
        options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError> {
        options.check(profile, self)?;
        write::write(profile, to, options)
    }
}
