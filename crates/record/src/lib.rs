//! The front that profkit's recorders share: it makes the folder of a recording, launches the command, keeps signals and
//! status the program's own, and tells when the recording is to be read.
//!
//! It never writes a profile: whoever calls it reads the folder. What would surprise: nothing of what is recorded passes
//! through this process, so it may be killed at any time. [`Live`] is for looking only, and leaves nothing.
//!
//! ```no_run
//! use profkit_record::{Launch, Recorder, Sample, Target};
//!
//! let launch = Launch {
//!     target: Target::Command(vec!["python3".into(), "app.py".into()]),
//!     folder: "app.recording".into(),
//!     recorder: Recorder::Sample(Sample { rate: 100.0, subprocesses: true, awaits: false, pause: false }),
//!     every: None,
//!     duration: None,
//! };
//! let ended = launch.run(&mut |_| ())?;
//! std::process::exit(ended.status.code());
//! # Ok::<(), profkit_record::RecordError>(())
//! ```

mod agent;
mod births;
mod error;
mod files;
mod folder;
mod launch;
mod live;
mod missed;
mod process;
mod sampling;
mod sentinel;
mod signals;
mod status;
mod tsc;
mod unseen;
mod watch;

pub use agent::{Agent, Clock, Trace};
pub use error::RecordError;
pub use launch::{Ended, Event, Launch, Recorder, Target};
pub use live::Live;
pub use process::Process;
pub use sampling::Sample;
pub use status::Status;
pub use watch::{Change, Watcher};
