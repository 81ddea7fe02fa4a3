//! A process as `/proc/PID/stat` has it: the recorders, their front and `top` all know processes by it.
//!
//! The program's name stands second, in parentheses, and may hold anything, spaces and parentheses too; so fields are
//! counted from the last parenthesis on. Nothing is allocated: it is read between `vfork` and `execve` as well.

/// The text of a `stat` file.
#[derive(Clone, Copy, Debug)]
pub struct Stat<'a> {
    /// What follows the name: the fields from the third on.
    after_name: &'a [u8],
}

impl<'a> Stat<'a> {
    /// The fields of a `stat` file; `None` if it is none.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let end = text.iter().rposition(|&byte| byte == b')')?;
        Some(Self { after_name: text.get(end + 1..)? })
    }

    /// A field by its number in `proc(5)`, from the third on.
    #[must_use]
    pub fn field(&self, number: usize) -> Option<&'a str> {
        let mut fields = self.after_name.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        core::str::from_utf8(fields.nth(number.checked_sub(3)?)?).ok()
    }

    /// A field that is a number.
    #[must_use]
    pub fn number(&self, number: usize) -> Option<u64> {
        self.field(number)?.parse().ok()
    }

    /// When the process started, in clock ticks since boot.
    #[must_use]
    pub fn start_ticks(&self) -> Option<u64> {
        self.number(22)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let text = b"12 (a) R 1 \xff b) S 34 12 12 0 -1 4194560 1 2 3 4 70 30 9 9 20 0 6 0 555 1 1\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat.field(3), Some("S"));
        assert_eq!((stat.number(4), stat.number(20), stat.start_ticks()), (Some(34), Some(6), Some(555)));
        assert_eq!((stat.field(2), stat.field(99), stat.number(8)), (None, None, None));
        assert!(Stat::parse(b"12").is_none());
    }
}
