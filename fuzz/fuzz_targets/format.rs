//! One format of the registry, named by the environment: `PROFKIT_FUZZ_FORMAT=pprof cargo +nightly fuzz run format`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use profkit_formats::{Format, registry};

static FORMAT: LazyLock<&'static dyn Format> = LazyLock::new(|| {
    let name = std::env::var(profkit_fuzz::FORMAT).unwrap_or_default();
    registry::by_name(&name).unwrap_or_else(|| panic!("{} names no format: `{name}`", profkit_fuzz::FORMAT))
});

fuzz_target!(|bytes: &[u8]| profkit_fuzz::round_trip::check(*FORMAT, bytes));
