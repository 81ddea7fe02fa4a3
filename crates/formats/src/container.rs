//! Peels gzip and zstd off a file, whatever is in it, within a limit on the expanded size.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use thiserror::Error;

use crate::detect::Unknown;
use crate::size::ByteSize;

/// What was around a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

impl Container {
    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a container could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// It is damaged; the offset counts its compressed bytes and is where the reader stood.
    #[error("damaged {container} data near byte {offset} of the compressed file: {reason}")]
    Damaged {
        /// gzip or zstd.
        container: &'static str,
        /// Bytes read.
        offset: u64,
        /// What the decompressor says.
        reason: String,
    },
    /// It expands to more than the limit.
    #[error("it expands to more than {limit}; raise the limit with --max-input-size")]
    TooLarge {
        /// The limit.
        limit: ByteSize,
    },
    /// What is inside is no profile, by its begin.
    #[error("{0}")]
    Unknown(Unknown),
    /// Containers in containers, deeper than anyone packs them.
    #[error("compressed more than {0} times over")]
    TooDeep(usize),
}

/// gzip in zstd and the like happens by accident; a file compressed more often than this is not a profile.
const MAX_LAYERS: usize = 3;

/// How much is expanded before it is looked at.
pub(crate) const HEAD: usize = 1 << 20;

/// Removes all containers. `limit` is the largest expanded size.
///
/// # Errors
/// Where a container is damaged or expands to more than the limit.
pub fn peel(bytes: Vec<u8>, limit: u64) -> Result<(Vec<u8>, Vec<Container>), ContainerError> {
    peel_looking(bytes, limit, &|_| Ok(()))
}

/// The same, but stops where `look` refuses the begin of what is inside the last container.
///
/// # Errors
/// As [`peel`], or what `look` says.
pub(crate) fn peel_looking(
    mut bytes: Vec<u8>,
    limit: u64,
    look: &dyn Fn(&[u8]) -> Result<(), Unknown>,
) -> Result<(Vec<u8>, Vec<Container>), ContainerError> {
    let look = |head: &[u8]| if Container::of(head).is_some() { Ok(()) } else { look(head) };
    let mut containers = Vec::new();
    while let Some(container) = Container::of(&bytes) {
        if containers.len() == MAX_LAYERS {
            return Err(ContainerError::TooDeep(MAX_LAYERS));
        }
        containers.push(container);
        bytes = match container {
            Container::Gzip => gunzip(&bytes, limit, &look)?,
            Container::Zstd => unzstd(&bytes, limit, &look)?,
        };
    }
    Ok((bytes, containers))
}

type Look<'a> = &'a dyn Fn(&[u8]) -> Result<(), Unknown>;

fn gunzip(bytes: &[u8], limit: u64, look: Look<'_>) -> Result<Vec<u8>, ContainerError> {
    // The last four bytes are the expanded size of the last member, if the file is honest: a hint, bounded by
    // what deflate can do at best.
    let hint = bytes.last_chunk().map_or(0, |&size| u64::from(u32::from_le_bytes(size)));
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_mul(1032);
    let (mut rest, mut out) = (bytes, Vec::new());
    while !rest.is_empty() {
        let expanded = if Container::of(rest) == Some(Container::Gzip) {
            let mut decoder = GzDecoder::new(rest);
            let expanded = expand(&mut decoder, &mut out, hint.min(most), limit, look);
            rest = decoder.into_inner();
            expanded
        } else {
            Err(Problem::Io(io::Error::other("what follows is neither gzip nor padding")))
        };
        expanded.map_err(|problem| problem.into_error(Container::Gzip, bytes.len() - rest.len(), limit))?;
        // Tapes and block devices pad with zeros, which gzip and Python skip.
        rest = &rest[rest.iter().take_while(|&&byte| byte == 0).count()..];
    }
    Ok(out)
}

fn unzstd(bytes: &[u8], limit: u64, look: Look<'_>) -> Result<Vec<u8>, ContainerError> {
    let mut rest = bytes;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let expanded = match ruzstd::decoding::StreamingDecoder::new(&mut rest) {
            Ok(mut decoder) => expand(&mut decoder, &mut out, 0, limit, look),
            Err(error) => Err(Problem::Io(io::Error::other(error))),
        };
        expanded.map_err(|problem| problem.into_error(Container::Zstd, bytes.len() - rest.len(), limit))?;
    }
    Ok(out)
}

enum Problem {
    Io(io::Error),
    TooLarge,
    Unknown(Unknown),
}

impl Problem {
    fn into_error(self, container: Container, offset: usize, limit: u64) -> ContainerError {
        match self {
            Self::TooLarge => ContainerError::TooLarge { limit: ByteSize(limit) },
            Self::Unknown(unknown) => ContainerError::Unknown(unknown),
            Self::Io(error) => ContainerError::Damaged {
                container: container.name(),
                offset: u64::try_from(offset).unwrap_or(u64::MAX),
                reason: match error.kind() {
                    io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
                    _ => error.to_string(),
                },
            },
        }
    }
}

/// Appends all that the decoder gives to `out`, which is to be no longer than `limit`. `hint` is how much that may be.
fn expand(
    decoder: &mut impl Read,
    out: &mut Vec<u8>,
    hint: u64,
    limit: u64,
    look: Look<'_>,
) -> Result<(), Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let begin = out.len();
    read_up_to(decoder, out, limit.min(begin.max(HEAD)))?;
    if begin < HEAD && out.len() >= HEAD {
        look(out).map_err(Problem::Unknown)?;
        // One byte more than hinted lets the last read see the end without growing.
        let hinted = usize::try_from(hint).unwrap_or(usize::MAX).min(limit).saturating_add(1);
        out.try_reserve(hinted.saturating_sub(out.len())).map_err(|_| Problem::TooLarge)?;
    }
    while read_up_to(decoder, out, limit.min(out.len().saturating_mul(2)).max(out.len() + 1))? {
        if out.len() > limit {
            return Err(Problem::TooLarge);
        }
    }
    Ok(())
}

/// Appends until `out` has `length` bytes; whether it has, since the decoder may end before.
fn read_up_to(decoder: &mut impl Read, out: &mut Vec<u8>, length: usize) -> Result<bool, Problem> {
    let room = length.saturating_sub(out.len());
    out.try_reserve_exact(room).map_err(|_| Problem::TooLarge)?;
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    decoder.take(room).read_to_end(out).map_err(Problem::Io)?;
    Ok(out.len() >= length)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn several_members_are_one_file() {
        let mut two = gzip(b"one ");
        two.extend(gzip(b"two"));
        assert_eq!(peel(two, 100).unwrap(), (b"one two".to_vec(), vec![Container::Gzip]));
    }

    #[test]
    fn zeros_after_a_member_are_padding() {
        let padded = [gzip(b"one "), vec![0; 600], gzip(b"two"), vec![0; 4]].concat();
        assert_eq!(peel(padded, 100).unwrap().0, b"one two");
        let short = gzip(b"one");
        for junk in [&b"x"[..], b"\0\0junk", b"\x28\xb5\x2f\xfd", &[b'x'; 100]] {
            let error = peel([&short, junk].concat(), 100).unwrap_err().to_string();
            let padding = junk.iter().take_while(|&&byte| byte == 0).count();
            let place = format!("near byte {} ", short.len() + padding);
            assert!(
                error.contains(&place) && error.ends_with(": what follows is neither gzip nor padding"),
                "{error}"
            );
        }
    }

    #[test]
    fn several_zstd_frames_are_one_file() {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let mut two = ruzstd::encoding::compress_to_vec(&b"one "[..], level);
        two.extend(ruzstd::encoding::compress_to_vec(&b"two"[..], level));
        assert_eq!(peel(two, 100).unwrap(), (b"one two".to_vec(), vec![Container::Zstd]));
    }

    #[test]
    fn layers_are_peeled_and_counted() {
        assert_eq!(peel(gzip(&gzip(b"x")), 100).unwrap().0, b"x");
        let four = (0..4).fold(b"x".to_vec(), |bytes, _| gzip(&bytes));
        assert!(matches!(peel(four, 10_000), Err(ContainerError::TooDeep(3))));
    }

    #[test]
    fn a_bomb_is_not_expanded() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 100_000);
        assert!(matches!(
            peel(bomb, 1_000_000),
            Err(ContainerError::TooLarge { limit: ByteSize(1_000_000) })
        ));
    }

    #[test]
    fn the_limit_is_a_size_that_is_allowed() {
        for size in [0, 1, HEAD - 1, HEAD, HEAD + 1, 3 * HEAD] {
            let packed = gzip(&vec![b'x'; size]);
            let limit = u64::try_from(size).unwrap();
            assert_eq!(peel(packed.clone(), limit).unwrap().0.len(), size);
            if let Some(less) = limit.checked_sub(1) {
                assert!(matches!(peel(packed, less), Err(ContainerError::TooLarge { .. })), "{size}");
            }
        }
    }

    #[test]
    fn what_is_no_profile_is_not_expanded() {
        let looked = std::cell::Cell::new(0);
        let look = |head: &[u8]| {
            looked.set(looked.get() + 1);
            assert_eq!(head.len(), HEAD);
            Err(Unknown { guesses: vec!["zeros".into()] })
        };
        // Twice packed: the inner container is not looked at.
        let bomb = gzip(&gzip(&vec![0; 100 * HEAD]));
        assert!(matches!(peel_looking(bomb, u64::MAX, &look), Err(ContainerError::Unknown(_))));
        assert_eq!(looked.get(), 1);
        let small = gzip(&vec![0; HEAD - 1]);
        assert!(peel_looking(small, u64::MAX, &look).is_ok());
    }

    #[test]
    fn a_cut_or_damaged_file_says_where() {
        let whole = gzip(b"some bytes that do not compress well: 1029384756");
        for length in 2..whole.len() {
            let error = peel(whole[..length].to_vec(), 1000).unwrap_err();
            assert!(matches!(error, ContainerError::Damaged { .. }), "{length}: {error}");
        }
        let mut damaged = whole.clone();
        damaged[15] ^= 0x55;
        assert!(peel(damaged, 1000).unwrap_err().to_string().starts_with("damaged gzip data near byte"));
    }
}
