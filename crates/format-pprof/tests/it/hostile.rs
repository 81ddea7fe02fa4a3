//! Files that mean harm, or are broken.

use profkit_format_pprof::{Pprof, proto};
use profkit_profile::{Format, Profile, ProfileBuilder, ReadErrorKind, Sample, Sniff};
use proptest::prelude::*;
use prost::Message;

use crate::canonical::check_strict;
use crate::files::{decode, fixtures, function, location, read, small, strings, try_write};

/// Small files of real tools, as different from each other as there are.
const FILES: [&str; 5] = [
    "go-1.19-heap.pb.gz",
    "datadog-pprof-5.20.0-columns.pb.gz",
    "pprof-rs-0.15.0-cpu.pb",
    "austin-python-2.4.0-wall.pb",
    "mprofile-0.0.15-heap.pb.gz",
];

fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = fixtures("pprof");
    files.retain(|(name, _)| FILES.contains(&name.as_str()));
    assert_eq!(files.len(), FILES.len());
    files
}

/// A varint field that is not what the schema's own types could say.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
    out
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).map(|_| "a profile").unwrap_err().to_string()
}

/// What is read can be written, as a file that Go's pprof takes; what is refused is refused at a place of the file.
fn survive(bytes: &[u8]) {
    Pprof.sniff(bytes);
    match read(bytes) {
        Ok(profile) => {
            let (written, _) = try_write(&profile).unwrap();
            check_strict(&decode(&written));
            assert!(try_write(&read(&written).unwrap()).unwrap().0 == written, "the second writing differs");
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error} of {} bytes", bytes.len());
            let first = error.to_string().chars().next().unwrap();
            assert!(first.is_lowercase(), "{error}");
        }
    }
}

#[test]
fn a_file_may_be_cut_anywhere() {
    for (name, bytes) in files() {
        // All of a short file; of a long one every place near its ends and some between.
        let step = (bytes.len() / 2_000).max(1);
        let mut refused = 0;
        for end in (0..bytes.len()).step_by(step) {
            survive(&bytes[..end]);
            refused += usize::from(read(&bytes[..end]).is_err());
        }
        assert!(refused > 0, "{name} is never refused");
    }
}

#[test]
fn every_byte_may_be_anything() {
    let mut file = small();
    file.mapping = vec![proto::Mapping { id: 1, memory_start: 9, filename: 3, ..Default::default() }];
    file.location[0].line.push(proto::Line { function_id: 2, line: -1, column: 4 });
    file.sample[0].label = vec![proto::Label { key: 1, num: 300, num_unit: 2, ..Default::default() }];
    file.comment = vec![1, 2, 300_000];
    file.comment.pop();
    file.time_nanos = 1 << 60;
    let bytes = file.encode_to_vec();
    for at in 0..bytes.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            survive(&bytes);
        }
    }
}

#[test]
fn numbers_are_as_large_as_they_like() {
    for number in [1 << 31, 1 << 32, 1 << 63, u64::MAX] {
        // As the length of anything, and of a packed list.
        for key in [0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x5a, 0x6a] {
            let file = [&small().encode_to_vec()[..], &[key], &varint(number), b"rest"].concat();
            assert!(refusal(&file).starts_with("the file ends in the middle of the profile"), "{key:x}");
        }
        let sample = field(2, &[&[0x0a][..], &varint(number), &[1]].concat());
        let file = [small().encode_to_vec(), sample].concat();
        assert!(refusal(&file).starts_with("a sample ends in the middle of a field"));
        // As a value, an address, a line, a time.
        let mut file = small();
        let signed = number.cast_signed();
        file.sample[0].value = vec![signed];
        file.location[0].address = number;
        file.location[0].line[0] = proto::Line { function_id: 1, line: signed, column: signed };
        file.function[0].start_line = signed;
        (file.time_nanos, file.duration_nanos, file.period) = (signed, signed, signed);
        let written = decode(&try_write(&read(&file.encode_to_vec()).unwrap()).unwrap().0);
        assert_eq!(written.sample[0].value, [signed]);
        assert_eq!((written.time_nanos, written.duration_nanos, written.period), (signed, signed, signed));
        // As an id: found like any other, and no table as long as that.
        let mut file = small();
        file.location[1].id = number;
        file.sample[0].location_id[0] = number;
        file.function[1].id = number;
        file.location[1].line[0].function_id = number;
        assert_eq!(crate::files::stacks(&read(&file.encode_to_vec()).unwrap()), ["work:7 main:3"]);
        // As something that is not there.
        file.sample[0].location_id = vec![number - 1];
        assert!(
            refusal(&file.encode_to_vec()).starts_with(&format!("location {} is not defined", number - 1))
        );
    }
    let eleven = [small().encode_to_vec(), [&[0x60][..], &[0xff; 10], &[1]].concat()].concat();
    assert!(refusal(&eleven).starts_with("in the profile, a number has more than 64 bits"));
}

#[test]
fn messages_in_messages_are_not_followed() {
    // prost and we know the depth of the schema; what is nested deeper is an unknown field, skipped by its length.
    let mut deep = Vec::new();
    for _ in 0..2_000 {
        deep = field(4, &deep);
    }
    for message in [2, 3, 4, 5, 11] {
        survive(&[small().encode_to_vec(), field(message, &deep)].concat());
    }
    let unknown = [small().encode_to_vec(), field(99, &deep)].concat();
    assert_eq!(read(&unknown).unwrap().samples().len(), 1);
    // Groups, which do nest without lengths, are refused.
    let groups = [small().encode_to_vec(), vec![0x23; 1 << 20]].concat();
    assert!(refusal(&groups).starts_with("in the profile, a field is a group"));
    let groups = [small().encode_to_vec(), field(4, &vec![0x23; 1 << 20])].concat();
    assert!(refusal(&groups).starts_with("in a location, a field is a group"), "{}", refusal(&groups));
}

/// `small`, with as many functions inlined at one location, and samples of a stack that has it several times.
fn inlined(lines: usize, samples: usize, depth: usize) -> Vec<u8> {
    let mut file = small();
    file.location[0].line = vec![proto::Line { function_id: 1, ..Default::default() }; lines];
    file.sample = vec![proto::Sample { location_id: vec![1; depth], value: vec![1], label: vec![] }; samples];
    file.encode_to_vec()
}

#[test]
fn little_input_never_makes_much() {
    // A byte of a stack, or seven of a sample, cost as many frames as a location has lines.
    for bomb in [inlined(1_000, 200, 100), inlined(20_000, 2_000, 1)] {
        assert!(refusal(&bomb).starts_with("a file of this size cannot have so many inlined frames"));
    }
    assert!(refusal(&inlined(1_000, 1, 1_100)).starts_with("nested more than 1048576 levels deep"));
    // What real programs inline is far from that.
    let profile = read(&inlined(40, 100, 25)).unwrap();
    assert_eq!(profile.stacks().leaf_first(profile.samples().stacks()[0]).count(), 1_000);
    // Stacks of one frame a byte are as deep as allowed, or refused.
    let mut file = small();
    file.sample[0].location_id = vec![1; (1 << 20) + 1];
    assert!(refusal(&file.encode_to_vec()).starts_with("nested more than 1048576 levels deep"));
    file.sample[0].location_id.pop();
    assert_eq!(read(&file.encode_to_vec()).unwrap().stacks().len(), 1 << 20);
    // Sample types cost a column each, and samples without any values would cost nothing.
    let file = proto::Profile { sample_type: vec![proto::ValueType::default(); 1_001], ..small() };
    assert!(refusal(&file.encode_to_vec()).starts_with("more than 1000 sample types"));
    let nothing = [small().encode_to_vec(), field(2, b"").repeat(1_000)].concat();
    assert!(refusal(&nothing).starts_with("a sample has 0 values where there are 1 sample types"));
}

#[test]
fn distinct_stacks_are_limited_by_the_size_of_the_file() {
    // 100 locations of 200 lines that differ in their functions: each list of two that ends in another location makes
    // 200 new stacks of two bytes.
    let mut file = small();
    file.function = (1..=300).map(|id| function(id, 3)).collect();
    file.function.iter_mut().for_each(|function| function.start_line = function.id.cast_signed());
    file.location =
        (1..=100).map(|id| location(id, &(0..200).map(|line| (id + line, 1)).collect::<Vec<_>>())).collect();
    let ids = |row: u64| (0..3).map(|digit| row / 100_u64.pow(digit) % 100 + 1).collect();
    let sample = |row| proto::Sample { location_id: ids(row), value: vec![1], label: vec![] };
    file.sample = (0..12_000).map(sample).collect();
    assert!(
        refusal(&file.encode_to_vec()).starts_with("a file of this size cannot have so many distinct stacks")
    );
}

#[test]
fn labels_that_all_differ_are_kept_apart() {
    let mut file = small();
    let label = |num| vec![proto::Label { key: 1, num, num_unit: 2, ..Default::default() }];
    let sample = |num| proto::Sample { location_id: vec![1], value: vec![1], label: label(num) };
    file.sample = (1..=50_000).map(sample).collect();
    let profile = read(&file.encode_to_vec()).unwrap();
    let numbers = profile.samples().iter().map(|sample| profile.labels().get(sample.labels)[0].number);
    assert!(numbers.eq(1..=50_000));
}

/// Files from 4 MiB on are decoded on a thread of their own.
#[test]
fn large_files_are_read_as_small_ones_are() {
    let mut file = small();
    let ids = |row: u64| vec![1 + row % 2; usize::try_from(row % 70).unwrap()];
    let sample =
        |row: u64| proto::Sample { location_id: ids(row), value: vec![row.cast_signed()], label: vec![] };
    file.sample = (0..120_000).map(sample).collect();
    let bytes = file.encode_to_vec();
    assert!(bytes.len() > 4 << 20);
    let profile = read(&bytes).unwrap();
    assert!(profile.samples().values(0).iter().copied().eq(0..120_000));
    for (row, stack) in profile.samples().stacks().iter().enumerate() {
        let lines = profile.stacks().leaf_first(*stack).map(|frame| profile.frames()[frame].line);
        let line = if row % 2 == 0 { 3 } else { 7 };
        assert!(lines.eq(std::iter::repeat_n(line, row % 70)), "sample {row}");
    }
    // What is wrong is found by the one thread, by the other, in the middle and at the end; where there
    // are two, the first is told.
    for row in [60_000, 119_999] {
        let mut wrong = file.clone();
        wrong.sample[row].location_id = vec![77];
        assert!(refusal(&wrong.encode_to_vec()).starts_with("location 77 is not defined"));
        let mut wrong = file.clone();
        wrong.sample[row].label = vec![proto::Label { key: 99, ..Default::default() }];
        wrong.sample[119_999].value.clear();
        let reason = refusal(&wrong.encode_to_vec());
        let first = if row == 119_999 { "a sample has 0 values" } else { "string 99 is not defined" };
        assert!(reason.starts_with(first), "{reason}");
    }
}

#[test]
fn the_second_writing_of_a_hostile_profile_is_the_first() {
    // Sample types with units that look like decimals, an origin that labels deny, strings that are no text.
    let mut file = small();
    file.string_table = strings(&["", "pid", "x/10", "0", "tid", "process", "\u{0}", "thread"]);
    file.sample_type = vec![proto::ValueType { r#type: 6, unit: 2 }];
    let label = |key, str, num| proto::Label { key, str, num, num_unit: 0 };
    let labels = [(1, 3, 0), (1, 0, 5), (4, 3, 0), (4, 0, 0), (5, 6, 0), (7, 3, 1), (7, 0, 9), (0, 0, 0)];
    for start in 0..labels.len() {
        for end in start..=labels.len() {
            file.sample[0].label = labels[start..end].iter().map(|&(k, s, n)| label(k, s, n)).collect();
            let bytes = file.encode_to_vec();
            survive(&bytes);
            let written = decode(&try_write(&read(&bytes).unwrap()).unwrap().0);
            let sorted = |file: &proto::Profile| crate::canonical::canonical(file);
            assert_eq!(sorted(&written), sorted(&file));
        }
    }
}

#[test]
fn ids_beyond_the_end_of_a_table_are_no_panic_in_a_model() {
    let empty: Profile = ProfileBuilder::new().finish().unwrap();
    let mut builder = ProfileBuilder::of(empty);
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    builder.sample(Sample::of(None), &[1]).unwrap();
    let (bytes, _) = try_write(&builder.finish().unwrap()).unwrap();
    assert_eq!(decode(&bytes).sample[0].location_id, [0; 0]);
}

#[test]
fn an_empty_file_is_not_a_profile() {
    assert_eq!(Pprof.sniff(b""), Sniff::No);
    assert_eq!(refusal(b""), "there is no string table at byte 0");
    assert!(matches!(read(b"--- heapz 1 ---\n").unwrap_err().kind, ReadErrorKind::Unsupported(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn files_of_real_tools_may_be_changed_anywhere(
        file in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (_, mut bytes) = files().swap_remove(file);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        survive(&bytes);
    }

    #[test]
    fn any_fields_are_read_or_refused(
        parts in prop::collection::vec((0..20_u64, prop::collection::vec(any::<u8>(), 0..12)), 0..12),
    ) {
        let fields: Vec<Vec<u8>> = parts.iter().map(|(number, bytes)| field(*number, bytes)).collect();
        survive(&fields.concat());
        survive(&[small().encode_to_vec(), fields.concat()].concat());
    }
}
