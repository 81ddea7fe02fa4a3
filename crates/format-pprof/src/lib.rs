//! pprof: the protobuf format of Go's profiler and many others, for `go tool pprof`.
//!
//! # The file
//!
//! One protobuf message, `perftools.profiles.Profile` ([`proto`] has all of it), nearly always gzipped; crate
//! `profkit-formats` takes that off. A message is a run of fields, each a key (number and wire type in one varint) and a
//! value: a varint, or a length and as many bytes. A field that is not there is 0.
//!
//! * **Strings** are numbers everywhere: indices into `string_table` (6), whose first entry is `""`. They need not be
//!   UTF-8, though the schema says so.
//! * **Sample types** (1) say what the values count: a name and a unit. Each **sample** (2) has as many values, a
//!   list of location ids, **the leaf first**, and labels: a text, or a number with a unit.
//! * A **location** (4) is an instruction: an address in a mapping, and its lines. Several lines are inlined calls: the
//!   **last** line is the function that was compiled there, the ones before it are inlined into it, the first innermost.
//! * **Functions** (5) have a name for people, one for the linker, a file and the line of their definition.
//! * **Mappings** (3) are the binaries in memory; the first is the main one.
//! * Ids are any numbers but 0, in any order. Fields may come in any order too: Go's runtime writes samples amid the
//!   tables they need, and the strings last.
//!
//! `main` calls `work`, once seen, 5 ns:
//!
//! ```
//! use profkit_format_pprof::Pprof;
//! use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};
//!
//! let file = [
//!     &b"\x0a\x04\x08\x01\x10\x02"[..],       // field 1, 4 bytes: a sample type, strings 1 and 2
//!     b"\x12\x07\x0a\x02\x01\x02\x12\x01\x05",  // 2: a sample, locations 1 (the leaf) and 2, value 5
//!     b"\x22\x08\x08\x01\x22\x04\x08\x01\x10\x07", // 4: location 1 has a line: function 1, line 7
//!     b"\x22\x08\x08\x02\x22\x04\x08\x02\x10\x03", // 4: location 2, function 2, line 3
//!     b"\x2a\x04\x08\x01\x10\x03",             // 5: function 1 is named by string 3
//!     b"\x2a\x04\x08\x02\x10\x04",             // 5: function 2 by string 4
//!     b"\x32\x00\x32\x03cpu\x32\x0bnanoseconds\x32\x04work\x32\x04main", // 6: strings 0 to 4
//! ]
//! .concat();
//! let mut builder = ProfileBuilder::new();
//! Pprof.read(&Input::new(&file), &mut builder)?;
//! let profile = builder.finish()?;
//! let leaf_first: Vec<_> = profile
//!     .stacks()
//!     .leaf_first(profile.samples().stacks()[0])
//!     .map(|id| (profile.frames()[id].function, profile.frames()[id].line))
//!     .map(|(function, line)| (profile.text(profile.functions()[function.unwrap()].name), line))
//!     .collect();
//! assert_eq!(leaf_first, [("work".into(), 7), ("main".into(), 3)]);
//! assert_eq!(profile.samples().values(0), [5]);
//! let mut written = Vec::new();
//! Pprof.write(&profile, &mut written, &WriteOptions::default())?;
//! assert_eq!(written, file);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of it
//!
//! A line is a frame; the inlined ones are marked so and share the address of the frame that they are inlined into. A
//! location without lines is a frame without function. Samples stay rows in the order of the file, sample types stay
//! even if two are equal, and all mappings are kept, since the first one means something. Functions and locations
//! that no sample has are dropped. Values keep the unit of the file.
//!
//! Labels are kept in their order. Six are the model's origin, if each is there at most once: `pid` and `tid` (numbers
//! without unit; `"0"` for an id of 0), `process`, `thread`, `host` and `file` (texts; the last names the input of a
//! merge). Other names for the same, such as austin's
//! `Process ID` or libdatadog's `thread id`, stay labels. Comments that begin with profkit's own words mark an estimate.
//!
//! # Dialects
//!
//! There is one schema, and everybody's habits:
//!
//! | written by | habits |
//! |---|---|
//! | Go's runtime | lists of one or two numbers are not packed; stacks are cut: at 64 frames of CPU profiles, at 32 of others (128 since Go 1.23) |
//! | `go tool pprof -base`, `-diff_base` | negative values; the latter marks the base by the label `pprof::base` |
//! | gperftools by `go tool pprof -proto` | patterns of frames to drop and keep; addresses without lines if not symbolized |
//! | austin2pprof 2.4 | not gzipped; the unit `μs`, which Go's pprof prints but does not scale |
//! | pprof-rs 0.15 | not gzipped; no mappings and no addresses; the label `thread` |
//! | libdatadog, ddtrace 4 | zstd instead of gzip; a dozen sample types; `thread id`, `thread name` |
//! | @datadog/pprof 5 | columns of lines |
//! | mprofile, pypprof | a duration of 1 ns |
//! | Pyroscope's .NET profiler until September 2023 | functions without ids: lines count them from 1. Go refuses the file |
//! | Pyroscope's servers | several empty strings, strings that are not UTF-8 |
//!
//! All of them are read. So is a mapping id that is not there (none, as for Go), a line without function, a location with
//! the id 0. Refused with the place are: an index or id that stands for nothing, an id that is there twice, a sample with
//! more or fewer values than there are sample types, two profiles in a row, and everything that is not protobuf.
//!
//! What was called pprof before (gperftools' binary and text profiles, Go's `debug=1` pages, jemalloc's heap profiles) is
//! told apart and refused with the command that converts it.
//!
//! # Writing
//!
//! What Go's pprof 1.19 and 1.27 accept: ids from 1 and strings in the order of their first use, `""` first and once,
//! packed lists, every line with a function. The same profile gives the same bytes, and a file that we wrote is written
//! the same again. The samples come first, so that nothing but the tables is held in memory.
//!
//! * Go's pprof takes a label without text, and with the number 0 and no unit, for no label. An origin's id of 0 is a text
//!   for that reason; other such labels are written and told as a loss.
//! * pprof's values are integers. Values with decimals have them in the unit: `weight/none/1000`.
//! * A frame that is inlined goes into the location of its caller if that has the same address, else it stands alone.
//! * Time order, the title and the kinds of frames (kernel, JIT) have no place, and are told as losses.
//! * An estimate always has a comment that says so.
//!
//! What others make of what is written: speedscope 1.25 takes the last line of each location only, so inlined frames
//! vanish there, shows one sample type, and no labels. It once took `default_sample_type`, which is a string, for a
//! position. Go 1.19 knows neither columns nor `doc_url`.
//!
//! # History
//!
//! Fields have only ever been added: `doc_url` and the columns of lines are the latest. Go's runtime writes it since Go
//! 1.9. Learned from `profile.proto`, `profile/encode.go` and `profile/legacy_profile.go` of github.com/google/pprof, from
//! what the copies in Go 1.19 and 1.27 accept, and from files of the tools above.
#![forbid(unsafe_code)]

mod encode;
mod ids;
mod labels;
mod legacy;
mod locations;
mod outline;
pub mod proto;
mod read;
mod samples;
mod sniff;
mod stacks;
mod string_ids;
mod strings;
mod tables;
mod unit;
mod wire;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The pprof format.
#[derive(Clone, Copy, Debug)]
pub struct Pprof;

impl Format for Pprof {
    fn name(&self) -> &'static str {
        "pprof"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["pb.gz", "pprof", "pb"]
    }

    fn about(&self) -> &'static str {
        "protobuf profiles of Go, Parca, Pyroscope, Datadog and many others, for go tool pprof"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        false
    }

    fn is_gzipped(&self) -> bool {
        true
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        sniff::sniff(input)
    }

    fn may_begin(&self, head: &[u8]) -> bool {
        sniff::may_begin(head)
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        read::read(input, into)
    }

    fn write(
        &self,
        profile: &Profile,
        to: &mut dyn Write,
        options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError> {
        options.check(profile, self)?;
        write::write(profile, to)
    }
}
