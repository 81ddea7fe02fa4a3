//! Files that break a rule: what real tools do wrong is read, everything else is refused with the place.

use prost::Message;

use profkit_format_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};

use crate::files::{decode, function, location, read, small, stacks, strings, write};

fn error(file: &Profile) -> String {
    read(&file.encode_to_vec()).unwrap_err().to_string()
}

/// The error without its place.
fn reason(file: &Profile) -> String {
    let error = read(&file.encode_to_vec()).unwrap_err();
    error.kind.to_string()
}

#[test]
fn functions_without_ids_count_from_one() {
    // Pyroscope's .NET profiler until September 2023.
    let mut file = small();
    file.function.iter_mut().for_each(|function| function.id = 0);
    let profile = read(&file.encode_to_vec()).unwrap();
    assert_eq!(stacks(&profile), ["work:7 main:3"]);
    assert_eq!(
        decode(&write(&profile)).function.iter().map(|function| function.id).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn a_single_function_without_id_is_the_one_that_lines_mean() {
    let mut file = Profile { function: vec![function(0, 4)], ..small() };
    file.location = vec![location(1, &[(0, 3)]), location(2, &[(0, 7)])];
    assert_eq!(stacks(&read(&file.encode_to_vec()).unwrap()), ["work:7 work:3"]);
    file.location = vec![location(1, &[(1, 3)]), location(2, &[(1, 7)])];
    assert_eq!(stacks(&read(&file.encode_to_vec()).unwrap()), ["work:7 work:3"]);
}

#[test]
fn one_function_of_several_may_have_the_id_zero() {
    let mut file = small();
    file.function[0].id = 0;
    file.location[0].line[0].function_id = 0;
    assert_eq!(stacks(&read(&file.encode_to_vec()).unwrap()), ["work:7 main:3"]);
}

#[test]
fn a_line_without_function_keeps_its_number_and_one_without_line_has_none() {
    let mut file = small();
    file.location = vec![location(1, &[(0, 3)]), Location { address: 0x10, ..location(2, &[]) }];
    let profile = read(&file.encode_to_vec()).unwrap();
    assert_eq!(stacks(&profile), ["? :3"]);
    let written = decode(&write(&profile));
    // Go's pprof refuses a line without function, so it gets one without name.
    assert_eq!(written.location[0], Location { address: 0x10, ..location(1, &[]) });
    assert_eq!(written.location[1], location(2, &[(1, 3)]));
    assert_eq!(written.function, [Function { id: 1, ..Default::default() }]);
}

#[test]
fn strings_may_be_anything_and_several_may_be_empty() {
    let mut file = small();
    file.string_table =
        vec![b"".to_vec(), b"".to_vec(), b"".to_vec(), b"\xff\xfe\0;\n".to_vec(), b"".to_vec()];
    let profile = read(&file.encode_to_vec()).unwrap();
    let written = decode(&write(&profile));
    assert_eq!(written.string_table, [b"".to_vec(), b"\xff\xfe\0;\n".to_vec()]);
    assert_eq!(written.sample_type, [ValueType { r#type: 0, unit: 0 }]);
}

#[test]
fn a_location_may_have_the_id_zero_if_it_is_defined() {
    let mut file = small();
    file.location[1].id = 0;
    file.sample[0].location_id[0] = 0;
    assert_eq!(stacks(&read(&file.encode_to_vec()).unwrap()), ["work:7 main:3"]);
}

#[test]
fn what_is_not_defined_is_refused() {
    let mut file = small();
    file.sample[0].location_id = vec![1, 9];
    assert_eq!(reason(&file), "location 9 is not defined");
    file.sample[0].location_id = vec![0];
    assert_eq!(reason(&file), "location 0 is not defined");
    let file = Profile { location: vec![location(1, &[(1 << 60, 3)])], ..small() };
    assert_eq!(reason(&file), "function 1152921504606846976 is not defined");
    for index in [5, -1, i64::MAX] {
        let string = format!("string {index} is not defined");
        assert_eq!(reason(&Profile { drop_frames: index, ..small() }), string);
        assert_eq!(reason(&Profile { comment: vec![index], ..small() }), string);
        assert_eq!(
            reason(&Profile { function: vec![function(1, index), function(2, 1)], ..small() }),
            string
        );
        assert_eq!(
            reason(&Profile {
                mapping: vec![Mapping { id: 1, build_id: index, ..Default::default() }],
                ..small()
            }),
            string
        );
        assert_eq!(
            reason(&Profile { sample_type: vec![ValueType { r#type: 1, unit: index }], ..small() }),
            string
        );
        let mut file = small();
        file.sample[0].label = vec![Label { key: index, ..Default::default() }];
        assert_eq!(reason(&file), string);
    }
}

#[test]
fn what_is_defined_twice_is_refused() {
    let twice = |file: Profile| reason(&file);
    assert_eq!(
        twice(Profile { function: vec![function(2, 3), function(2, 4)], ..small() }),
        "function 2 is defined twice"
    );
    let locations = vec![location(2, &[(1, 1)]), location(2, &[(1, 1), (2, 2)])];
    assert_eq!(twice(Profile { location: locations, ..small() }), "location 2 is defined twice");
    let mapping = Mapping { id: 7, ..Default::default() };
    assert_eq!(twice(Profile { mapping: vec![mapping, mapping], ..small() }), "mapping 7 is defined twice");
}

#[test]
fn values_and_sample_types_must_agree() {
    let mut file = small();
    file.sample[0].value = vec![1, 2];
    assert_eq!(reason(&file), "a sample has 2 values where there are 1 sample types");
    file.sample[0].value = vec![];
    assert_eq!(reason(&file), "a sample has 0 values where there are 1 sample types");
    file.sample_type.clear();
    assert_eq!(reason(&file), "there are samples but no sample types");
    file.sample.clear();
    assert_eq!(read(&file.encode_to_vec()).unwrap().samples().len(), 0);
}

#[test]
fn the_string_table_must_begin_with_nothing() {
    assert_eq!(
        reason(&Profile { string_table: strings(&["a"]), ..small() }),
        "the string table does not begin with the empty string"
    );
    assert_eq!(reason(&Profile { string_table: vec![], ..small() }), "there is no string table");
}

#[test]
fn joined_files_are_refused() {
    let file = Profile { time_nanos: 5, ..small() }.encode_to_vec();
    let error = read(&[&file[..], &file].concat()).unwrap_err();
    assert_eq!(error.kind.to_string(), "several profiles one after another: time_nanos comes twice");
}

#[test]
fn errors_name_the_place() {
    let file = small().encode_to_vec();
    let sample = file.windows(2).position(|window| window == [0x12, 0x07]).unwrap();
    let with = |at: usize, byte: u8| {
        let mut file = file.clone();
        file[at] = byte;
        read(&file).unwrap_err().to_string()
    };
    // The sample is `12 07 | 0a 02 02 01 | 12 01 05`.
    assert_eq!(with(sample + 5, 9), format!("location 9 is not defined at byte {}", sample + 5));
    assert_eq!(with(sample + 3, 9), format!("a sample ends in the middle of a field at byte {}", sample + 4));
    assert_eq!(
        with(sample + 2, 0x0b),
        format!("in a sample, a field is a group, which pprof does not have at byte {}", sample + 2)
    );
    assert_eq!(
        with(sample + 2, 0x0d),
        format!("in a sample, a field has the wrong wire type at byte {}", sample + 2)
    );
    assert_eq!(
        with(sample + 6, 0x1d),
        format!("a sample ends in the middle of a field at byte {}", sample + 7)
    );
    assert_eq!(
        with(sample + 5, 0x81),
        format!("a list of locations ends in the middle of a field at byte {}", sample + 6)
    );
    assert_eq!(with(sample, 0x10), format!("a sample has the wrong wire type at byte {sample}"));
    assert_eq!(
        with(sample, 0x07),
        format!("in the profile, a field has an impossible number at byte {sample}")
    );
    assert_eq!(
        with(sample, 0x17),
        format!("in the profile, a field has an impossible wire type at byte {sample}")
    );
    // The first location is `22 06 | 08 01 | 22 02 08 01 ...`.
    let location = file.windows(3).position(|window| window == [0x22, 0x08, 0x08]).unwrap();
    assert_eq!(
        with(location + 6, 0x0a),
        format!("in a line, a field has an impossible number at byte {}", location + 9)
    );
    assert_eq!(
        with(location + 2, 0x0a),
        format!("in a location, a field has an impossible number at byte {}", location + 5)
    );
    let wrong_type = with(location + 4, 0x20);
    assert!(wrong_type.starts_with("a location is broken: "), "{wrong_type}");
    assert!(wrong_type.ends_with(&format!("at byte {}", location + 2)), "{wrong_type}");
    assert_eq!(
        error(&Profile { keep_frames: 99, ..small() }),
        format!("string 99 is not defined at byte {}", file.len())
    );
}

#[test]
fn the_file_may_end_anywhere() {
    let mut file = small();
    file.sample[0].label = vec![Label { key: 1, str: 2, ..Default::default() }];
    file.mapping = vec![Mapping { id: 1, memory_start: 77, ..Default::default() }];
    file.location[0].line = vec![Line { function_id: 1, line: 300, column: 5 }];
    file.sample.push(Sample { location_id: vec![1, 2, 1, 2], value: vec![1 << 40], label: vec![] });
    let bytes = file.encode_to_vec();
    for end in 0..bytes.len() {
        if let Err(error) = read(&bytes[..end]) {
            assert!(error.offset <= end, "{error} in a file of {end} bytes");
        }
    }
    assert!(read(&bytes).is_ok());
}
