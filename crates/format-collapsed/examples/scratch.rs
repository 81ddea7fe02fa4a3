//! scratch
use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Input, ProfileBuilder, Id};
fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let sniff = Collapsed.sniff(&bytes);
        let mut b = ProfileBuilder::new();
        match Collapsed.read(&Input::new(&bytes), &mut b) {
            Ok(()) => {
                let p = b.finish().unwrap();
                let t: Vec<_> = p.sample_types().iter().enumerate().map(|(i,t)| format!("{}/{}e{}={}", p.text(t.name), p.text(t.unit), t.decimals, p.samples().values(i).iter().sum::<i64>())).collect();
                println!("{path}: {sniff:?} {} samples {} stacks {} funcs {} origins {} {:?} {:?}", p.meta().dialect, p.samples().len(), p.stacks().len(), p.functions().len(), p.origins().len(), t, p.meta().notes);
                if std::env::var("V").is_ok() {
                    for s in p.samples().iter().take(5) {
                        let mut f=vec![]; p.stacks().root_first(s.stack,&mut f);
                        let o=p.origins()[s.origin];
                        println!("  {:?} {:?} {:?} {:?} {:?}", o.pid, p.text(o.process), o.tid, p.text(o.thread), p.labels().get(s.labels).iter().map(|l| (p.text(l.key).into_owned(), p.text(l.string).into_owned(), l.number)).collect::<Vec<_>>());
                        for f in f { let f=p.frames()[f]; let u=p.functions()[f.function.unwrap()]; println!("      {} | {} | {} {:?}", p.text(u.name), p.text(u.file), f.line, f.flags); }
                    }
                    let _ = profkit_profile::OriginId::FIRST.index();
                }
            }
            Err(e) => println!("{path}: {sniff:?} ERROR {e}"),
        }
    }
}
