//! What `profkit record` tells the agent: lines of a key, a tab and a value, with the escapes of the journal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use profkit_recording::header;
use profkit_recording::journal::unescape;

/// What to trace, and where to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    /// The recording's folder, absolute.
    pub(crate) folder: PathBuf,
    /// When the recording began, if it is known.
    start_ns: Option<u64>,
    /// CPU time of the thread instead of wall time.
    pub(crate) cpu: bool,
    /// Functions in C, too.
    pub(crate) builtins: bool,
    /// The reader is to subtract the agent's own cost.
    pub(crate) compensate: bool,
    /// Ticks a second of the time stamp counter, if known.
    pub(crate) tsc_hz: Option<f64>,
}

impl Options {
    /// Reads them; keys that are not known are left alone.
    ///
    /// # Errors
    /// Says what is wrong: no folder, or a value that is none.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut options = Self { builtins: true, ..Self::default() };
        for line in text.split(|&byte| byte == b'\n') {
            let Some(tab) = line.iter().position(|&byte| byte == b'\t') else { continue };
            let (key, value) = (&line[..tab], unescape(&line[tab + 1..]));
            let wrong =
                || format!("option {}: {}", String::from_utf8_lossy(key), String::from_utf8_lossy(&value));
            let flag = || match &value[..] {
                b"0" => Ok(false),
                b"1" => Ok(true),
                _ => Err(wrong()),
            };
            match key {
                b"folder" => options.folder = PathBuf::from(OsStr::from_bytes(&value)),
                b"start_ns" => {
                    let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                    options.start_ns = Some(number.ok_or_else(wrong)?);
                }
                b"clock" => {
                    options.cpu = match &value[..] {
                        b"wall" => false,
                        b"cpu" => true,
                        _ => return Err(wrong()),
                    };
                }
                b"builtins" => options.builtins = flag()?,
                b"compensate" => options.compensate = flag()?,
                b"tsc_hz" => {
                    let hz = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<f64>().ok());
                    options.tsc_hz = Some(hz.filter(|hz| hz.is_finite() && *hz >= 1e6).ok_or_else(wrong)?);
                }
                _ => {}
            }
        }
        if options.folder.is_absolute() { Ok(options) } else { Err("options without a folder".to_owned()) }
    }

    /// Whether the folder is still that of the recording.
    pub(crate) fn are_current(&self) -> bool {
        self.start_ns.is_none_or(|start_ns| header::is_of(&self.folder, start_ns))
    }
}
