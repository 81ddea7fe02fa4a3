//! Between yappi's seconds and the model's nanoseconds.

use profkit_profile::nanoseconds;

/// How a profile's times are turned back into the floats they came from.
///
/// yappi multiplies its clock's ticks with 1e-6 (wall clock) or 1e-9 (CPU clock): of the times of single-threaded
/// files by yappi 1.0 to 1.7.6 these products give back 96 in 100 bit for bit, and the rest to the last bit or two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tick {
    Microsecond,
    Nanosecond,
}

impl Tick {
    /// The coarser tick of which every time is a multiple.
    pub(crate) fn of(mut nanoseconds: impl Iterator<Item = i128>) -> Self {
        if nanoseconds.all(|time| time % 1_000 == 0) { Self::Microsecond } else { Self::Nanosecond }
    }

    pub(crate) fn seconds(self, time: i128) -> f64 {
        let product = match self {
            Self::Microsecond => (time / 1_000) as f64 * 1e-6,
            Self::Nanosecond => time as f64 * 1e-9,
        };
        // Beyond some weeks the product can miss a nanosecond that a float still holds.
        if nanoseconds(product).map(i128::from) == Some(time) { product } else { time as f64 / 1e9 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_goes_back_to_the_product_it_was() {
        // yappi 1.7.6 wrote 4,703 µs as this product; 4703/1e6 is another float.
        let tick = Tick::of([4_703_000, 7_000].into_iter());
        assert_eq!(tick.seconds(4_703_000).to_bits(), (4703.0_f64 * 1e-6).to_bits());
        let weeks = 3_123_914_852_676_042;
        assert_eq!(nanoseconds(Tick::Nanosecond.seconds(weeks)).map(i128::from), Some(weeks));
        let tick = Tick::of([4_703_000, 7_001].into_iter());
        assert_eq!(tick.seconds(7_001).to_bits(), (7001.0_f64 * 1e-9).to_bits());
    }
}
