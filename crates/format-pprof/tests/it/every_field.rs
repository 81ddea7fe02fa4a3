//! One file that uses every field of the schema, and what of it is where in the model.

use prost::Message;

use profkit_format_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use profkit_profile::{FrameFlags, Id, LabelSetId, Origin, OriginId};

use crate::canonical::{canonical, check_strict};
use crate::files::{decode, read, stacks, strings, write};

/// Ids are sparse, unsorted and huge; the tables come in the order that the schema has.
fn file() -> Profile {
    let names = [
        "",
        "samples",
        "count",
        "space",
        "bytes",
        "drop",
        "keep",
        "a remark",
        "another",
        "https://example.org",
        "/bin/program",
        "abc123",
        "/lib/lib.so",
        "caller",
        "_caller",
        "file.c",
        "inlined",
        "_inlined",
        "inline.h",
        "request",
        "GET /",
        "size",
        "kilobytes",
        "pid",
        "process",
        "my program",
        "tid",
        "thread",
        "worker",
        "thread id",
        "0",
    ];
    let text = |text: &str| i64::try_from(names.iter().position(|name| *name == text).unwrap()).unwrap();
    let value_type = |r#type, unit| ValueType { r#type: text(r#type), unit: text(unit) };
    let string = |key, value| Label { key: text(key), str: text(value), ..Default::default() };
    let number = |key, num, unit| Label { key: text(key), num, num_unit: text(unit), ..Default::default() };
    let function = |id, name, system_name, file, start_line| Function {
        id,
        name: text(name),
        system_name: text(system_name),
        filename: text(file),
        start_line,
    };
    let line = |function_id, line, column| Line { function_id, line, column };
    Profile {
        sample_type: vec![
            value_type("samples", "count"),
            value_type("space", "bytes"),
            value_type("samples", "count"),
        ],
        sample: vec![
            Sample {
                location_id: vec![u64::MAX, 5],
                value: vec![1, -2, i64::MIN],
                label: vec![
                    string("request", "GET /"),
                    number("size", -5, "kilobytes"),
                    number("size", 7, ""),
                    string("request", "GET /"),
                ],
            },
            Sample { location_id: vec![], value: vec![0, 0, 0], label: vec![] },
            Sample {
                location_id: vec![5, 5, 900],
                value: vec![i64::MAX, 3, 4],
                label: vec![
                    number("thread id", 77, ""),
                    string("thread", "worker"),
                    number("tid", 9, ""),
                    string("process", "my program"),
                    string("pid", "0"),
                ],
            },
            Sample {
                location_id: vec![1 << 40],
                value: vec![1, 1, 1],
                label: vec![number("pid", 3, "kilobytes"), number("tid", 0, ""), string("thread", "")],
            },
        ],
        mapping: vec![
            Mapping {
                id: 1 << 50,
                memory_start: 0x1000,
                memory_limit: 0x2000,
                file_offset: 0x30,
                filename: text("/bin/program"),
                build_id: text("abc123"),
                has_functions: true,
                has_filenames: false,
                has_line_numbers: true,
                has_inline_frames: false,
            },
            Mapping {
                id: 2,
                filename: text("/lib/lib.so"),
                has_filenames: true,
                has_inline_frames: true,
                ..Default::default()
            },
            Mapping { id: 3, memory_start: u64::MAX, ..Default::default() },
        ],
        location: vec![
            Location {
                id: u64::MAX,
                mapping_id: 2,
                address: 0x1234,
                line: vec![line(70, 5, 6), line(70, -5, 0), line(4, 12, 3)],
                is_folded: true,
            },
            Location {
                id: 5,
                mapping_id: 1 << 50,
                address: 0x1111,
                line: vec![line(4, i64::MAX, 0)],
                is_folded: false,
            },
            Location { id: 900, mapping_id: 0, address: u64::MAX, line: vec![], is_folded: true },
            Location {
                id: 1 << 40,
                mapping_id: 12345,
                address: 0,
                line: vec![line(4, 0, 0)],
                is_folded: false,
            },
        ],
        function: vec![
            function(70, "inlined", "_inlined", "inline.h", -1),
            function(4, "caller", "_caller", "file.c", 10),
        ],
        string_table: strings(&names),
        drop_frames: text("drop"),
        keep_frames: text("keep"),
        time_nanos: 1_700_000_000_123_456_789,
        duration_nanos: 60_000_000_001,
        period_type: Some(value_type("space", "bytes")),
        period: 524_288,
        comment: vec![text("a remark"), text("another"), text("a remark")],
        default_sample_type: text("space"),
        doc_url: text("https://example.org"),
    }
}

#[test]
fn every_field_is_written_as_it_was_read() {
    let written = decode(&write(&read(&file().encode_to_vec()).unwrap()));
    assert_eq!(canonical(&written), canonical(&file()));
    check_strict(&written);
    assert_eq!(written.location[0].mapping_id, 2, "all mappings are kept in order");
}

#[test]
fn the_header_is_in_the_meta_data() {
    let profile = read(&file().encode_to_vec()).unwrap();
    let meta = profile.meta();
    let text = |id| profile.text(id).into_owned();
    assert_eq!((meta.format, meta.dialect), ("pprof", ""));
    assert_eq!(meta.start_ns, Some(1_700_000_000_123_456_789));
    assert_eq!(meta.duration_ns, Some(60_000_000_001));
    assert_eq!(meta.period, 524_288);
    assert_eq!(
        meta.period_type.map(|(name, unit)| (text(name), text(unit))),
        Some(("space".into(), "bytes".into()))
    );
    assert_eq!(meta.default_type.map(text).as_deref(), Some("space"));
    assert_eq!(meta.drop_frames.map(text).as_deref(), Some("drop"));
    assert_eq!(meta.keep_frames.map(text).as_deref(), Some("keep"));
    assert_eq!(meta.doc_url.map(text).as_deref(), Some("https://example.org"));
    let comments: Vec<_> = meta.comments.iter().map(|&comment| text(comment)).collect();
    assert_eq!(comments, ["a remark", "another", "a remark"]);
    assert!(!meta.estimated);
    // Equal sample types stay apart.
    assert_eq!(profile.sample_types().len(), 3);
    assert_eq!(profile.samples().values(2), [i64::MIN, 0, 4, 1]);
    assert_eq!(profile.default_type(), Some(1));
}

#[test]
fn zero_and_nothing_are_not_said() {
    let empty = Profile { string_table: strings(&[""]), ..Default::default() };
    let profile = read(&empty.encode_to_vec()).unwrap();
    let meta = profile.meta();
    assert_eq!(
        (meta.start_ns, meta.duration_ns, meta.period_type, meta.default_type),
        (None, None, None, None)
    );
    assert_eq!(decode(&write(&profile)), empty);
}

#[test]
fn a_location_is_its_lines_and_the_last_is_the_caller() {
    let profile = read(&file().encode_to_vec()).unwrap();
    assert_eq!(
        stacks(&profile),
        [
            "inlined:5 inlined:-5 caller:12 caller:9223372036854775807",
            "",
            "caller:9223372036854775807 caller:9223372036854775807 ?",
            "caller:0"
        ]
    );
    let frames = |row: usize| -> Vec<_> {
        let stack = profile.samples().stacks()[row];
        profile.stacks().leaf_first(stack).map(|id| profile.frames()[id]).collect()
    };
    let inlined = FrameFlags::INLINED | FrameFlags::FOLDED;
    let first = frames(0);
    assert_eq!(
        first.iter().map(|frame| frame.flags).collect::<Vec<_>>(),
        [inlined, inlined, FrameFlags::FOLDED, FrameFlags::NONE]
    );
    assert_eq!(first.iter().map(|frame| frame.column).collect::<Vec<_>>(), [6, 0, 3, 0]);
    assert!(
        first[..3].iter().all(|frame| frame.address == 0x1234 && frame.mapping.map(Id::index) == Some(1))
    );
    assert_eq!(first[3].mapping.map(Id::index), Some(0));
    let bare = frames(2)[2];
    assert_eq!((bare.function, bare.address, bare.mapping), (None, u64::MAX, None));
    // A mapping that is not there is none.
    assert_eq!(frames(3)[0].mapping, None);
    let inline = profile.functions()[first[0].function.unwrap()];
    assert_eq!(
        (profile.text(inline.name), profile.text(inline.system_name)),
        ("inlined".into(), "_inlined".into())
    );
    assert_eq!((profile.text(inline.file), inline.first_line), ("inline.h".into(), -1));
}

#[test]
fn four_labels_are_an_origin_and_the_others_stay() {
    let profile = read(&file().encode_to_vec()).unwrap();
    let samples = profile.samples();
    let labels = |row| {
        let labels = profile.labels().get(samples.get(row).labels);
        let text = |id| profile.text(id).into_owned();
        labels
            .iter()
            .map(|label| (text(label.key), text(label.string), label.number, text(label.unit)))
            .collect::<Vec<_>>()
    };
    let label = |key: &str, string: &str, number, unit: &str| {
        (key.to_owned(), string.to_owned(), number, unit.to_owned())
    };
    // In the order of the file, twice what is there twice.
    let get = label("request", "GET /", 0, "");
    assert_eq!(labels(0), [get.clone(), label("size", "", -5, "kilobytes"), label("size", "", 7, ""), get]);
    assert_eq!(samples.get(0).origin, OriginId::UNKNOWN);
    assert_eq!(samples.get(1).labels, LabelSetId::EMPTY);
    assert_eq!(labels(2), [label("thread id", "", 77, "")]);
    let origin = profile.origins()[samples.get(2).origin];
    assert_eq!((origin.pid, origin.tid), (Some(0), Some(9)));
    assert_eq!(
        (profile.text(origin.process), profile.text(origin.thread)),
        ("my program".into(), "worker".into())
    );
    assert_eq!(origin, Origin { pid: Some(0), tid: Some(9), ..origin });
    // A number with a unit is not a process, and a label without value, which Go's pprof leaves out, nothing at all.
    assert_eq!(
        labels(3),
        [label("pid", "", 3, "kilobytes"), label("tid", "", 0, ""), label("thread", "", 0, "")]
    );
    assert_eq!(samples.get(3).origin, OriginId::UNKNOWN);
}

#[test]
fn fields_may_come_in_any_order_and_packing() {
    // As Go's runtime writes: strings last, samples between the tables, short lists not packed; and lists in parts.
    let bytes = file().encode_to_vec();
    let mut fields = outer_fields(&bytes);
    fields.reverse();
    // The order within the tables and the sample types must stay.
    fields.sort_by_key(|field| field[0] == 0x32);
    let mut mixed: Vec<u8> = Vec::new();
    for key in [0x12_u8, 0x2a, 0x22, 0x0a, 0x6a, 0x1a, 0x32] {
        let of_kind = outer_fields(&bytes).into_iter().filter(|field| field[0] == key);
        mixed.extend(of_kind.flatten());
    }
    mixed.extend(
        outer_fields(&bytes)
            .into_iter()
            .filter(|field| ![0x12, 0x2a, 0x22, 0x0a, 0x6a, 0x1a, 0x32].contains(&field[0]))
            .flatten(),
    );
    // An unknown field of each wire type.
    mixed.extend(b"\xf8\x07\x01\xf9\x0712345678\xfa\x07\x02ab\xfd\x071234");
    assert_eq!(decode(&mixed), file());
    assert_eq!(write(&read(&mixed).unwrap()), write(&read(&bytes).unwrap()));
}

#[test]
fn lists_need_not_be_packed_or_in_one_piece() {
    let tables = outer_fields(&crate::files::small().encode_to_vec());
    let tables: Vec<u8> = tables.into_iter().filter(|field| field[0] != 0x12).flatten().collect();
    for sample in [
        &b"\x0a\x02\x02\x01\x12\x01\x05"[..],
        b"\x08\x02\x08\x01\x10\x05",
        b"\x0a\x01\x02\x08\x01\x12\x01\x05",
        b"\x0a\x01\x02\x12\x00\x0a\x00\x0a\x01\x01\x10\x05",
        b"\x10\x05\x08\x02\x50\x09\x0a\x01\x01",
        b"\x12\x01\x05\x0a\x06\x82\x00\x81\x80\x80\x00",
    ] {
        let length = u8::try_from(sample.len()).unwrap();
        let bytes = [&tables, &[0x12, length][..], sample].concat();
        let profile = read(&bytes).unwrap();
        assert_eq!(stacks(&profile), ["work:7 main:3"], "{sample:?}");
        assert_eq!(profile.samples().values(0), [5]);
    }
}

/// The outer fields of a file whose keys have one byte, each with its key.
fn outer_fields(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    while let [key, behind @ ..] = rest {
        let mut value = behind;
        let number = prost::encoding::decode_varint(&mut value).unwrap();
        let end = if key & 7 == 2 { usize::try_from(number).unwrap() } else { 0 };
        let length = rest.len() - value.len() + end;
        fields.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    fields
}
