//! How a recording is handed from process to process: two variables of the environment.
//!
//! `LD_PRELOAD` names the object that every dynamic program loads; [`VARIABLE`] tells it what to do: lines of a key, a tab
//! and a value with the escapes of [`journal`](crate::journal). The tracer gets the same text.
//!
//! | key | value |
//! |---|---|
//! | `folder` | the recording, absolute |
//! | `start_ns` | when the recording began, as in its [`header`](crate::header): others may have the same path later |
//! | `tracer` | path of the tracer, absolute |
//! | `preload` | path of the object, absolute |
//! | `clock` | `wall` or `cpu` |
//! | `builtins` | 1 to trace functions in C as well |
//! | `compensate` | 1 to subtract the tracer's own time |
//! | `tsc_hz` | ticks a second of the processor's clock, where `profkit` measured it |

/// The variable.
pub const VARIABLE: &str = "PROFKIT_RECORD";

/// The value of a key, with its escapes undone.
#[must_use]
pub fn value(text: &[u8], key: &str) -> Option<Vec<u8>> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b"\t"))?;
    Some(crate::journal::unescape(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_whole_word() {
        let text = b"folders\t/x\nfolder\t/a%20b\nclock\twall";
        assert_eq!(value(text, "folder").unwrap(), b"/a b");
        assert_eq!(value(text, "clock").unwrap(), b"wall");
        assert_eq!(value(text, "builtins"), None);
    }
}
