//! Profiles that no pprof file gives: what the format cannot hold is told, and the rest is written so that Go's pprof
//! takes it and it reads back the same.

use profkit_profile::{
    Frame, FrameFlags, FrameId, Function, Label, LabelSetId, Mapping, Origin, OriginId, Profile,
    ProfileBuilder, Sample, SampleType, StringId, Track, TrackKind, WriteError,
};

use crate::canonical::check_strict;
use crate::files::{decode, read, stacks, try_write, write};

fn builder() -> ProfileBuilder {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    builder
}

fn function(builder: &mut ProfileBuilder, name: &str) -> Frame {
    let name = builder.string(name.as_bytes()).unwrap();
    Frame::of(builder.function(Function { name, ..Function::EMPTY }).unwrap())
}

fn sample(builder: &mut ProfileBuilder, root_first: &[Frame]) {
    let frames: Vec<FrameId> = root_first.iter().map(|&frame| builder.frame(frame).unwrap()).collect();
    let stack = builder.stack_from_root(frames).unwrap();
    builder.sample(Sample::of(stack), &[1]).unwrap();
}

/// Writes, checks what every file must be, reads back and writes once more.
fn rewrite(profile: &Profile) -> (Profile, Vec<String>) {
    let (bytes, written) = try_write(profile).unwrap();
    check_strict(&decode(&bytes));
    let back = read(&bytes).unwrap();
    assert!(write(&back) == bytes, "the second writing differs");
    (back, written.losses)
}

#[test]
fn frames_inlined_into_another_address_stand_alone() {
    let mut builder = builder();
    let [a, b, c] = ["a", "b", "c"].map(|name| function(&mut builder, name));
    let inlined = |frame: Frame, address| Frame { flags: FrameFlags::INLINED, address, ..frame };
    let plain = |frame: Frame, address| Frame { address, ..frame };
    sample(&mut builder, &[plain(a, 1), inlined(b, 1), inlined(c, 2)]);
    sample(&mut builder, &[inlined(b, 1)]);
    sample(&mut builder, &[plain(a, 1), inlined(b, 1), plain(c, 2)]);
    let profile = builder.finish().unwrap();
    let (back, losses) = rewrite(&profile);
    assert_eq!(stacks(&back), stacks(&profile));
    assert_eq!(losses, ["that 2 frames are inlined: their callers have other addresses"]);
    // The first and the third have a location of two lines, and `c` is one location.
    let file = decode(&write(&profile));
    let locations: Vec<usize> = file.sample.iter().map(|sample| sample.location_id.len()).collect();
    assert_eq!(locations, [2, 1, 2]);
    assert_eq!(file.sample[0].location_id, file.sample[2].location_id);
}

#[test]
fn kinds_of_frames_are_lost_and_told() {
    let mut builder = builder();
    let a = function(&mut builder, "a");
    sample(
        &mut builder,
        &[a, Frame { flags: FrameFlags::KERNEL, ..a }, Frame { flags: FrameFlags::JIT_FAST, ..a }],
    );
    let (back, losses) = rewrite(&builder.finish().unwrap());
    assert_eq!(back.frames().len(), 1);
    assert_eq!(losses, ["the kind of 2 frames (kernel, JIT, interpreted)"]);
}

#[test]
fn a_line_without_function_is_written_with_one_without_name() {
    let mut builder = builder();
    sample(&mut builder, &[Frame { line: 5, ..Frame::EMPTY }, Frame { address: 7, ..Frame::EMPTY }]);
    let unnamed = builder.function(Function::EMPTY).unwrap();
    sample(&mut builder, &[Frame { line: 5, ..Frame::of(unnamed) }]);
    let (back, losses) = rewrite(&builder.finish().unwrap());
    assert_eq!(stacks(&back), ["? :5", ":5"]);
    assert_eq!(losses, [""; 0]);
    assert_eq!(back.functions().len(), 1);
}

#[test]
fn an_origin_is_labels_before_the_others() {
    let mut builder = builder();
    let strings = ["host", "file", "pid", "command", "worker", "machine", "a.pb"];
    let [host, file, pid, command, worker, machine, path] =
        strings.map(|string| builder.string(string.as_bytes()).unwrap());
    let origin =
        Origin { host: machine, pid: Some(-1), process: command, tid: Some(0), thread: worker, file: path };
    let origins = [origin, Origin { host: StringId::EMPTY, file: StringId::EMPTY, ..origin }];
    for origin in origins {
        let origin = builder.origin(origin).unwrap();
        let labels =
            builder.labels(&[Label::text(host, worker), Label::number(file, 3, StringId::EMPTY)]).unwrap();
        builder.sample(Sample { stack: None, origin, labels }, &[1]).unwrap();
    }
    // A label of the same name as a part of the origin: then nobody knows which is which, and both stay labels.
    let origin = builder.origin(origins[1]).unwrap();
    let labels = builder.labels(&[Label::number(pid, 8, StringId::EMPTY)]).unwrap();
    builder.sample(Sample { stack: None, origin, labels }, &[1]).unwrap();
    let (back, losses) = rewrite(&builder.finish().unwrap());
    assert_eq!(losses, [""; 0]);
    let seen: Vec<String> = back
        .samples()
        .iter()
        .map(|sample| {
            let labels = back.labels().get(sample.labels).iter();
            let labels = labels
                .map(|label| format!("{}={}{}", back.text(label.key), back.text(label.string), label.number));
            let origin = back.origins()[sample.origin];
            let host = back.text(origin.host);
            format!("{:?} {:?} {host}: {}", origin.pid, origin.tid, labels.collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(
        seen,
        [
            "None None : pid=-1 process=command0 tid=00 thread=worker0 host=machine0 file=a.pb0 host=worker0 file=3",
            "Some(-1) Some(0) worker: file=3",
            "None None : pid=-1 process=command0 tid=00 thread=worker0 pid=8",
        ]
    );
}

#[test]
fn every_part_of_an_origin_comes_back() {
    let mut builder = builder();
    let [process, thread, host, file] =
        ["p", "t", "h", "f"].map(|text| builder.string(text.as_bytes()).unwrap());
    let origin = Origin { pid: Some(1), process, tid: Some(0), thread, host, file };
    let origin = builder.origin(origin).unwrap();
    builder.sample(Sample { stack: None, origin, labels: LabelSetId::EMPTY }, &[1]).unwrap();
    let (back, losses) = rewrite(&builder.finish().unwrap());
    assert_eq!(losses, [""; 0]);
    let sample = back.samples().get(0);
    let Origin { pid, process, tid, thread, host, file } = back.origins()[sample.origin];
    assert_eq!((pid, tid), (Some(1), Some(0)));
    assert_eq!([process, thread, host, file].map(|id| back.text(id).into_owned()), ["p", "t", "h", "f"]);
    assert_eq!(sample.labels, LabelSetId::EMPTY);
}

#[test]
fn labels_that_look_like_a_part_of_an_origin_become_one_at_once() {
    let mut builder = builder();
    let [tid, name, host] = ["tid", "worker", "machine"].map(|text| builder.string(text.as_bytes()).unwrap());
    let origin = Origin { thread: name, host, ..Origin::UNKNOWN };
    let origin = builder.origin(origin).unwrap();
    let labels = [Label::text(name, host), Label::number(tid, 7, StringId::EMPTY)];
    let labels = builder.labels(&labels).unwrap();
    builder.sample(Sample { stack: None, origin, labels }, &[1]).unwrap();
    let (back, _) = rewrite(&builder.finish().unwrap());
    let sample = back.samples().get(0);
    let origin = back.origins()[sample.origin];
    assert_eq!((origin.tid, back.text(origin.thread).as_ref()), (Some(7), "worker"));
    assert_eq!(back.text(origin.host), "machine");
    assert_eq!(back.labels().get(sample.labels).len(), 1, "the label that is none");
}

#[test]
fn labels_without_value_are_kept_and_told() {
    let mut builder = builder();
    let [name, unit] = ["n", "bytes"].map(|string| builder.string(string.as_bytes()).unwrap());
    let nothing = Label::number(name, 0, StringId::EMPTY);
    let labels = builder.labels(&[nothing, Label::number(name, 0, unit), nothing]).unwrap();
    builder.sample(Sample { stack: None, origin: OriginId::UNKNOWN, labels }, &[1]).unwrap();
    let (back, losses) = rewrite(&builder.finish().unwrap());
    assert_eq!(back.labels().get(back.samples().get(0).labels).len(), 3);
    assert_eq!(
        losses,
        ["for Go's pprof, 2 labels without text or with the number 0 and no unit: it leaves them out"]
    );
}

#[test]
fn fractions_are_written_in_a_smaller_unit() {
    let mut builder = ProfileBuilder::new();
    let [name, unit] = [&b"weight"[..], b"none"].map(|string| builder.string(string).unwrap());
    builder.add_sample_type(SampleType { name, unit, decimals: 3 });
    builder.sample(Sample::of(None), &[1_500]).unwrap();
    let profile = builder.finish().unwrap();
    let (back, losses) = rewrite(&profile);
    assert_eq!(losses, [""; 0]);
    assert_eq!(back.sample_types()[0].decimals, 3);
    assert_eq!(back.text(back.sample_types()[0].unit), "none");
    assert_eq!(back.samples().values(0), [1_500]);
    let file = decode(&write(&profile));
    let unit = usize::try_from(file.sample_type[0].unit).unwrap();
    assert_eq!(file.string_table[unit], b"none/1000");
}

#[test]
fn time_order_and_title_are_lost_and_told() {
    let mut builder = builder();
    let frame = function(&mut builder, "a");
    let frame = builder.frame(frame).unwrap();
    builder.meta.title = Some(builder.string(b"my run").unwrap());
    builder.begin_track(Track {
        name: StringId::EMPTY,
        origin: OriginId::UNKNOWN,
        sample_type: 0,
        unit: StringId::EMPTY,
        kind: TrackKind::Intervals,
        every_call: true,
        start: 0,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    });
    builder.enter(frame, 1).unwrap();
    builder.leave(frame, 4).unwrap();
    builder.end_track(5).unwrap();
    let (back, losses) = rewrite(&builder.finish().unwrap());
    assert_eq!(losses, ["time order of 1 tracks: only sums are kept", "the title \"my run\""]);
    assert_eq!(back.samples().values(0), [3]);
}

#[test]
fn equal_mappings_are_one_and_unused_ones_stay() {
    let mut builder = builder();
    let file = builder.string(b"/lib/a.so").unwrap();
    let first = builder.mapping(Mapping { start: 1, ..Mapping::EMPTY }).unwrap();
    let second = builder.mapping(Mapping { file, ..Mapping::EMPTY }).unwrap();
    assert_ne!(first, second);
    sample(&mut builder, &[Frame { mapping: Some(second), address: 3, ..Frame::EMPTY }]);
    let (back, _) = rewrite(&builder.finish().unwrap());
    assert_eq!(back.mappings().len(), 2);
    assert_eq!(decode(&write(&back)).location[0].mapping_id, 2);
}

#[test]
fn functions_and_frames_that_no_sample_has_are_left_out() {
    let mut builder = builder();
    let [used, unused] = ["used", "unused"].map(|name| function(&mut builder, name));
    builder.frame(unused).unwrap();
    sample(&mut builder, &[used]);
    let file = decode(&write(&builder.finish().unwrap()));
    assert_eq!((file.location.len(), file.function.len()), (1, 1));
    assert!(!file.string_table.contains(&b"unused".to_vec()));
}

#[test]
fn samples_without_sample_types_are_refused() {
    let mut builder = ProfileBuilder::new();
    builder
        .sample(Sample { stack: None, origin: OriginId::UNKNOWN, labels: LabelSetId::EMPTY }, &[])
        .unwrap();
    let error = try_write(&builder.finish().unwrap()).unwrap_err();
    assert!(matches!(error, WriteError::Unsupported(_)));
    assert_eq!(error.to_string(), "pprof needs a sample type where there are samples");
}

#[test]
fn many_values_and_long_stacks_are_read_back() {
    let mut builder = ProfileBuilder::new();
    for index in 0..40 {
        builder.sample_type(format!("t{index}").as_bytes(), b"count").unwrap();
    }
    let a = function(&mut builder, "a");
    let frames: Vec<FrameId> = (0..5_000).map(|line| builder.frame(Frame { line, ..a }).unwrap()).collect();
    let stack = builder.stack_from_root(frames).unwrap();
    let values: Vec<i64> = (0..40).map(|shift| -(1 << shift)).collect();
    builder.sample(Sample::of(stack), &values).unwrap();
    let profile = builder.finish().unwrap();
    let (back, _) = rewrite(&profile);
    assert_eq!(stacks(&back), stacks(&profile));
    assert_eq!(back.samples().row_values(0), values);
}
