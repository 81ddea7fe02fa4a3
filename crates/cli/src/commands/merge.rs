//! `profkit merge`: load all inputs in parallel, merge, change shape, write.
//!
//! What would surprise: nothing is opened for writing before the last input has been read, so the output may be one of
//! the inputs.

use std::io::ErrorKind::NotFound;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use profkit_formats::{
    Format, LoadError, LoadOptions, Spec, WriteOptions, load_path_into, load_reader_into, registry,
};
use profkit_merge::{MergeOptions, Outcome, merge_all};
use profkit_profile::count;
use profkit_profile::views::origins::By;
use profkit_profile::{Profile, ProfileBuilder};

use crate::args::Merge;
use crate::failure::{Failure, note, print_failure};
use crate::input::written_type;
use crate::output::{Target, fitted};
use crate::progress::Progress;
use crate::sources::{Source, Sources};

/// How many remarks about inputs are printed.
const NOTES: usize = 10;

pub(crate) fn run(arguments: &Merge) -> Result<(), Failure> {
    let target = match (&arguments.output, arguments.to) {
        (Some(path), to) => Some(Target::new(path, to)?),
        (None, Some(to)) => Some(default_target(to)?),
        (None, None) => None,
    };
    let sources = Sources::find(&arguments.inputs, &arguments.files_from)?;
    if sources.repeated > 0 {
        note(&format!("{} given more than once; each counts once", count(sources.repeated, "input")));
    }
    if sources.sources.is_empty() {
        return Err(Failure::Reason(
            "there is nothing to merge; give the profiles, or folders of them".to_owned(),
        ));
    }
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = arguments.threads {
        // More than there are inputs and processors have nothing to do.
        let useful = sources.sources.len().max(available_parallelism().map_or(1, NonZeroUsize::get));
        pool = pool.num_threads(threads.get().min(useful));
    }
    let pool = pool.build().map_err(|error| Failure::Reason(format!("no threads: {error}")))?;
    let loader = Loader::new(&sources, arguments.load.options());
    let (profile, merged) = pool.install(|| load_all(arguments, &sources, &loader))?;
    let target = match target {
        Some(target) => target,
        None => default_target(loader.common_format()?)?,
    };
    if sources.have(&target.path) {
        note(&format!("{} is one of the inputs; what comes of all replaces it", target.path.display()));
    }
    let (profile, lost) = fitted(profile, target.format.holds(), arguments.stacks.mode(), &target.path)?;
    let sample_type = written_type(&profile, arguments.value.as_deref())?;
    target.write(&profile, &WriteOptions { sample_type, ..WriteOptions::default() }, &lost)?;
    if arguments.output.is_none() {
        note(&format!("{} merged into {}", count(merged, "profile"), target.path.display()));
    }
    Ok(())
}

/// Merges what can be loaded, and tells what cannot. Also how many profiles that was.
fn load_all(arguments: &Merge, sources: &Sources, loader: &Loader) -> Result<(Profile, usize), Failure> {
    let options = MergeOptions { by: arguments.by.map(By::from), paths: arguments.paths.rules() };
    let failed = |error| Failure::Reason(format!("the profiles cannot be merged: {error}"));
    let outcome = merge_all(&sources.sources, &options, |source, builder| loader.load(source, builder))
        .map_err(failed)?;
    loader.finish();
    let Outcome { mut merger, failed: refused } = outcome;
    let passed_over = refused.iter().filter(|(_, refusal)| matches!(refusal, Refusal::NoProfile)).count();
    if passed_over > 0 {
        note(&format!("{} in folders passed over: no profile", count(passed_over, "file")));
    }
    let mut broken = 0;
    for (index, refusal) in &refused {
        let Refusal::Broken(reason) = refusal else { continue };
        let name = sources.sources[*index].name();
        broken += 1;
        if arguments.skip_invalid {
            note(&format!("left out {}: {reason}", name.display()));
            merger.comment(format!("profkit: left out {}: {reason}", name.display()).as_bytes());
        } else {
            print_failure(&Failure::file(name, reason));
        }
    }
    let all = sources.sources.len() - passed_over;
    if broken > 0 && !arguments.skip_invalid {
        let rest = if broken < all { ", --skip-invalid merges the rest" } else { "" };
        return Err(Failure::Reason(format!(
            "{broken} of {all} inputs cannot be read; nothing was written{rest}"
        )));
    }
    if broken == all {
        return Err(Failure::Reason("no profile is left to merge; nothing was written".to_owned()));
    }
    Ok((merger.finish().map_err(failed)?, all - broken))
}

/// `merged` with the extension of a format, in the current folder.
fn default_target(spec: Spec) -> Result<Target, Failure> {
    let extension = spec.format.extensions().first().copied().unwrap_or(spec.format.name());
    let path = PathBuf::from(format!("merged.{extension}"));
    if path.symlink_metadata().is_ok() {
        let reason = "it is there already; choose another name, or replace it, with -o";
        return Err(Failure::file(&path, reason));
    }
    Target::new(&path, Some(spec))
}

/// Why an input is not merged.
enum Refusal {
    /// It was found in a folder and nothing says that it should be a profile.
    NoProfile,
    /// The reason.
    Broken(String),
}

/// Loads inputs on several threads.
struct Loader {
    options: LoadOptions,
    progress: Mutex<Option<Progress>>,
    done: AtomicUsize,
    formats: Mutex<Vec<&'static dyn Format>>,
    notes: Mutex<Vec<String>>,
}

impl Loader {
    fn new(sources: &Sources, options: LoadOptions) -> Self {
        Self {
            options,
            progress: Mutex::new(Some(Progress::new(sources.sources.len(), sources.size()))),
            done: AtomicUsize::new(0),
            formats: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// Reads an input; tells its name.
    fn load(&self, source: &Source, builder: &mut ProfileBuilder) -> Result<Option<Vec<u8>>, Refusal> {
        let loaded = if source.is_stdin() {
            load_reader_into(std::io::stdin().lock(), &self.options, builder)
        } else {
            load_path_into(&source.path, &self.options, builder)
        };
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(progress) = &*lock(&self.progress) {
            progress.advance(done, source.size);
        }
        let format = loaded.map_err(|error| match error {
            LoadError::Unknown(_) if source.chance => Refusal::NoProfile,
            // A link to nothing.
            LoadError::Io(error) if source.chance && error.kind() == NotFound => Refusal::NoProfile,
            error => Refusal::Broken(error.to_string()),
        })?;
        let mut formats = lock(&self.formats);
        if !formats.iter().any(|known| known.name() == format.name()) {
            formats.push(format);
        }
        drop(formats);
        for text in &builder.meta.notes {
            lock(&self.notes).push(format!("{}: {text}", source.name().display()));
        }
        Ok(Some(source.name().as_os_str().as_bytes().to_vec()))
    }

    /// Ends the progress bar and tells what readers had to tell.
    fn finish(&self) {
        if let Some(progress) = lock(&self.progress).take() {
            progress.finish();
        }
        let mut notes = lock(&self.notes);
        notes.sort();
        notes.iter().take(NOTES).for_each(|text| note(text));
        if notes.len() > NOTES {
            let more = count(notes.len() - NOTES, "more remark");
            note(&format!("{more} about inputs; `profkit info FILE` prints those of a file"));
        }
    }

    /// The format to write when nobody says: that of the inputs, or pprof, which holds most.
    fn common_format(&self) -> Result<Spec, Failure> {
        let formats = lock(&self.formats);
        let format = match formats.as_slice() {
            [format] if format.is_written() => Some(*format),
            _ => registry::by_path(Path::new("merged.pb.gz")),
        };
        let format =
            format.ok_or_else(|| Failure::Reason("give the format to write with --to".to_owned()))?;
        Ok(Spec { format, dialect: None })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
