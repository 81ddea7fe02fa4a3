//! Line tables of code objects: from an instruction's offset to its line.
//!
//! Three formats. 3.8 and 3.9 (`co_lnotab`): pairs of an offset's and a signed line's increment; the line holds from there on.
//! 3.10 (`co_linetable`, PEP 626): the same pairs, but the line of a pair holds for the range that the pair itself spans, and −128
//! means no line. 3.11 and later (`Objects/locations.md`): entries of a head byte, `1 kkkk lll` with kind and length, then
//! varints or columns by kind.
//!
//! Example (3.10): `04 01 02 80 02 03` with first line 7: bytes 0–3 line 8, 4–5 none, 6–7 line 11.

use crate::version::Version;

/// The lines of one code object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Offset in bytes where a run of instructions begins, and its line; 0 where it has none. Ascending.
    starts: Vec<(u32, u32)>,
}

impl Lines {
    /// Parses the table of a code object. A table that ends early gives the lines before its end.
    #[must_use]
    pub fn parse(version: Version, table: &[u8], first_line: u32) -> Self {
        let mut lines = Self::default();
        if version.at_least(11) {
            lines.parse_locations(table, first_line);
        } else if version.at_least(10) {
            lines.parse_ranges(table, first_line);
        } else {
            lines.parse_increments(table, first_line);
        }
        lines.starts.shrink_to_fit();
        lines
    }

    /// The line of the instruction at a byte offset; 0 if it has none.
    #[must_use]
    pub fn line(&self, offset: u32) -> u32 {
        let after = self.starts.partition_point(|&(start, _)| start <= offset);
        after.checked_sub(1).and_then(|at| self.starts.get(at)).map_or(0, |&(_, line)| line)
    }

    fn push(&mut self, offset: u32, line: i64) {
        let line = u32::try_from(line).unwrap_or(0);
        match self.starts.last_mut() {
            Some(last) if last.1 == line => {}
            Some(last) if last.0 == offset => last.1 = line,
            _ => self.starts.push((offset, line)),
        }
    }

    fn parse_increments(&mut self, table: &[u8], first_line: u32) {
        let (mut offset, mut line) = (0u32, i64::from(first_line));
        self.push(0, line);
        for pair in table.chunks_exact(2) {
            offset = offset.saturating_add(u32::from(pair[0]));
            line += i64::from(pair[1].cast_signed());
            self.push(offset, line);
        }
    }

    fn parse_ranges(&mut self, table: &[u8], first_line: u32) {
        let (mut offset, mut line) = (0u32, i64::from(first_line));
        for pair in table.chunks_exact(2) {
            let delta = pair[1].cast_signed();
            let has_line = delta != i8::MIN;
            if has_line {
                line += i64::from(delta);
            }
            if pair[0] != 0 {
                self.push(offset, if has_line { line } else { 0 });
            }
            offset = offset.saturating_add(u32::from(pair[0]));
        }
    }

    fn parse_locations(&mut self, table: &[u8], first_line: u32) {
        let (mut offset, mut line) = (0u32, i64::from(first_line));
        let mut rest = table;
        while let Some((&head, after)) = rest.split_first() {
            rest = after;
            let kind = (head >> 3) & 15;
            let delta = match kind {
                15 => None,
                13 | 14 => Some(signed_varint(&mut rest)),
                10..=12 => Some(i64::from(kind) - 10),
                _ => Some(0),
            };
            skip_columns(kind, &mut rest);
            line += delta.unwrap_or(0);
            self.push(offset, if delta.is_some() { line } else { 0 });
            offset = offset.saturating_add((u32::from(head & 7) + 1) * 2);
        }
    }
}

/// What follows the line's increment: columns, and the end line, none of which is kept.
fn skip_columns(kind: u8, rest: &mut &[u8]) {
    let plain = match kind {
        14 => {
            for _ in 0..3 {
                varint(rest);
            }
            0
        }
        13 | 15 => 0,
        10..=12 => 2,
        _ => 1,
    };
    *rest = rest.get(plain..).unwrap_or_default();
}

/// Six bits a byte, lowest first, bit 6 says that another follows.
fn varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0u64, 0u32);
    while let Some((&byte, after)) = rest.split_first() {
        *rest = after;
        value |= u64::from(byte & 63).checked_shl(shift).unwrap_or(0);
        shift += 6;
        if byte & 64 == 0 {
            break;
        }
    }
    value
}

/// The lowest bit is the sign.
fn signed_varint(rest: &mut &[u8]) -> i64 {
    let value = varint(rest);
    let magnitude = i64::try_from(value >> 1).unwrap_or(0);
    if value & 1 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn version(minor: u8) -> Version {
        Version::new(3, minor, 0)
    }

    #[test]
    fn increments_hold_from_their_offset_on() {
        // 3.8: two bytes to line 8, then a step back by 3.
        let lines = Lines::parse(version(8), &[2, 1, 4, 0xfd], 7);
        let got: Vec<u32> = [0, 1, 2, 5, 6, 100].map(|offset| lines.line(offset)).to_vec();
        assert_eq!(got, [7, 7, 8, 8, 5, 5]);
    }

    #[test]
    fn ranges_have_the_line_of_their_own_pair() {
        let lines = Lines::parse(version(10), &[4, 1, 2, 0x80, 2, 3], 7);
        let got: Vec<u32> = [0, 3, 4, 6].map(|offset| lines.line(offset)).to_vec();
        assert_eq!(got, [8, 8, 0, 11]);
    }

    #[test]
    fn locations_of_every_kind() {
        // none (2 units), short (1), one line +2 (1), no column -1 (1), long +70 (1).
        let table =
            [0xf9, 0x80, 0x11, 0x80 | 12 << 3, 1, 2, 0x80 | 13 << 3, 3, 0x80 | 14 << 3, 64 | 12, 2, 0, 1, 1];
        let lines = Lines::parse(version(11), &table, 10);
        let got: Vec<u32> = [0, 2, 4, 6, 8, 10].map(|offset| lines.line(offset)).to_vec();
        assert_eq!(got, [0, 0, 10, 12, 11, 81]);
    }

    #[test]
    fn a_table_cut_anywhere_is_no_error() {
        let table = [0xf9, 0x80, 0x11, 0xe0, 1, 2, 0xe8, 3, 0xf0, 76, 2, 0, 1, 1];
        for minor in [8, 10, 11] {
            for end in 0..table.len() {
                let _ = Lines::parse(version(minor), &table[..end], 1).line(4);
            }
        }
    }
}
