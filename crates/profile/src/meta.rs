//! What a profile says about itself.

use crate::id::StringId;

/// What a profile says about itself. Empty strings and `None` mean that it does not say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// The format it was read from: a format's name, or empty.
    pub format: &'static str,
    /// The dialect of that format, e.g. `py-spy` of `collapsed`.
    pub dialect: &'static str,
    /// The tool that made it, as far as the file tells.
    pub producer: String,
    /// When recording started, nanoseconds since 1970.
    pub start_ns: Option<i64>,
    /// How long it took, nanoseconds.
    pub duration_ns: Option<i64>,
    /// How much of `period_type` passed between samples; 0 where unknown.
    pub period: i64,
    /// Name and unit of what `period` counts.
    pub period_type: Option<(StringId, StringId)>,
    /// Name of the sample type to show first; pprof allows one that does not exist.
    pub default_type: Option<StringId>,
    /// Remarks for people.
    pub comments: Vec<StringId>,
    /// pprof: regular expression of frames to drop, with everything below them.
    pub drop_frames: Option<StringId>,
    /// pprof: regular expression of frames to keep though `drop_frames` matches.
    pub keep_frames: Option<StringId>,
    /// Where the profile is explained.
    pub doc_url: Option<StringId>,
    /// A title for people.
    pub title: Option<StringId>,
    /// The track to show first.
    pub active_track: Option<usize>,
    /// Its stacks are an estimate made from call edges.
    pub estimated: bool,
    /// What the reader left out or had to decide, a short phrase each, e.g. `skipped 2 of 90 lines`. For the
    /// person who reads the file now; writers leave it out.
    pub notes: Vec<String>,
}
