//! What a file cannot hold of a profile, counted and put into words.

use profkit_profile::{Frame, FrameId, Profile};

use crate::comment::{interval, microseconds};
use crate::dialect::Dialect;
use crate::frame_text::{name_of, shown};
use crate::measure::Measure;
use crate::root_text::RootLoss;

/// Phrases about what is lost.
#[derive(Default)]
pub(crate) struct Losses(Vec<String>);

/// Frames that lose something, by what they lose.
#[derive(Default)]
struct FrameLosses {
    files: usize,
    lines: usize,
    definitions: usize,
    stand_ins_for_lines: usize,
    columns: usize,
    addresses: usize,
    system_names: usize,
    kinds: usize,
}

impl Losses {
    pub(crate) fn phrases(self) -> Vec<String> {
        self.0
    }

    fn count(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.0.push(format!("{what} ({count})"));
        }
    }

    fn add_if(&mut self, lost: bool, what: impl Into<String>) {
        if lost {
            self.0.push(what.into());
        }
    }

    /// The sample types that are left out, and what a line does not say of the others.
    pub(crate) fn types(&mut self, profile: &Profile, measure: &Measure) {
        let types = profile.sample_types();
        let called = |index: usize| {
            let (name, unit) = (profile.text(types[index].name), profile.text(types[index].unit));
            format!("{name}/{unit}")
        };
        let left_out: Vec<_> =
            (0..types.len()).filter(|index| !measure.columns.contains(index)).map(called).collect();
        if types.is_empty() {
            self.count(profile.samples().len(), "samples without a value");
        }
        self.add_if(!left_out.is_empty(), format!("other sample types: {}", left_out.join(", ")));
        let known = match measure.mode() {
            Some(mode) => mode.sample_types().iter().map(|(name, unit)| join(name, unit)).collect(),
            None if measure.is_differential() => vec!["before/count".to_owned(), "after/count".to_owned()],
            None => vec!["samples/count".to_owned()],
        };
        let renamed: Vec<_> =
            measure.columns.iter().map(|&index| called(index)).filter(|name| !known.contains(name)).collect();
        self.add_if(!renamed.is_empty(), format!("what the values are: {}", renamed.join(", ")));
    }

    /// What is lost of the frames that are written.
    pub(crate) fn frames(
        &mut self,
        profile: &Profile,
        dialect: Dialect,
        used: impl Iterator<Item = FrameId>,
    ) {
        let mut lost = FrameLosses::default();
        for frame in used {
            lost.add(profile, dialect, profile.frames()[frame]);
        }
        self.count(lost.files, "files of frames");
        self.count(lost.lines, "lines of frames");
        self.count(lost.definitions, "lines of definitions");
        self.count(lost.stand_ins_for_lines, "that the line of a frame is that of its definition");
        self.count(lost.columns, "columns");
        self.count(lost.addresses, "addresses and binaries");
        self.count(lost.system_names, "the linker's names");
        self.count(lost.kinds, "kinds of frames (inlined, kernel, compiled)");
    }

    /// What is lost of origins and labels.
    pub(crate) fn roots(&mut self, loss: RootLoss) {
        self.add_if(loss.origin, "parts of hosts, processes, threads or files");
        self.add_if(loss.labels, "labels");
    }

    /// What is lost of the profile as a whole. `unmarked`: frames that an estimate made up look like the others.
    pub(crate) fn whole(&mut self, profile: &Profile, dialect: Dialect, unmarked: bool) {
        let meta = profile.meta();
        self.add_if(profile.tracks().has_time_order(), "the order of samples in time");
        self.add_if(unmarked, "which frames the estimate made up");
        let austin = dialect == Dialect::Austin;
        let duration = meta.duration_ns.is_some() && !(austin && microseconds(meta.duration_ns).is_some());
        self.add_if(meta.start_ns.is_some() || duration, "when the recording began and how long it took");
        self.add_if(
            meta.period != 0 && !(austin && interval(profile).is_some()),
            "how often samples were taken",
        );
        self.add_if(meta.title.is_some() || meta.doc_url.is_some(), "title and documentation");
        self.add_if(meta.drop_frames.is_some() || meta.keep_frames.is_some(), "which frames to drop or keep");
    }

    /// Names that other tools show with stand-ins.
    pub(crate) fn stand_ins(&mut self, count: usize) {
        self.count(
            count,
            "names changed for other tools than profkit, as they look like something else in a line",
        );
    }

    /// Values that are not quite what they were, or that other tools do not take.
    pub(crate) fn values(&mut self, rounded: usize, negative: usize) {
        self.count(rounded, "times below a microsecond, which are carried over to other lines");
        self.count(negative, "negative values, which other tools skip");
    }
}

fn join(name: &[u8], unit: &[u8]) -> String {
    format!("{}/{}", String::from_utf8_lossy(name), String::from_utf8_lossy(unit))
}

impl FrameLosses {
    fn add(&mut self, profile: &Profile, dialect: Dialect, frame: Frame) {
        let name = name_of(profile, frame);
        let whole = shown(profile, frame, &name, Dialect::PySpy);
        let held = whole.held_by(dialect);
        self.files += usize::from(held.file != whole.file);
        self.lines += usize::from(held.line != whole.line);
        self.kinds += usize::from(held.flags != frame.flags);
        self.columns += usize::from(frame.column != 0);
        self.addresses += usize::from(frame.address != 0 || frame.mapping.is_some());
        if let Some(function) = frame.function.map(|function| profile.functions()[function]) {
            let defined = function.first_line != 0;
            self.definitions += usize::from(defined && frame.line != 0);
            self.stand_ins_for_lines += usize::from(defined && frame.line == 0 && held.line != 0);
            self.system_names += usize::from(function.has_linker_name());
        }
    }
}
