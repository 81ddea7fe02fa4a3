//! Every profile format that profkit knows, in one place: recognise a file by its content, decompress it, read it,
//! turn one shape of evidence into the other, write it.
//!
//! [`FORMATS`] is the only list of formats. Help texts, detection, extensions, tests and fuzz targets derive from
//! it: a new format is one crate and one line there.
//!
//! ```
//! use profkit_formats::{LoadOptions, load_bytes, registry};
//!
//! let bytes = b"main;work 3\nmain 1\n".to_vec();
//! let loaded = load_bytes(bytes, &LoadOptions::default()).unwrap();
//! assert_eq!(loaded.format.name(), "collapsed");
//! assert_eq!(loaded.profile.samples().values(0), [3, 1]);
//!
//! let mut out = Vec::new();
//! let speedscope = registry::by_name("speedscope").unwrap();
//! profkit_formats::write(&loaded.profile, speedscope, &mut out, &Default::default()).unwrap();
//! assert!(out.starts_with(b"{"));
//! ```
#![forbid(unsafe_code)]

pub mod container;
mod detect;
mod error;
pub mod folder;
mod foreign;
mod gzip;
mod load;
mod output;
pub mod registry;
mod shape;
mod size;

pub use detect::{Unknown, detect};
pub use error::{LoadError, Place};
pub use load::{
    DEFAULT_MAX_SIZE, LoadOptions, Loaded, load_bytes, load_path, load_path_into, load_reader,
    load_reader_into,
};
pub use output::{remove_unfinished, write, write_file, write_path};
pub use profkit_profile::{Format, WriteOptions, Written};
pub use registry::{FORMATS, Spec};
pub use shape::{Fitted, Stacks, fit};
pub use size::ByteSize;
