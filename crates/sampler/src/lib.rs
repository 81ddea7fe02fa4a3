//! Reads the Python stacks of other processes.

pub mod binary;
mod clock;
pub mod code;
pub mod debug_offsets;
pub mod dump;
pub mod gil;
pub mod interpreter;
pub mod layout;
pub mod lines;
pub mod linked;
pub mod maps;
pub mod names;
pub mod objects;
pub mod proc_stat;
pub mod process;
pub mod reader;
pub mod reading;
pub mod refusal;
pub mod remote;
pub mod resolver;
pub mod session;
pub mod stack;
pub mod thread;
pub mod thread_names;
pub mod threads;
pub mod tree;
pub mod version;
