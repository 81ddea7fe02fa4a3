//! What a ystat cannot hold of a profile.

use profkit_profile::{Id, Profile, StringId};

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
        lose(others > 0, format!("{others} other sample types"));
        let decimals = profile.sample_types()[clock.sample_type].decimals;
        lose(clock.is_time && decimals > 0, "fractions of nanoseconds".to_owned());
    }
    lose(rounded > 0, format!("the last digits of times, which floats of seconds do not hold ({rounded})"));
    let count = stats.unknown_calls;
    lose(count > 0, format!("that {count} call counts are unknown: written as 0"));
    let count = stats.unknown_own;
    lose(count > 0, format!("that the self times of {count} calls are unknown: written as 0"));
    let count = stats.unknown_total;
    lose(count > 0, format!("that the times of {count} calls are unknown: written as 0"));
    let count = stats.rowless;
    lose(
        count > 0,
        format!("that {count} functions have no values of their own: written as their callers say"),
    );
    let count = stats.changed_names;
    lose(count > 0, format!("{count} names changed: bytes that are not UTF-8 became surrogates"));
    let count = stats.same_names;
    lose(count > 0, format!("{count} functions added to others that yappi cannot tell from them"));
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
    lose(threads > 1, format!("{threads} threads added up"));
    let beyond = used()
        .any(|origin| origin.has_process() || [origin.host, origin.file].iter().any(|part| !part.is_empty()));
    lose(beyond, "the process, host and file of the origins".to_owned());
}

fn details(profile: &Profile, lose: &mut impl FnMut(bool, String)) {
    let calls = profile.calls();
    let sites = calls.edges().rows().iter().any(|edge| edge.site.is_some());
    lose(sites || !calls.lines().is_empty(), "the lines of calls and of self times".to_owned());
    let system_names = profile.functions().rows().iter().any(|function| !function.system_name.is_empty());
    lose(system_names, "system names of functions".to_owned());
    let known = [context::ID, context::NAME, context::TAG, builtin::LABEL];
    let mut labels = calls.functions().rows().iter().flat_map(|row| profile.labels().get(row.labels));
    let is_kept = |key: &[u8]| known.contains(&key) || Nudges::is_key(key);
    lose(labels.any(|label| !is_kept(profile.bytes(label.key))), "labels".to_owned());
    let meta = profile.meta();
    lose(meta.start_ns.is_some() || meta.duration_ns.is_some(), "start and duration".to_owned());
    let texts = meta.comments.iter().chain(&meta.title).chain(&meta.doc_url);
    lose(texts.copied().any(|text: StringId| !text.is_empty()), "comments and title".to_owned());
}
