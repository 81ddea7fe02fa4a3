//! scratch
use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};
fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let mut b = ProfileBuilder::new();
        let Ok(()) = Collapsed.read(&Input::new(&bytes), &mut b) else { continue };
        let p = b.finish().unwrap();
        for d in [None, Some("py-spy"), Some("flamegraph"), Some("perf"), Some("austin")] {
            let mut out = Vec::new();
            let w = Collapsed.write(&p, &mut out, &WriteOptions { dialect: d, ..Default::default() });
            let w = match w { Ok(w) => w, Err(e) => { println!("{path} {d:?}: {e}"); continue } };
            let mut b = ProfileBuilder::new();
            Collapsed.read(&Input::new(&out), &mut b).unwrap();
            let q = b.finish().unwrap();
            let mut again = Vec::new();
            Collapsed.write(&q, &mut again, &WriteOptions { dialect: d, ..Default::default() }).unwrap();
            let s = |p: &profkit_profile::Profile| (0..p.sample_types().len()).map(|i| p.samples().values(i).iter().sum::<i64>()).collect::<Vec<_>>();
            println!("{path} {d:?}: same bytes {} as input {} lines {}->{} dialect {}->{} sniff {:?} sums {:?} {:?} {:?}", again == out, out == bytes, p.samples().len(), q.samples().len(), p.meta().dialect, q.meta().dialect, Collapsed.sniff(&out), s(&p), s(&q), w.losses);
            if out.starts_with(b"# profkit") { println!("   {}", String::from_utf8_lossy(out.split(|&b| b == b'\n').next().unwrap())); }
        }
    }
}
