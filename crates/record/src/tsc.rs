//! How fast the processor's own clock ticks, measured once for all processes of a recording: a child that lives for 20 ms has
//! no time to find out.

use std::time::Duration;

/// Two looks at both clocks; the longer between them, the more exact the rate: at 5 ms about one part in 100,000.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement(Option<(u64, u64)>);

const LEAST: Duration = Duration::from_millis(5);

impl Measurement {
    pub(crate) fn begin() -> Self {
        Self(both())
    }

    /// Ticks a second; `None` where the clock is not the same on all processors and at all times.
    pub(crate) fn finish(self) -> Option<f64> {
        let (ticks, nanoseconds) = self.0?;
        let passed = Duration::from_nanos(both()?.1.saturating_sub(nanoseconds));
        std::thread::sleep(LEAST.saturating_sub(passed));
        let (now_ticks, now) = both()?;
        #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
        let rate = (now_ticks.checked_sub(ticks)? as f64) * 1e9 / (now.checked_sub(nanoseconds)? as f64);
        rate.is_finite().then_some(rate)
    }
}

/// The processor's clock and `CLOCK_MONOTONIC`, read as close together as they come in a few tries.
#[cfg(target_arch = "x86_64")]
fn both() -> Option<(u64, u64)> {
    use core::arch::x86_64::{__cpuid, _rdtsc};
    // Leaf 0x8000_0007 of cpuid, bit 8 of EDX: the clock is invariant.
    const LEAF: u32 = 0x8000_0007;
    if __cpuid(0x8000_0000).eax < LEAF || __cpuid(LEAF).edx & (1 << 8) == 0 {
        return None;
    }
    let try_once = |_| {
        // SAFETY: every x86-64 has it.
        let before = unsafe { _rdtsc() };
        let now = profkit_sampler::clock::now(libc::CLOCK_MONOTONIC)?;
        // SAFETY: see above.
        let after = unsafe { _rdtsc() };
        let now = u64::try_from(now.as_nanos()).ok()?;
        Some((after.wrapping_sub(before), before + after.wrapping_sub(before) / 2, now))
    };
    let (_, ticks, now) = (0..16).filter_map(try_once).min()?;
    Some((ticks, now))
}

/// Elsewhere the tracer reads the rate from the processor.
#[cfg(not(target_arch = "x86_64"))]
fn both() -> Option<(u64, u64)> {
    None
}
