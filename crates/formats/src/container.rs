//! Peels gzip and zstd off a file, whatever is in it, within a limit on the expanded size.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

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

    fn of(bytes: &[u8]) -> Option<Self> {
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
    #[error("it expands to more than {limit} bytes; raise the limit with --max-input-size")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Containers in containers, deeper than anyone packs them.
    #[error("compressed more than {0} times over")]
    TooDeep(usize),
}

/// gzip in zstd and the like happens by accident; a file compressed more often than this is not a profile.
const MAX_LAYERS: usize = 3;

/// Removes all containers. `limit` is the largest expanded size.
///
/// # Errors
/// Where a container is damaged or expands to more than the limit.
pub fn peel(mut bytes: Vec<u8>, limit: u64) -> Result<(Vec<u8>, Vec<Container>), ContainerError> {
    let mut containers = Vec::new();
    while let Some(container) = Container::of(&bytes) {
        if containers.len() == MAX_LAYERS {
            return Err(ContainerError::TooDeep(MAX_LAYERS));
        }
        containers.push(container);
        bytes = match container {
            Container::Gzip => gunzip(&bytes, limit)?,
            Container::Zstd => unzstd(&bytes, limit)?,
        };
    }
    Ok((bytes, containers))
}

fn gunzip(bytes: &[u8], limit: u64) -> Result<Vec<u8>, ContainerError> {
    // The last four bytes are the expanded size of the last member, if the file is honest: a hint, bounded by
    // what deflate can do at best.
    let hint = bytes.last_chunk().map_or(0, |&size| u64::from(u32::from_le_bytes(size)));
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_mul(1032);
    let mut decoder = MultiGzDecoder::new(bytes);
    let expanded = expand(&mut decoder, hint.min(most), limit);
    let left = decoder.into_inner().len();
    expanded.map_err(|problem| problem.into_error(Container::Gzip, bytes.len() - left, limit))
}

fn unzstd(bytes: &[u8], limit: u64) -> Result<Vec<u8>, ContainerError> {
    let mut rest = bytes;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let room = limit - u64::try_from(out.len()).unwrap_or(u64::MAX).min(limit);
        let expanded = match ruzstd::decoding::StreamingDecoder::new(&mut rest) {
            Ok(mut decoder) => expand(&mut decoder, 0, room),
            Err(error) => Err(Problem::Io(io::Error::other(error))),
        };
        match expanded {
            Ok(part) if out.is_empty() => out = part,
            Ok(part) => out.extend_from_slice(&part),
            Err(problem) => {
                return Err(problem.into_error(Container::Zstd, bytes.len() - rest.len(), limit));
            }
        }
    }
    Ok(out)
}

enum Problem {
    Io(io::Error),
    TooLarge,
}

impl Problem {
    fn into_error(self, container: Container, offset: usize, limit: u64) -> ContainerError {
        match self {
            Self::TooLarge => ContainerError::TooLarge { limit },
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

fn expand(decoder: &mut impl Read, hint: u64, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    // One byte more than hinted lets the last read see the end without growing.
    out.try_reserve(usize::try_from(hint.min(limit)).unwrap_or(0).saturating_add(1))
        .map_err(|_| Problem::TooLarge)?;
    decoder.take(limit.saturating_add(1)).read_to_end(&mut out).map_err(Problem::Io)?;
    if u64::try_from(out.len()).unwrap_or(u64::MAX) > limit {
        return Err(Problem::TooLarge);
    }
    Ok(out)
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
        assert!(matches!(peel(bomb, 1_000_000), Err(ContainerError::TooLarge { limit: 1_000_000 })));
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
