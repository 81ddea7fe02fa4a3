//! **callgrind**: costs of functions and of the calls between them, as text. Valgrind's tool of that name defined it;
//! yappi, Go's pprof, gperftools, pyprof2calltree, xdebug and others write it too, mostly for KCachegrind to show.
//!
//! # The file
//!
//! ```text
//! # callgrind format                     optional
//! version: 1
//! creator: callgrind-3.19.0
//! pid: 230                               a header a part: who, which thread, which numbers
//! cmd:  ./native
//! part: 1
//! positions: line                        or `instr`, or `instr line`: what stands in front of costs
//! events: Ir Dr                          what the costs count
//!
//! ob=(1) /app/native                     binary
//! fl=(3) /app/native.c                   file
//! fn=(218) fib                           function: `(218) name` gives a number, `(218)` alone refers back
//! 12 12 5                                a cost line: at line 12, 12 Ir and 5 Dr of fib itself
//! +1 6                                   at line 13; costs left out are 0
//! cob=(2) /lib/libm.so                   a call: of which binary, file and function …
//! cfi=(4) math.c
//! cfn=(219) pow
//! calls=3 50                             … 3 times, into its line 50 …
//! * 3136 900                             … from this line, costing this with all callees
//! fi=(5) /app/inline.h                   the next lines are of another file (inlined) …
//! 7 4
//! fe=(3)                                 … and here fib's own file goes on
//! totals: 3158 905
//! ```
//!
//! | callgrind | model |
//! |---|---|
//! | event | a sample type; the unit from `cpu(ms)`, from an `event: ns : Nanoseconds` line, microseconds for yappi's `Ticks`, else `count` |
//! | `fn=` in the file of `fl=` | a function; its first line is where calls of it lead (the smallest such line), unless that is where samples were |
//! | the sum of its cost lines | its self |
//! | self and calls, but for calls of itself | its total; in a cycle of several functions at most what the whole cycle costs |
//! | the sum of all calls of it | its calls; unknown for one that nobody calls. Those by others are the primitive ones, unless it calls itself through others |
//! | cost line | a line cost: line, address, binary, and the file if it is inlined from another |
//! | call | a call edge with its total, its caller's frame, and no self |
//! | `pid`, `cmd`, `thread` | the origin; parts of one thread add up |
//! | `ob=` | a mapping, the first of which is the binary that `cmd` names, if there is one |
//! | `desc:` | comments |
//! | jumps, derived events | left out |
//!
//! `summary:` and `totals:` that differ from the sum of the cost lines are noted ([`Meta::notes`]); the cost lines hold.
//!
//! [`Meta::notes`]: profkit_profile::Meta::notes
//!
//! # What the specification leaves open
//!
//! The specification is chapter 3 of Valgrind's technical documentation. Beyond it:
//!
//! * After `fi=`, a new `fn=` is in the file of the last `fl=` again. Valgrind 3.19 writes it so (`callgrind/dump.c` keeps
//!   the two apart) and KCachegrind reads it so; callgrind_annotate does not, and shows some functions twice.
//! * `cfi=` and `cob=` hold for one call and default to the current file, inlined or not, and to the current binary.
//! * `calls=0` means that nobody has counted (Go) or that the call began in an earlier part (valgrind). callgrind_annotate
//!   3.19 takes the cost that follows for the caller's own: 8,770 instead of 1,190 ms of a file by Go.
//! * A call's line moves the base of relative positions, its target does not. (Valgrind moves it by its own cost lines
//!   only; its files, compressed and not, come out the same both ways.)
//! * `???` is an unknown file or binary. A function that is named by its address in an unknown file is in the file of its
//!   binary, from whose begin valgrind counts: one at `0x10c0` is in nearly every program.
//! * Positions may be ranges (`10-13`, KCachegrind), costs `.` for none (Cachegrind 1) or negative (differences).
//! * Lines may end in `\r\n`, a byte order mark may come first. Any other line that is not of the format is an error.
//!
//! # Writers
//!
//! | | |
//! |---|---|
//! | valgrind 3.7 to 3.19, 0.10.1 | `--separate-callers`, `--separate-recs`: names such as `fib'2'main` are kept; with `--compress-mangled=yes` they are made of numbers, `(5)'2'(7)`, and put together. `--mangle-names=no` adds `rec=` and `frfn=`, of which only the names matter. `--combine-dumps=yes` writes several parts |
//! | yappi 1.0 to 1.7.6 | the name is `name file:line` and is taken apart; costs stand at the definition, calls nowhere; 1.0 to 1.4 lack definitions (yappi#95), 1.6 has them twice (yappi#205); newlines in names are not escaped: the lines go on the name |
//! | Go 1.19, 1.27 (`go tool pprof -callgrind`) | `instr line`, many blocks a function, calls not counted (`calls=0`) and leading to lines of samples, the unit in the event |
//! | pyprof2calltree 1.4 | no `creator`; first costs and calls stand at the definition, `name:line` where a file has a name twice |
//! | gperftools 2.10 | `events: Hits`: calls are samples, and lead to their lines |
//! | xdebug 3 | `Time_(10ns)`: costs are read as ten times so many |
//! | Cachegrind | nothing special |
//!
//! # Writing
//!
//! What is written opens in callgrind_annotate 3.19, gprof2dot 2025.4.14 and speedscope 1.25.0 with the same self and call
//! costs (speedscope's importer estimates its own), and keeps to what KCachegrind's loader says it takes: see the top of
//! `write.rs`. Names that
//! cannot stand on a line are escaped, functions of a file that share their name get `:line`, and everything that is lost
//! is said in [`Written::losses`]. Origins are added up into one part, since only KCachegrind and gprof2dot read more;
//! the dialect `parts` keeps them apart.
//!
//! ```
//! use profkit_format_callgrind::Callgrind;
//! use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};
//!
//! let file = b"events: Ir\nfl=a.c\nfn=main\n3 20\ncfn=work\ncalls=2 7\n4 800\nfn=work\n7 800\n";
//! let mut builder = ProfileBuilder::new();
//! Callgrind.read(&Input::new(file), &mut builder)?;
//! let profile = builder.finish()?;
//! let functions = profile.calls().functions();
//! assert_eq!(profile.text(profile.functions()[functions.rows()[1].function].name), "work");
//! assert_eq!((functions.own(0), functions.total(0)), (&[20, 800][..], &[820, 800][..]));
//!
//! let mut written = Vec::new();
//! Callgrind.write(&profile, &mut written, &WriteOptions::default())?;
//! assert!(String::from_utf8(written)?.ends_with(
//!     "events: Ir\n\nfl=(1) a.c\nfn=(1) main\n0 0\n3 20\ncfi=(1)\ncfn=(2) work\ncalls=2 7\n4 800\n\n\
//!      fl=(1)\nfn=(2)\n7 0\n7 800\n\ntotals: 820\n"
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod blocks;
mod costs;
mod dialect;
mod event;
mod finish;
mod header;
mod inclusive;
mod lines;
mod losses;
mod names;
mod number;
mod read;
mod resolve;
mod sniff;
mod spell;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The format.
#[derive(Clone, Copy, Default, Debug)]
pub struct Callgrind;

impl Format for Callgrind {
    fn name(&self) -> &'static str {
        "callgrind"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["callgrind.out", "callgrind"]
    }

    fn about(&self) -> &'static str {
        "calls and their costs as valgrind's callgrind, yappi and others write them for KCachegrind"
    }

    fn holds(&self) -> Evidence {
        Evidence::CallEdges
    }

    fn is_text(&self) -> bool {
        true
    }

    fn written_dialects(&self) -> &'static [&'static str] {
        &[write::PARTS]
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
