//! Typed row numbers. An id is only meaningful in the profile (or builder) that gave it.
//!
//! Ids are stored plus one in a `NonZeroU32`, so `Option<StackId>` takes four bytes and a column needs no
//! sentinel value.

use std::num::NonZeroU32;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(NonZeroU32);

        impl Id for $name {
            const FIRST: Self = Self(NonZeroU32::MIN);

            fn from_index(index: usize) -> Option<Self> {
                let raw = u32::try_from(index).ok()?.checked_add(1)?;
                NonZeroU32::new(raw).map(Self)
            }

            #[inline]
            fn index(self) -> usize {
                (self.0.get() - 1) as usize
            }
        }
    )*};
}

/// A typed row number.
pub trait Id: Copy + Eq + Ord {
    /// The id of row 0.
    const FIRST: Self;

    /// The id of row `index`; `None` where a table would be too long for 32-bit ids.
    fn from_index(index: usize) -> Option<Self>;

    /// The row number.
    fn index(self) -> usize;
}

ids! {
    /// A string. Row 0 is always the empty string.
    StringId;
    /// A function.
    FunctionId;
    /// A loaded binary.
    MappingId;
    /// A function at a line or address.
    FrameId;
    /// A frame below its parent stack.
    StackId;
    /// Where a value was measured. Row 0 is always the origin of which nothing is known.
    OriginId;
    /// A set of labels. Row 0 is always the empty set.
    LabelSetId;
    /// One time line.
    TrackId;
}

impl StringId {
    /// The empty string.
    pub const EMPTY: Self = Self::FIRST;

    /// Whether this is the empty string.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }
}

impl OriginId {
    /// The origin of which nothing is known.
    pub const UNKNOWN: Self = Self::FIRST;
}

impl LabelSetId {
    /// No labels.
    pub const EMPTY: Self = Self::FIRST;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_id_takes_four_bytes() {
        assert_eq!(size_of::<Option<StackId>>(), 4);
    }

    #[test]
    fn the_last_index_is_one_below_the_limit() {
        let last = u32::MAX as usize - 1;
        assert_eq!(FrameId::from_index(last).map(Id::index), Some(last));
        assert_eq!(FrameId::from_index(last + 1), None);
    }
}
