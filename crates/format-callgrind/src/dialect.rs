//! Writers whose files mean something of their own.

use crate::event::Writer;

/// Who wrote a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// Anyone who writes what the specification says.
    Plain,
    /// yappi: names are `name file:line`, and costs stand at the line of the definition.
    Yappi,
    /// pyprof2calltree 1.4: a function's first cost stands at the line of its definition, and so do its calls. Functions
    /// of one file that share their name get `:line`.
    Pyprof2calltree,
    /// profkit: see [`write`](crate::write).
    Profkit,
}

impl Dialect {
    /// The dialect that a `creator:` line tells.
    pub(crate) fn of_creator(creator: &[u8]) -> Self {
        if creator == b"yappi" {
            Self::Yappi
        } else if creator.starts_with(b"profkit") {
            Self::Profkit
        } else {
            Self::Plain
        }
    }

    /// Its name for people; empty for the plain one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Yappi => "yappi",
            Self::Pyprof2calltree => "pyprof2calltree",
            Self::Profkit => "profkit",
        }
    }

    pub(crate) fn event_writer(self) -> Writer {
        match self {
            Self::Yappi => Writer::Yappi,
            Self::Profkit => Writer::Profkit,
            Self::Plain | Self::Pyprof2calltree => Writer::Other,
        }
    }

    /// A function's own name, and the line of its definition if the name tells it.
    pub(crate) fn function_name<'a>(
        self,
        name: &'a [u8],
        file: &[u8],
        definition: Option<i64>,
    ) -> (&'a [u8], Option<i64>) {
        let told = match self {
            Self::Plain => None,
            // The file is part of the name, so a name that holds a colon is no trouble.
            Self::Yappi => split_line(name).and_then(|(rest, line)| {
                let rest = rest.strip_suffix(file)?;
                // The blank after an empty name is lost with those in front of it.
                if rest.is_empty() { Some((rest, line)) } else { Some((rest.strip_suffix(b" ")?, line)) }
            }),
            Self::Pyprof2calltree => split_line(name).filter(|&(_, line)| Some(line) == definition),
            Self::Profkit => split_line(name),
        };
        match told {
            Some((name, line)) => (name, Some(line)),
            None => (name, definition),
        }
    }
}

/// `name:12` as `name` and 12.
pub(crate) fn split_line(name: &[u8]) -> Option<(&[u8], i64)> {
    let colon = name.iter().rposition(|&byte| byte == b':')?;
    let digits = &name[colon + 1..];
    let magnitude = digits.strip_prefix(b"-").unwrap_or(digits);
    if magnitude.is_empty() || !magnitude.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((&name[..colon], std::str::from_utf8(digits).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_freed_of_what_a_writer_adds() {
        let yappi = |name: &'static str| Dialect::Yappi.function_name(name.as_bytes(), b"/app/a.py", None);
        assert_eq!(yappi("fib /app/a.py:9"), (b"fib".as_slice(), Some(9)));
        assert_eq!(yappi("<lambda> /app/b.py:9"), (b"<lambda> /app/b.py:9".as_slice(), None));
        let twice = |line| Dialect::Pyprof2calltree.function_name(b"f:12", b"", Some(line));
        assert_eq!(twice(12), (b"f".as_slice(), Some(12)));
        assert_eq!(twice(13), (b"f:12".as_slice(), Some(13)));
        let ours = |name: &'static str| Dialect::Profkit.function_name(name.as_bytes(), b"", Some(3));
        assert_eq!(ours("f:-1"), (b"f".as_slice(), Some(-1)));
        assert_eq!(ours("a::b"), (b"a::b".as_slice(), Some(3)));
    }
}
