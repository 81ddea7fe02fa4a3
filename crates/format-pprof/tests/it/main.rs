//! Whole files: those of real tools against what prost decodes, all that the schema can say, broken and hostile ones,
//! and generated ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

mod broken;
mod canonical;
mod estimate;
mod every_field;
mod files;
mod fixtures;
mod generated;
mod hostile;
mod odd_models;
mod recognised;
