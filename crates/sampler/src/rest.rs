//! Whether a thread has run since it was read: asked where no lock tells.
//!
//! Surprising: that its processor time stands says little. The kernel brings that up to date at ticks, every few milliseconds, on
//! processors that are kept free of ticks (`nohz_full`) every second. But how often a thread was given a processor is always
//! up to date. So one whose figures have stood for longer than any tick takes has left its processor meanwhile, and was not given
//! one since.

/// Longer than any tick.
const QUIET: u64 = 1_500_000_000;

/// What is known of one thread.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Its processor time, and how often it was given a processor.
    figures: Option<(u64, u64)>,
    /// Since when they are so.
    since: u64,
    /// Whether it was read while it was certain to rest.
    is_read: bool,
}

impl Rest {
    /// Whether it need not be read at a moment, when its figures are these: it has not run since it was. If not, it is read now.
    pub(crate) fn holds(&mut self, figures: Option<(u64, u64)>, now: u64) -> bool {
        if figures.is_none() || figures != self.figures {
            *self = Self { figures, since: now, is_read: false };
        }
        now - self.since >= QUIET && std::mem::replace(&mut self.is_read, true)
    }

    /// What was read is not certain.
    pub(crate) fn read_again(&mut self) {
        self.is_read = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_once_it_was_read_after_the_longest_tick() {
        let mut rest = Rest::default();
        let mut holds = |figures, milliseconds: u64| rest.holds(Some(figures), milliseconds * 1_000_000);
        // It may run on without a tick.
        assert!(!holds((5, 1), 0) && !holds((5, 1), 1_000));
        assert!(!holds((5, 1), 1_500), "it rests by now, but is to be read");
        assert!(holds((5, 1), 1_501) && holds((5, 1), 9_000));
        // It was given a processor, and has run for less than a tick.
        assert!(!holds((5, 2), 9_001) && !holds((5, 2), 10_000) && !holds((6, 2), 10_400));
        assert!(!holds((6, 2), 11_000) && !holds((6, 2), 11_900) && holds((6, 2), 11_901));
        rest.read_again();
        assert!(!rest.holds(Some((6, 2)), 12_000_000_000) && !rest.holds(None, 12_000_000_000));
    }
}
