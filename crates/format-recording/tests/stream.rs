//! Sample streams as the sampler writes them, whole, torn at any byte, and broken.
#![allow(clippy::unwrap_used)]

use profkit_format_recording::{Pack, Recording};
use profkit_profile::{Format, Input, Profile, ProfileBuilder, ReadError, Sniff};
use profkit_recording::stream::{Sample, Writer, counter, kind};

/// Two threads of a process: one in `main` and in `main;work`, one always in `main`.
fn stream() -> Vec<u8> {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a.samples");
    let mut writer = Writer::create(&path).unwrap();
    writer.record(kind::BEGIN, &[1_700_000_000_000_000_000, 1_000_000]);
    for text in ["main", "/app.py", "work", "python app.py", "worker"] {
        writer.text(text);
    }
    writer.record(kind::FUNCTION, &[1, 2, 10]);
    writer.record(kind::FUNCTION, &[3, 2, 20]);
    writer.record(kind::FRAME, &[1, 11]);
    writer.record(kind::FRAME, &[2, 0]);
    writer.record(kind::STACK, &[0, 1]);
    writer.record(kind::STACK, &[1, 2]);
    writer.record(kind::PROCESS, &[4_000, 77, 0x030d_00f0, 4]);
    for tid in [4_000, 4_001] {
        assert_eq!(u64::from(writer.next_thread()), tid - 3_999);
        writer.record(kind::THREAD, &[1, tid, 0]);
    }
    writer.record(kind::NAME, &[2, 5]);
    writer.record(kind::PROCESS, &[5_000, 78, 0x030d_00f0, 4]);
    let rows = [
        Sample {
            thread: 1,
            stack: 1,
            count: 1,
            wall: 1_000_000,
            cpu: 1_000_000,
            gil: 1_000_000,
            gil_wait: 0,
        },
        Sample { thread: 1, stack: 2, count: 3, wall: 3_000_000, cpu: 200, gil: 100, gil_wait: 50 },
        Sample { thread: 2, stack: 1, count: 1, wall: 3_000_000, cpu: 0, gil: 0, gil_wait: 3_000_000 },
        Sample { thread: 1, stack: 0, count: 0, wall: 5_000_000, cpu: 0, gil: 0, gil_wait: 0 },
        Sample { thread: 1, stack: 1, count: 1, wall: 1_000_000, cpu: 0, gil: 0, gil_wait: 0 },
    ];
    for row in &rows[..2] {
        writer.sample(row);
    }
    writer.flush();
    for row in &rows[2..] {
        writer.sample(row);
    }
    let counters =
        [(counter::ASKED, 10), (counter::TAKEN, 9), (counter::MISSED, 1), (counter::LATENESS, 270_000)];
    for (which, value) in counters {
        writer.record(kind::COUNTER, &[which, value]);
    }
    writer.record(kind::END, &[10_000_000]);
    writer.flush();
    assert!(writer.failure().is_none());
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), writer.written());
    bytes
}

fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Recording.read(&Input::new(bytes), &mut builder)?;
    Ok(builder.finish().unwrap())
}

/// Thread, stack outermost first, and values of each row.
fn rows(profile: &Profile) -> Vec<(i64, String, Vec<i64>)> {
    let name = |frame| {
        let frame: profkit_profile::Frame = profile.frames()[frame];
        let function = profile.functions()[frame.function.unwrap()];
        format!("{}:{}", profile.text(function.name), frame.line)
    };
    let samples = profile.samples();
    let row = |index: usize| {
        let sample = samples.get(index);
        let mut frames = Vec::new();
        profile.stacks().root_first(sample.stack, &mut frames);
        let frames: Vec<_> = frames.into_iter().map(name).collect();
        (profile.origins()[sample.origin].tid.unwrap(), frames.join(";"), samples.row_values(index))
    };
    (0..samples.len()).map(row).collect()
}

#[test]
fn samples_are_added_up_by_stack_and_thread() {
    let bytes = stream();
    assert_eq!(Recording.sniff(&bytes), Sniff::Yes);
    let profile = read(&bytes).unwrap();
    let expected = vec![
        (4_000, "main:11".to_owned(), vec![2, 2_000_000, 1_000_000, 1_000_000, 0]),
        (4_000, "main:11;work:0".to_owned(), vec![3, 3_000_000, 200, 100, 50]),
        (4_001, "main:11".to_owned(), vec![1, 3_000_000, 0, 0, 3_000_000]),
    ];
    assert_eq!(rows(&profile), expected);
    assert_eq!(profile.meta().duration_ns, Some(10_000_000));
    assert_eq!(profile.meta().period, 1_000_000);
    let threads: Vec<_> = profile.origins().rows().iter().map(|origin| profile.text(origin.thread)).collect();
    assert!(threads.contains(&"worker".into()), "{threads:?}");
    assert!(profile.meta().notes.iter().any(|note| note.starts_with("9 of 10 moments sampled")));
    let is_told = |note: &String| note.starts_with("no sample was taken of 1 of 2 processes");
    assert!(profile.meta().notes.iter().any(is_told), "{:?}", profile.meta().notes);
    let comments: Vec<_> = profile.meta().comments.iter().map(|&comment| profile.text(comment)).collect();
    assert!(comments.iter().any(|text| text.contains("taken 30µs after their moments")), "{comments:?}");
}

#[test]
fn what_is_cut_off_anywhere_is_the_part_before() {
    let bytes = stream();
    let whole = rows(&read(&bytes).unwrap());
    let mut lengths = Vec::new();
    for end in 12..bytes.len() {
        let profile = read(&bytes[..end]).unwrap();
        lengths.push(profile.samples().len());
        assert!(profile.meta().notes.iter().any(|note| note.contains("has not ended")), "{end}");
    }
    assert!(lengths.is_sorted());
    assert_eq!(lengths.first(), Some(&0));
    // The first block alone: the thread that was settled first.
    assert_eq!(lengths.last(), Some(&2));
    assert_eq!(whole.len(), 3);
}

#[test]
fn a_file_that_was_being_made_takes_nothing_from_the_others() {
    let bytes = stream();
    let mut pack = Pack::new();
    pack.add(b"1-1-0.samples", &bytes);
    pack.add(b"2-2-0.samples", &bytes[..9]);
    pack.add(b"3-3-0.trace", &profkit_recording::trace::MAGIC);
    let profile = read(&pack.into_bytes()).unwrap();
    assert_eq!(rows(&profile), rows(&read(&bytes).unwrap()));
    let left_out = profile.meta().notes.iter().filter(|note| note.ends_with("and was left out"));
    let names: Vec<_> = left_out.map(|note| note.split(':').next().unwrap()).collect();
    assert_eq!(names, ["2-2-0.samples", "3-3-0.trace"]);
    assert!(read(&bytes[..9]).unwrap_err().to_string().contains("the middle of the header"));
}

#[test]
fn a_block_with_another_checksum_ends_the_reading() {
    let mut bytes = stream();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let profile = read(&bytes).unwrap();
    assert_eq!(profile.samples().len(), 2);
    assert!(profile.meta().notes.iter().any(|note| note.contains("torn")));
}

#[test]
fn what_refers_to_nothing_is_an_error_with_its_place() {
    let folder = tempfile::TempDir::new().unwrap();
    for (index, (kind, numbers)) in [
        (kind::STACK, vec![0, 1]),
        (kind::STACK, vec![9, 1]),
        (kind::FUNCTION, vec![1, 1, 1]),
        (kind::THREAD, vec![1, 2, 3]),
        (kind::SAMPLE, vec![1]),
        (60, vec![]),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(index.to_string());
        let mut writer = Writer::create(&path).unwrap();
        writer.record(kind, &numbers);
        writer.flush();
        let error = read(&std::fs::read(&path).unwrap()).unwrap_err();
        assert!(error.offset >= 20, "{index}: {error:?}");
    }
}
