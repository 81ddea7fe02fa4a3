//! How the model keeps yappi's contexts (its threads or greenlets): names of labels, sample types and dialects that the
//! reader sets and the writer looks for.
//!
//! A context's id is yappi's own small number, not the operating system's thread id. It is the `tid` of an origin.

/// The context's id, on a row whose profile mixes contexts.
pub(crate) const ID: &[u8] = b"ctx_id";
/// The context's name there: a class, such as `_MainThread`, `Thread` or `Greenlet`.
pub(crate) const NAME: &[u8] = b"ctx_name";
/// The number that `yappi.set_tag_callback` gave, unless 0.
pub(crate) const TAG: &[u8] = b"tag";

/// The operating system's thread id, on a row of thread statistics.
pub(crate) const SYSTEM_TID: &[u8] = b"tid";
/// The sample type that marks statistics of threads or greenlets: how often one was switched to.
pub(crate) const SWITCHES: &[u8] = b"sched_count";

/// The dialect of statistics of threads.
pub(crate) const THREADS: &str = "threads";
/// The dialect of statistics of greenlets.
pub(crate) const GREENLETS: &str = "greenlets";

/// The name that yappi gives the context of the main thread.
pub(crate) const MAIN: &[u8] = b"_MainThread";

/// Whether a context is the one that is meant where nothing is said. yappi 1.0 has no names.
pub(crate) fn is_main(id: i64, name: Option<&[u8]>) -> bool {
    id == 0 && name.is_none_or(|name| name == MAIN)
}
