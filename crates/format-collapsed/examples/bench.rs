//! Times the reading of files: `cargo run --release --example bench -- <runs> <file>...`
use std::time::Instant;
use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Input, ProfileBuilder};
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let mut args = std::env::args().skip(1);
    let runs: usize = args.next().unwrap().parse().unwrap();
    for path in args {
        let bytes = std::fs::read(&path).unwrap();
        let mut times = Vec::new();
        let mut info = String::new();
        for _ in 0..runs {
            let t = Instant::now(); let c = cpu();
            let mut b = ProfileBuilder::new();
            Collapsed.read(&Input::new(&bytes), &mut b).unwrap();
            let p = b.finish().unwrap();
            let _ = t; times.push(cpu() - c);
            info = format!("{} samples {} stacks {} frames", p.samples().len(), p.stacks().len(), p.frames().len());
        }
        times.sort_by(f64::total_cmp);
        let m = times[times.len()/2];
        println!("{path}: {:.3} s median ({:.3}..{:.3}), {:.0} MB/s, {info}", m, times[0], times[times.len()-1], bytes.len() as f64/1e6/m);
    }
}
