//! The frames at the root of py-spy's stacks that are none (`stack_trace.rs` of 0.4): processes with `--subprocesses`,
//! threads with `--threads`. Its collapsed stacks and its speedscope files have the same ones.

/// Label of a sample: a process above its own, `12:"command"`; one label a process, outermost first.
pub const PARENT_LABEL: &[u8] = b"parent_process";

/// A frame that stands for a process or a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root<'t> {
    /// `process 12:"command"`.
    Process {
        /// Its id; profkit writes `?` for an unknown one.
        pid: Option<i64>,
        /// Its command line.
        command: &'t [u8],
    },
    /// `thread (12): name`, or `thread (12)` for one without a name.
    Thread {
        /// Its id; profkit writes `?` for an unknown one.
        tid: Option<i64>,
        /// Its name, or nothing.
        name: &'t [u8],
    },
}

impl<'t> Root<'t> {
    /// What the name of a frame stands for; `None` for a frame like any other.
    #[must_use]
    pub fn parse(frame: &'t [u8]) -> Option<Self> {
        if let Some(process) = frame.strip_prefix(b"process ") {
            let colon = process.iter().position(|&byte| byte == b':')?;
            let command = process[colon + 1..].strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            return Some(Self::Process { pid: id(&process[..colon])?, command });
        }
        let thread = frame.strip_prefix(b"thread (")?;
        let close = thread.iter().position(|&byte| byte == b')')?;
        let name = match &thread[close + 1..] {
            [] => &[][..],
            [b':', b' ', name @ ..] => name,
            _ => return None,
        };
        Some(Self::Thread { tid: id(&thread[..close])?, name })
    }
}

/// An id, `?` for an unknown one. py-spy writes ids of threads that the system does not know in hexadecimal.
#[must_use]
pub fn id(text: &[u8]) -> Option<Option<i64>> {
    if text == b"?" {
        return Some(None);
    }
    let text = std::str::from_utf8(text).ok()?;
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    // Signs that numbers in Rust may have, and ids have not.
    let is_signed = digits.starts_with('+') || (radix == 16 && digits.starts_with('-'));
    i64::from_str_radix(digits, radix).ok().filter(|_| !is_signed).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_told_from_frames() {
        let process = |pid, command| Some(Root::Process { pid, command });
        let thread = |tid, name| Some(Root::Thread { tid, name });
        for (frame, expected) in [
            (r#"process 12:"a "b": c""#, process(Some(12), &br#"a "b": c"#[..])),
            (r#"process ?:"""#, process(None, &[])),
            ("thread (12): (a) b", thread(Some(12), &b"(a) b"[..])),
            ("thread (0x7F01)", thread(Some(0x7f01), &[])),
            ("thread (12)x", None),
            ("thread (+1)", None),
            ("thread (0x-1)", None),
            ("thread ()", None),
            (r#"process 12:"a"#, None),
            ("process 12", None),
            ("processes", None),
        ] {
            assert_eq!(Root::parse(frame.as_bytes()), expected, "{frame}");
        }
    }
}
