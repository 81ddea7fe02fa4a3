//! Recursion in a printed stack: frames that repeat, alone or as a cycle of some, are told once and counted.

/// What to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// The frame at this index.
    Once(usize),
    /// As many frames as were printed last, so many times more.
    Again {
        /// How many of the frames before make the cycle.
        frames: usize,
        /// How often it follows.
        times: usize,
    },
}

/// Longer cycles are printed as they are.
const MAX_CYCLE: usize = 8;
/// Fewer lines than this are not worth a line that stands for them.
const LEAST: usize = 3;

/// A stack's frames, repetition counted.
pub(crate) fn parts<T: PartialEq>(frames: &[T]) -> Vec<Part> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < frames.len() {
        let repeats =
            (1..=MAX_CYCLE.min(frames.len() - at)).map(|cycle| (cycle, repeats(&frames[at..], cycle)));
        // The shortest of those that save the most.
        let best = repeats.max_by_key(|&(cycle, times)| (cycle * times, usize::MAX - cycle));
        let (cycle, times) = best.filter(|&(cycle, times)| cycle * times >= LEAST).unwrap_or((1, 0));
        found.extend((at..at + cycle).map(Part::Once));
        if times > 0 {
            found.push(Part::Again { frames: cycle, times });
        }
        at += cycle * (times + 1);
    }
    found
}

/// How often the first `cycle` frames come again right after themselves.
fn repeats<T: PartialEq>(frames: &[T], cycle: usize) -> usize {
    let (first, rest) = frames.split_at(cycle);
    rest.chunks_exact(cycle).take_while(|chunk| *chunk == first).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(frames: &str) -> String {
        let bytes = frames.as_bytes();
        parts(bytes).into_iter().fold(String::new(), |mut text, part| {
            match part {
                Part::Once(at) => text.push(char::from(bytes[at])),
                Part::Again { frames, times } => text.push_str(&format!("[{frames}x{times}]")),
            }
            text
        })
    }

    #[test]
    fn recursion_is_told_once() {
        assert_eq!(told("abc"), "abc");
        assert_eq!(told("aab"), "aab");
        assert_eq!(told("xaaaaab"), "xa[1x4]b");
        assert_eq!(told("xabababay"), "xab[2x2]ay");
        assert_eq!(told("aaaabaaaab"), "aaaab[5x1]");
        assert_eq!(told("abcabc"), "abc[3x1]");
        assert_eq!(told(&"ab".repeat(500)), "ab[2x499]");
        assert_eq!(told(""), "");
    }
}
