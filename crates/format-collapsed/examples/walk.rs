//! scratch
use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Sniff};
use std::io::Read;
fn main() {
    let mut n = 0u64;
    let mut dirs: Vec<_> = std::env::args().skip(1).map(std::path::PathBuf::from).collect();
    while let Some(d) = dirs.pop() {
        let Ok(rd) = std::fs::read_dir(&d) else { continue };
        for e in rd.flatten() {
            let Ok(t) = e.file_type() else { continue };
            if t.is_dir() { dirs.push(e.path()); continue }
            if !t.is_file() { continue }
            let Ok(f) = std::fs::File::open(e.path()) else { continue };
            let mut b = Vec::new();
            if f.take(70_000).read_to_end(&mut b).is_err() { continue }
            n += 1;
            match Collapsed.sniff(&b) {
                Sniff::No => {}
                Sniff::Near(w) => println!("near {w} {}", e.path().display()),
                s => println!("{s:?} {}", e.path().display()),
            }
        }
    }
    println!("{n} files");
}
