//! The protobuf wire format, written: appends fields to a message. They are read back in the tests of `wire.rs`.

use crate::wire::{bytes_key, number_key};

/// Appends a varint.
#[inline(always)]
pub(crate) fn put_varint(to: &mut Vec<u8>, value: u64) {
    // As when reading: a few bytes are put in place at once.
    match value {
        0..0x80 => to.push(low_byte(value)),
        0x80..0x4000 => to.extend([low_byte(value) | 0x80, low_byte(value >> 7)]),
        0x4000..0x20_0000 => {
            to.extend([low_byte(value) | 0x80, low_byte(value >> 7) | 0x80, low_byte(value >> 14)]);
        }
        _ => put_long_varint(to, value),
    }
}

fn put_long_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    to.push(low_byte(value));
}

#[inline(always)]
fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// Appends a field of a number, unless it is 0, which is what a field that is not there means.
#[inline]
pub(crate) fn put_number(to: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        put_varint(to, number_key(field));
        put_varint(to, value);
    }
}

/// Appends a field of bytes.
#[inline]
pub(crate) fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(to, bytes_key(field));
    put_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// Appends a field of packed numbers.
#[inline]
pub(crate) fn put_packed(to: &mut Vec<u8>, field: u64, numbers: impl Iterator<Item = u64>) {
    put_varint(to, bytes_key(field));
    // The length comes first and has one byte, unless there are many numbers.
    let at = to.len();
    to.push(0);
    numbers.for_each(|number| put_varint(to, number));
    let length = (to.len() - at - 1) as u64;
    match to.get_mut(at) {
        Some(place) if length < 0x80 => *place = low_byte(length),
        _ => {
            let mut encoded = Vec::new();
            put_varint(&mut encoded, length);
            to.splice(at..=at, encoded);
        }
    }
}

/// How many bytes a varint has.
#[inline]
pub(crate) fn varint_length(value: u64) -> usize {
    ((70 - (value | 1).leading_zeros()) / 7) as usize
}
