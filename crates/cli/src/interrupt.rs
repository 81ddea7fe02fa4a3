//! Interrupts: no half file is left behind, and the status says which signal it was.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// From here on, a signal that ends the process removes what it was writing, does what is to be done at last, and ends it
/// with 128 + its number.
pub(crate) fn watch(at_last: impl FnOnce() + Send + 'static) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            profkit_formats::remove_unfinished();
            at_last();
            std::process::exit(128 + signal);
        }
    });
}
