//! Which functions are builtins: yappi stores it, and its `full_name` (a function's identity while loading) depends on it.

/// The label of a row that is builtin though it does not look so, or the other way round.
pub(crate) const LABEL: &[u8] = b"builtin";

/// What a function's place tells. Builtins have line 0 and a module's name or `~` in place of a file; every builtin in
/// files by yappi 1.0 to 1.7.6 has, and no other function.
pub(crate) fn looks_builtin(file: &[u8], first_line: i64) -> bool {
    let is_path = file.iter().any(|byte| matches!(byte, b'/' | b'\\'))
        || file.ends_with(b".py")
        || file.starts_with(b"<");
    first_line == 0 && !is_path
}

/// yappi's `full_name`.
pub(crate) fn full_name(builtin: bool, file: &[u8], first_line: i64, name: &[u8]) -> Vec<u8> {
    if builtin {
        [file, name].join(&b'.')
    } else {
        [file, format!(":{first_line} ").as_bytes(), name].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_what_yappi_makes_of_it() {
        assert_eq!(full_name(true, b"builtins", 0, b"len"), b"builtins.len");
        assert_eq!(full_name(false, b"/app/calls.py", 7, b"fib"), b"/app/calls.py:7 fib");
        assert!(looks_builtin(b"~", 0));
        assert!(!looks_builtin(b"<string>", 0));
        assert!(!looks_builtin(b"calls.py", 0));
        assert!(!looks_builtin(b"builtins", 1));
    }
}
