//! What a ystat cannot hold of a profile.

use profkit_profile::{Function, Id, Profile, StringId, count};

use crate::last_place::Nudges;
use crate::stats::{Clock, Stats};
use crate::{builtin, context};

/// A phrase for each kind of thing that is lost.
/// `rounded` times are read back as others.
pub(crate) fn losses(profile: &Profile, stats: &Stats, clock: Option<&Clock>, rounded: usize) -> Vec<String> {
    let mut losses = Vec::new();
    let mut lose = |lost: bool, phrase: String| {
        if lost {
            losses.push(phrase);
        }
    };
    if let Some(clock) = clock {
        let name = String::from_utf8_lossy(clock.name(profile));
        let written = clock.python_name(profile);
        let text = format!("yappi knows the clocks wall and cpu: `{name}` is written as {written}");
        lose(name != written, text);
        let unit = profile.text(profile.sample_types()[clock.sample_type].unit);
        lose(!clock.is_time, format!("yappi holds times: 1 {unit} is written as 1 second"));
        let others = profile.sample_types().len() - 1;
        lose(others > 0, count(others, "other sample type"));
        let decimals = profile.sample_types()[clock.sample_type].decimals;
        lose(clock.is_time && decimals > 0, "fractions of nanoseconds".to_owned());
    }
    lose(rounded > 0, format!("the last digits of times, which floats of seconds do not hold ({rounded})"));
    let number = stats.unknown_calls;
    lose(number > 0, format!("the unknown numbers of {}: written as 0", count(number, "call")));
    let number = stats.unknown_own;
    lose(number > 0, format!("the unknown self times of {}: written as 0", count(number, "call")));
    let number = stats.unknown_total;
    lose(number > 0, format!("the unknown times of {}: written as 0", count(number, "call")));
    let number = stats.rowless;
    lose(number > 0, format!("{} without own values: written as callers say", count(number, "function")));
    let number = stats.roots;
    lose(number > 0, format!("{} without own values: written as callees say", count(number, "function")));
    let number = stats.changed_names;
    lose(
        number > 0,
        format!("{} changed: bytes that are not UTF-8 became surrogates", count(number, "name")),
    );
    let number = stats.same_names;
    lose(
        number > 0,
        format!("{} added to others that yappi cannot tell from them", count(number, "function")),
    );
    origins(profile, &mut lose);
    details(profile, &mut lose);
    losses
}

fn origins(profile: &Profile, lose: &mut impl FnMut(bool, String)) {
    let calls = profile.calls();
    let mut used = vec![false; profile.origins().len()];
    for row in calls.functions().rows() {
        used[row.origin.index()] = true;
    }
    for row in calls.edges().rows() {
        used[row.origin.index()] = true;
    }
    let used = || profile.origins().rows().iter().zip(&used).filter(|(_, used)| **used).map(|(row, _)| row);
    let threads = used().count();
    lose(threads > 1, format!("{} added up", count(threads, "thread")));
    let beyond = used()
        .any(|origin| origin.has_process() || [origin.host, origin.file].iter().any(|part| !part.is_empty()));
    lose(beyond, "the process, host and file of the origins".to_owned());
}

fn details(profile: &Profile, lose: &mut impl FnMut(bool, String)) {
    let calls = profile.calls();
    let sites = calls.edges().rows().iter().any(|edge| edge.site.is_some());
    lose(sites || !calls.lines().is_empty(), "the lines of calls and of self times".to_owned());
    let system_names = profile.functions().rows().iter().any(Function::has_linker_name);
    lose(system_names, "system names of functions".to_owned());
    let known = [context::ID, context::NAME, context::TAG, builtin::LABEL];
    let mut labels = calls.functions().rows().iter().flat_map(|row| profile.labels().get(row.labels));
    let is_kept = |key: &[u8]| known.contains(&key) || Nudges::is_key(key);
    lose(labels.any(|label| !is_kept(profile.bytes(label.key))), "labels".to_owned());
    let meta = profile.meta();
    lose(!profile.mappings().is_empty(), "binaries".to_owned());
    lose(meta.start_ns.is_some() || meta.duration_ns.is_some(), "start and duration".to_owned());
    lose(meta.period != 0, "the sampling period".to_owned());
    lose(meta.drop_frames.is_some() || meta.keep_frames.is_some(), "which frames to drop or keep".to_owned());
    let texts = meta.comments.iter().chain(&meta.title).chain(&meta.doc_url);
    lose(texts.copied().any(|text: StringId| !text.is_empty()), "comments and title".to_owned());
}
