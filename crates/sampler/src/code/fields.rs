//! Fields of a code object as they lie in the target's memory.

use crate::layout::{Layout, NONE, OB_SIZE};
use crate::remote::{Remote, int_at, word_at};

/// Bytes of a code object that hold every field that is read.
pub(super) const HEAD: usize = 256;
/// More threads than as many have no copies that are known.
const MAX_COPIES: u64 = 1 << 12;

pub(super) fn instructions(head: &[u8], layout: &Layout, address: u64) -> (u64, u64, u64) {
    if layout.code_adaptive == NONE {
        return (0, 0, u64::MAX);
    }
    let instructions = address + layout.code_adaptive as u64;
    let traceable = u64::try_from(int_at(head, layout.code_firsttraceable)).unwrap_or(0);
    // The variable part of a code object: its instructions.
    let count = word_at(head, layout.at(OB_SIZE)).min(u64::from(u32::MAX));
    (instructions, instructions + traceable * 2, instructions + count * 2)
}

/// Where the copies of a code's instructions begin: `Py_ssize_t size; char *entries[size]`, the first of which is the code itself.
pub(super) fn copies(remote: Remote, layout: &Layout, code: u64) -> Option<Vec<u64>> {
    let array = remote.word(code + layout.code_copies as u64).ok()?;
    let count = remote.word(array).ok().filter(|&count| count <= MAX_COPIES)?;
    let entries = remote.bytes(array + 8, usize::try_from(count).ok()? * 8).ok()?;
    Some(entries.chunks_exact(8).skip(1).map(|entry| word_at(entry, 0)).filter(|&begin| begin != 0).collect())
}

/// The largest frame that is believed: a function of 64 K variables.
const MAX_FRAME: u64 = 1 << 20;

pub(super) fn frame_bytes(head: &[u8], layout: &Layout) -> Option<u64> {
    if !layout.has_data_stack() {
        return Some(0);
    }
    let number = |offset| u64::try_from(int_at(head, offset)).ok();
    let words = if layout.code_framesize == NONE {
        number(layout.code_nlocalsplus)? + number(layout.code_stacksize)? + (layout.frame_head / 8) as u64
    } else {
        number(layout.code_framesize)?
    };
    // Whoever goes from frame to frame by their sizes would go through what is none in small steps, or for ever.
    Some(words * 8).filter(|&bytes| (layout.frame_head as u64..MAX_FRAME).contains(&bytes))
}

#[cfg(test)]
mod tests {
    use super::{HEAD, frame_bytes};
    use crate::layout::Layout;
    use crate::version::Version;

    #[test]
    fn a_frame_without_room_for_its_head_is_of_no_code() {
        let layout = Layout::known(Version::new(3, 12, 0)).unwrap();
        let mut head = [0; HEAD];
        assert_eq!(frame_bytes(&head, &layout), None);
        head[layout.code_framesize] = 1;
        assert_eq!(frame_bytes(&head, &layout), None);
        head[layout.code_framesize] = 10;
        assert_eq!(frame_bytes(&head, &layout), Some(80));
    }
}
