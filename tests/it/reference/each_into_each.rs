//! The tools judge what the library writes of every fixture; what the command writes of it is the same, byte for byte.
//!
//! Together these are the promise that a dump of cProfile, one of yappi, a file of py-spy, a Go pprof and a speedscope
//! file turn into each other, and that the tools of those formats show the same numbers.

use std::fs;

use crate::command::run;

use super::sources::convert_all;

fn same_as_the_command(format: &str) {
    let matrix = convert_all(format);
    let folder = tempfile::tempdir().unwrap();
    for file in &matrix.files {
        let extension = file.path.file_name().unwrap().to_str().unwrap().rsplit_once("__").unwrap().1;
        let out = folder.path().join(extension);
        let [from, to] = [&file.source.path, &out].map(|path| path.to_str().unwrap());
        run(folder.path(), &["convert", from, "-o", to, "--to", format]);
        assert!(fs::read(&out).unwrap() == fs::read(&file.path).unwrap(), "{from} to {format}");
    }
    assert!(matrix.files.len() > 150, "only {} files", matrix.files.len());
}

macro_rules! formats {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            same_as_the_command(stringify!($name));
        }
    )*};
}

formats!(pstats yappi callgrind collapsed pprof speedscope);
