//! Statistics of threads and greenlets: what `pickle.dump(yappi.get_thread_stats(), file)` holds.
//!
//! In the model they are samples without a stack, one a thread, whose second sample type counts the switches to it. yappi
//! has nothing that loads them; whoever dumped them unpickles them.

use std::io::Write;

use profkit_profile::{Profile, StringId, WriteError, Written};

use crate::context;
use crate::encode::{Encoder, python_text};
use crate::stats::Clock;
use crate::time::Tick;
use crate::value::Class;

/// Whether a profile is what the reader makes of such statistics.
pub(crate) fn recognise(profile: &Profile) -> bool {
    profile.calls().is_empty()
        && !profile.samples().is_empty()
        && profile.samples().stacks().iter().all(Option::is_none)
        && profile.sample_types().len() == 2
        && profile.sample_type_named(context::SWITCHES) == Some(1)
        && Clock::new(profile, 0).is_time
}

struct Row {
    name: Option<Vec<u8>>,
    id: i64,
    tid: Option<i64>,
    total: i128,
    switches: i64,
}

pub(crate) fn write(profile: &Profile, to: &mut dyn Write) -> Result<Written, WriteError> {
    let clock = Clock::new(profile, 0);
    let rows = rows(profile, &clock);
    // Greenlets have no thread id of the operating system.
    let has_tids = rows.iter().any(|row| row.tid.is_some());
    let (all, one) = match has_tids {
        true => (Class::ThreadStats, Class::ThreadStat),
        false => (Class::GreenletStats, Class::GreenletStat),
    };
    let tick = Tick::of(rows.iter().map(|row| row.total));
    let mut out = Encoder::default();
    out.start();
    let name = clock.name(profile);
    if matches!(name, b"wall" | b"cpu") {
        let name = clock.python_name(profile);
        out.object(all);
        out.dict();
        out.attribute("_clock_type");
        out.clock(Some(name));
        out.attribute("_as_dict");
        out.dict();
        let mut objects = Vec::with_capacity(rows.len());
        for row in &rows {
            let memo = object(&mut out, row, one, tick);
            out.again(memo);
            objects.push(memo);
        }
        out.end_dict();
        out.attribute("_as_list");
        out.list();
        for memo in objects {
            out.again(memo);
        }
        out.end_list();
        out.end_dict();
        out.build();
    } else {
        // Without a clock it was a list.
        out.list();
        for row in &rows {
            object(&mut out, row, one, tick);
        }
        out.end_list();
    }
    out.stop();
    to.write_all(&out.bytes)?;
    Ok(Written::default())
}

fn rows(profile: &Profile, clock: &Clock) -> Vec<Row> {
    let samples = profile.samples();
    let row = |(index, sample): (usize, profkit_profile::Sample)| {
        let origin = profile.origins()[sample.origin];
        let mut labels = profile.labels().get(sample.labels).iter();
        let tid = labels.find(|label| profile.bytes(label.key) == context::SYSTEM_TID);
        let name = Some(origin.thread).filter(|&name| name != StringId::EMPTY);
        Row {
            name: name.map(|name| python_text(profile.bytes(name)).into_owned()),
            id: origin.tid.unwrap_or(0),
            tid: tid.map(|label| label.number),
            total: clock.nanoseconds(samples.values(0)[index]),
            switches: samples.values(1)[index],
        }
    };
    samples.iter().enumerate().map(row).collect()
}

/// `YThreadStat._KEYS` and `YGreenletStat._KEYS`, which lacks `tid`.
const KEYS: [(&str, i64); 5] = [("name", 0), ("id", 1), ("tid", 2), ("ttot", 3), ("sched_count", 4)];

fn object(out: &mut Encoder, row: &Row, class: Class, tick: Tick) -> crate::encode::Memo {
    let object = out.object(class);
    let keys = || KEYS.into_iter().filter(|(name, _)| class == Class::ThreadStat || *name != "tid");
    let value = |out: &mut Encoder, name: &str| match name {
        "name" => match &row.name {
            Some(name) => out.text(name),
            None => out.none(),
        },
        "id" => out.integer(row.id),
        "tid" => out.integer(row.tid.unwrap_or(0)),
        "ttot" => out.float(tick.seconds(row.total)),
        _ => out.integer(row.switches),
    };
    out.items();
    for (name, number) in keys() {
        out.integer(number);
        value(out, name);
    }
    out.end_dict();
    out.dict();
    for (name, _) in keys() {
        out.attribute(name);
        value(out, name);
    }
    out.end_dict();
    out.build();
    object
}
