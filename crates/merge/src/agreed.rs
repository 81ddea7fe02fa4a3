//! What several inputs say about one thing, if they all say the same.

/// A value that all inputs agree on so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Agreed<T> {
    /// No input has said anything yet.
    #[default]
    Unsaid,
    /// All say this.
    Same(T),
    /// They differ.
    Mixed,
}

impl<T: PartialEq> Agreed<T> {
    pub(crate) fn add(&mut self, value: T) {
        match self {
            Self::Unsaid => *self = Self::Same(value),
            Self::Same(same) if *same == value => {}
            Self::Same(_) | Self::Mixed => *self = Self::Mixed,
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        match other {
            Self::Unsaid => {}
            Self::Same(value) => self.add(value),
            Self::Mixed => *self = Self::Mixed,
        }
    }

    pub(crate) fn same(self) -> Option<T> {
        match self {
            Self::Same(value) => Some(value),
            Self::Unsaid | Self::Mixed => None,
        }
    }
}
