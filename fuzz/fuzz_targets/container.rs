//! Whole files, as the command takes them: gzip and zstd peeled off, the format found out, the profile read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profkit_formats::container::peel;
use profkit_formats::{LoadError, LoadOptions, detect, load_bytes};
use profkit_fuzz::memory;

/// The largest expanded size; small, so that a bomb is one.
const LIMIT: u64 = 1 << 20;
/// What an inflated file and the decompressors' windows may take: zstd's window is 8 MiB at most, and the buffer of
/// what it gives grows by doubling. zstd blocks that repeat are read into buffers of their own.
const MEMORY: usize = 32 << 20;

fuzz_target!(|bytes: &[u8]| {
    let (peeled, peak) = memory::peak(|| peel(bytes.to_vec(), LIMIT));
    assert!(peak <= MEMORY, "{peak} bytes in use for an input of {} bytes", bytes.len());
    let options = LoadOptions { from: None, max_size: LIMIT };
    let loaded = load_bytes(bytes.to_vec(), &options);
    match (peeled, loaded) {
        (Ok((inside, containers)), Ok(loaded)) => {
            assert!(inside.len() as u64 <= LIMIT);
            assert_eq!(containers, loaded.containers);
            assert_eq!(detect(&inside).map(|format| format.name()), Ok(loaded.format.name()));
            loaded.profile.validate().expect("what is loaded holds together");
        }
        (Err(_), Err(LoadError::Container(_))) => {}
        (Ok((inside, _)), Err(error @ (LoadError::Unknown(_) | LoadError::Broken { .. }))) => {
            assert!(!error.to_string().is_empty());
            let unknown = matches!(error, LoadError::Unknown(_));
            assert_eq!(detect(&inside).is_err(), unknown);
        }
        (peeled, loaded) => panic!("{:?} but {loaded:?}", peeled.map(|(_, containers)| containers)),
    }
});
