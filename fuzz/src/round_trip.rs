//! What must hold of any bytes, and of any profile that comes out of them, in every format of the registry.

use profkit_formats::{FORMATS, Format, Stacks, fit};
use profkit_profile::{BuildError, Profile, ReadError, ReadErrorKind, WriteError, WriteOptions, Written};

use crate::content::Content;
use crate::{memory, read};

/// What a reader may have in use for an input of no bytes.
const MEMORY: usize = 256 << 10;
/// And for each byte of it on top. A function, frame, stack and sample with their hash tables take some 400 bytes and
/// can be said in two (`a 1` in collapsed stacks); tables that grow exist twice for a moment.
const MEMORY_PER_BYTE: usize = 400;

/// Reads `bytes` and checks everything that can be checked of the result.
pub fn check(format: &'static dyn Format, bytes: &[u8]) {
    let _ = format.sniff(bytes);
    let forced = pick(format.dialects(), bytes);
    let Ok(profile) = check_read(format, forced, bytes) else { return };
    profile.validate().expect("what a reader builds holds together");
    if counts_are_possible(&profile) {
        check_written(format, forced, &profile, bytes);
    }
    check_conversions(format, &profile, bytes);
}

/// Reads `bytes` within the memory they allow; an error is at a place in them and says something.
pub fn check_read(format: &dyn Format, dialect: Option<&str>, bytes: &[u8]) -> Result<Profile, ReadError> {
    let (result, peak) = memory::peak(|| read(format, dialect, bytes));
    assert!(
        peak <= MEMORY + MEMORY_PER_BYTE * bytes.len(),
        "{peak} bytes in use for an input of {} bytes",
        bytes.len()
    );
    if let Err(error) = &result {
        assert!(error.offset <= bytes.len(), "the place of `{error}` is past the end");
        let inconsistent = matches!(&error.kind, ReadErrorKind::Build(BuildError::Invalid(_)));
        assert!(!inconsistent, "a defect of the reader: {error}");
        assert!(!error.kind.to_string().is_empty(), "an error without words");
    }
    result
}

/// One of the dialects, or none, by the input's length: so all are tried, and an input is always read alike.
fn pick(dialects: &'static [&'static str], bytes: &[u8]) -> Option<&'static str> {
    // Mostly none, as people do.
    let index = (bytes.len() / 2) % (dialects.len() + 1);
    if bytes.len() % 2 == 0 { None } else { dialects.get(index).copied() }
}

/// Whether no function has more primitive calls than calls. Nothing counts so but yappi's pstats, which swap the two, and
/// it is by this that they are told: in a pstats file such counts have no meaning of their own.
fn counts_are_possible(profile: &Profile) -> bool {
    profile.calls().functions().rows().iter().all(|row| match (row.primitive_calls, row.calls) {
        (Some(primitive), Some(calls)) => primitive <= calls,
        _ => true,
    })
}

/// Writes the profile in its own format, reads it back, and writes it again.
fn check_written(format: &dyn Format, forced: Option<&str>, profile: &Profile, bytes: &[u8]) {
    for dialect in [None, pick(format.written_dialects(), bytes)] {
        let Some((first, written)) = write(format, profile, dialect) else { continue };
        let back = read_back(format, &first);
        // What was read as another dialect than its own is read back as its own.
        if written.losses.is_empty() && dialect.is_none() && forced.is_none() {
            let (said, says) = (Content::of(profile), Content::of(&back));
            assert!(said == says, "written without a word of loss, but\n{}", said.difference(&says));
        }
        let (again, _) = write(format, &back, dialect).expect("what was read back is written");
        assert!(
            again == first,
            "not the same after reading it back ({dialect:?}):\n{}\nbecame\n{}",
            first.escape_ascii(),
            again.escape_ascii()
        );
    }
}

/// Writes the profile in every other format, made to fit.
fn check_conversions(from: &dyn Format, profile: &Profile, bytes: &[u8]) {
    let stacks = if bytes.len() % 3 == 0 { Stacks::Edges } else { Stacks::Reconstruct };
    for format in FORMATS.iter().filter(|format| format.name() != from.name()) {
        // Sums that do not fit 64 bits.
        let Ok(fitted) = fit(profile.clone(), format.holds(), stacks) else { continue };
        fitted.profile.validate().expect("what is made to fit holds together");
        let Some((written, _)) = write(*format, &fitted.profile, None) else { continue };
        match read(*format, None, &written) {
            // What is no time is written as seconds where there is nothing else, and read as nanoseconds.
            Err(error) if error.to_string().contains("not fit 64 bits") => {}
            Err(error) => unreadable(*format, &error, &written),
            Ok(_) => {}
        }
    }
}

/// `None` where the format cannot hold the profile, and says why.
fn write(format: &dyn Format, profile: &Profile, dialect: Option<&str>) -> Option<(Vec<u8>, Written)> {
    let mut bytes = Vec::new();
    let options = WriteOptions { dialect, ..WriteOptions::default() };
    match format.write(profile, &mut bytes, &options) {
        Ok(written) => Some((bytes, written)),
        Err(WriteError::Unsupported(_)) => None,
        Err(error) => panic!("{}: {error}", format.name()),
    }
}

fn read_back(format: &dyn Format, bytes: &[u8]) -> Profile {
    read(format, None, bytes).unwrap_or_else(|error| unreadable(format, &error, bytes))
}

fn unreadable(format: &dyn Format, error: &ReadError, bytes: &[u8]) -> ! {
    panic!("{} does not read what it wrote: {error}\n{}", format.name(), bytes.escape_ascii())
}
