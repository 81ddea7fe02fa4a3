//! Why there is no recording.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why there is no recording.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The folder of the recording cannot be made.
    #[error("{path}: {reason}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The command cannot be started.
    #[error("{command}: cannot be started: {reason}")]
    Command {
        /// As it was given.
        command: String,
        /// What the system says.
        reason: io::Error,
    },
    /// A process that runs cannot be sampled.
    #[error("process {0}: {1}")]
    Refused(u32, profkit_sampler::refusal::Refusal),
    /// A part of profkit is not where it should be.
    #[error("{name} is missing: it should stand beside profkit, in {folder}", folder = .folder.display())]
    NoAgent {
        /// Name of the file.
        name: &'static str,
        /// Where it was looked for first.
        folder: PathBuf,
    },
    /// The system refused something else.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
}
