//! Numbers in the byte order of the machine that recorded, which is this one.

/// The `u32` at an offset.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// The `u64` at an offset.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// The `f64` whose bits are at an offset.
pub(crate) fn f64_at(bytes: &[u8], offset: usize) -> Option<f64> {
    u64_at(bytes, offset).map(f64::from_bits)
}
