//! What the format could not hold.

use profkit_profile::views::estimate::INFERRED_LABEL;
use profkit_profile::{Frame, FrameFlags, Id, Label, Profile, Written};

use crate::frame_numbers::FrameNumbers;
use crate::lanes::{Lane, Rows};
use crate::measure;

/// What there is to look at after a file was written.
pub(crate) struct Losses<'p> {
    pub(crate) profile: &'p Profile,
    pub(crate) lanes: &'p [Lane<'p>],
    pub(crate) numbers: &'p FrameNumbers<'p>,
    /// Whether the file says that its events are every call.
    pub(crate) every_call: bool,
    /// Strings that had to be changed.
    pub(crate) changed: usize,
    /// Whether estimated frames are marked.
    pub(crate) marked: bool,
}

pub(crate) fn losses(it: &Losses<'_>) -> Written {
    let mut losses = Vec::new();
    let mut lost = |count: usize, what: &str| {
        if count > 0 {
            losses.push(format!("{what} ({count})"));
        }
    };
    let profile = it.profile;
    lost(it.changed, "strings that are not Unicode, changed");
    lost(it.numbers.addresses, "frames without function, named by their address");
    let definitions = if it.numbers.running_lines > 0 { it.numbers.first_lines } else { 0 };
    lost(definitions, "which lines are those of definitions");
    let lanes = |lost: fn(&Lane<'_>) -> bool| it.lanes.iter().filter(|lane| lost(lane)).count();
    lost(lanes(|lane| lane.renamed), "names of tracks");
    lost(lanes(|lane| lane.converted), "units of tracks");
    let calls = lanes(|lane| matches!(lane.rows, Rows::Intervals(track) if track.every_call));
    lost(if it.every_call { 0 } else { calls }, "that the events of tracks are every call");
    let ordered = it.lanes.iter().rposition(|lane| lane.is_ordered).unwrap_or(0);
    let unordered = it.lanes[..ordered].iter().filter(|lane| !lane.is_ordered).count();
    lost(unordered, "that tracks before others are sums and have no order of time");
    lost(labelled_samples(it), "labels of samples");
    let frames =
        |lost: fn(&Frame) -> bool| profile.frames().rows().iter().filter(|frame| lost(frame)).count();
    lost(frames(|frame| frame.address != 0 && frame.function.is_some()), "addresses of frames");
    lost(
        frames(|frame| frame.flags != FrameFlags::NONE),
        "marks of frames as inlined, compiled or the kernel's",
    );
    lost(profile.mappings().len(), "binaries");
    let functions = profile.functions().rows().iter();
    lost(functions.filter(|function| function.has_linker_name()).count(), "linker names of functions");
    lost(hidden_first_lines(profile), "first lines of functions");
    losses.extend(sample_types(it));
    losses.extend(zero_types(it));
    losses.extend(remarks(profile));
    Written { losses }
}

fn labelled_samples(it: &Losses<'_>) -> usize {
    let lost = |label: &Label| !it.marked || it.profile.bytes(label.key) != INFERRED_LABEL.as_bytes();
    let lost: Vec<bool> = it.profile.labels().iter().map(|(_, set)| set.iter().any(lost)).collect();
    it.profile.samples().iter().filter(|sample| lost[sample.labels.index()]).count()
}

/// Functions of which only lines that ran are written.
fn hidden_first_lines(profile: &Profile) -> usize {
    let mut hidden = vec![false; profile.functions().len()];
    for frame in profile.frames().rows() {
        if let Some(function) = frame.function
            && frame.line != 0
            && profile.functions()[function].first_line != 0
        {
            hidden[function.index()] = true;
        }
    }
    hidden.into_iter().filter(|hidden| *hidden).count()
}

/// Sample types that are read back as others, for the format only has units and names of profiles.
fn sample_types(it: &Losses<'_>) -> Vec<String> {
    let profiles = it.lanes.iter().map(|lane| (lane.name.as_slice(), lane.unit.name().as_bytes()));
    let mut lost = Vec::new();
    for (lane, read_back) in it.lanes.iter().zip(measure::keys(profiles, true)) {
        let Some(sample_type) = it.profile.sample_types().get(lane.sample_type) else { continue };
        let bytes = |id| it.profile.bytes(id);
        if (bytes(sample_type.name), bytes(sample_type.unit)) != read_back {
            let (name, unit) = (it.profile.text(sample_type.name), it.profile.text(sample_type.unit));
            let back = String::from_utf8_lossy(&[read_back.0, b"/", read_back.1].concat()).into_owned();
            lost.push(format!("the sample type {name}/{unit}, which is read back as {back}"));
        }
    }
    lost.sort();
    lost.dedup();
    lost
}

/// Sample types that no profile of the file has.
fn zero_types(it: &Losses<'_>) -> Option<String> {
    let mut is_there = vec![false; it.profile.sample_types().len()];
    for lane in it.lanes {
        if let Some(is_there) = is_there.get_mut(lane.sample_type) {
            *is_there = true;
        }
    }
    let rows = it.profile.sample_types().iter().zip(is_there).filter(|(_, is_there)| !is_there);
    let names: Vec<_> = rows.map(|(row, _)| it.profile.text(row.name)).collect();
    (!names.is_empty()).then(|| format!("sample types that are 0 everywhere: {}", names.join(", ")))
}

/// What a profile says of itself and the format has no place for.
fn remarks(profile: &Profile) -> Option<String> {
    let meta = profile.meta();
    let lost = [
        (meta.start_ns.is_some(), "start time"),
        (meta.duration_ns.is_some(), "duration"),
        (meta.period != 0 || meta.period_type.is_some(), "sampling period"),
        (!meta.comments.is_empty(), "comments"),
        (meta.drop_frames.is_some() || meta.keep_frames.is_some(), "frame filters"),
        (meta.doc_url.is_some(), "documentation address"),
    ];
    let lost: Vec<&str> = lost.into_iter().filter(|(lost, _)| *lost).map(|(_, what)| what).collect();
    (!lost.is_empty()).then(|| format!("about the profile: {}", lost.join(", ")))
}
