//! `profkit info`: what is in a file, without its numbers.

use std::collections::BTreeSet;
use std::io::{self, Write};

use profkit_formats::Loaded;
use profkit_profile::views::totals::totals;
use profkit_profile::{Id, Origin, Profile, Shape, count};
use serde::Serialize;

use crate::args::Info;
use crate::failure::Failure;
use crate::names::{origin, printable};
use crate::quantity::{Scale, moment};
use crate::table;

#[derive(Serialize)]
struct Facts {
    format: &'static str,
    dialect: Option<&'static str>,
    compression: Vec<&'static str>,
    producer: String,
    shape: &'static str,
    sample_types: Vec<SampleType>,
    default_sample_type: Option<String>,
    samples: usize,
    stacks: usize,
    functions: usize,
    call_edges: usize,
    threads: Vec<Thread>,
    label_keys: BTreeSet<String>,
    mappings: Vec<String>,
    time_order: bool,
    duration_ns: Option<i64>,
    start_ns: Option<i64>,
    period: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drop_frames: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_frames: Option<String>,
    estimated: bool,
    comments: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct SampleType {
    name: String,
    unit: String,
    #[serde(skip_serializing_if = "is_zero")]
    decimals: u8,
    total: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct Thread {
    #[serde(skip)]
    origin: Origin,
    pid: Option<i64>,
    tid: Option<i64>,
    name: String,
    process: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    host: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    file: String,
}

#[derive(Serialize)]
struct Period {
    value: i64,
    name: String,
    unit: String,
}

/// How many lines of threads there are at most.
const THREADS: usize = 40;

pub(crate) fn run(arguments: &Info) -> Result<(), Failure> {
    let loaded = arguments.input.load()?;
    let facts = Facts::of(&loaded);
    let mut stdout = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut stdout, &facts).map_err(io::Error::from)?;
        writeln!(stdout)?;
    } else {
        facts.print(&loaded.profile, &mut stdout)?;
    }
    Ok(())
}

impl Facts {
    fn of(loaded: &Loaded) -> Self {
        let profile = &loaded.profile;
        let meta = profile.meta();
        let text = |id| profile.text(id).into_owned();
        let totals = totals(profile);
        let sample_types = profile.sample_types().iter().enumerate().map(|(index, of)| SampleType {
            name: text(of.name),
            unit: text(of.unit),
            decimals: of.decimals,
            total: totals.sum(index),
        });
        let used = Used::by(profile);
        let labels = profile.labels().iter().flat_map(|(_, set)| set);
        Self {
            format: loaded.format.name(),
            dialect: Some(meta.dialect).filter(|dialect| !dialect.is_empty()),
            compression: loaded.containers.iter().map(|container| container.name()).collect(),
            producer: meta.producer.clone(),
            shape: match profile.shape() {
                Shape::Stacks => "stacks",
                Shape::CallGraph => "call-graph",
                Shape::Both => "both",
            },
            sample_types: sample_types.collect(),
            default_sample_type: profile.default_type().map(|index| text(profile.sample_types()[index].name)),
            samples: profile.samples().len(),
            stacks: used.stacks,
            functions: used.functions,
            call_edges: profile.calls().edges().len(),
            threads: used
                .origins
                .iter()
                .map(|&index| thread(profile, &profile.origins().rows()[index]))
                .collect(),
            label_keys: labels.map(|label| text(label.key)).collect(),
            mappings: profile.mappings().rows().iter().map(|mapping| text(mapping.file)).collect(),
            time_order: profile.tracks().has_time_order(),
            duration_ns: meta.duration_ns,
            start_ns: meta.start_ns,
            period: meta.period_type.map(|(name, unit)| Period {
                value: meta.period,
                name: text(name),
                unit: text(unit),
            }),
            drop_frames: meta.drop_frames.map(text),
            keep_frames: meta.keep_frames.map(text),
            estimated: meta.estimated,
            comments: meta.comments.iter().map(|&comment| text(comment)).collect(),
            notes: meta.notes.clone(),
        }
    }

    fn print(&self, profile: &Profile, to: &mut dyn Write) -> io::Result<()> {
        let mut line = |name: &str, text: &str| -> io::Result<()> {
            if text.is_empty() {
                return Ok(());
            }
            let mut name = name;
            for part in table::wrapped(&printable(text), 14) {
                writeln!(to, "{name:<13} {part}")?;
                name = "";
            }
            Ok(())
        };
        let around: Vec<String> = self.compression.iter().map(|name| format!("in {name}")).collect();
        let format = [self.format].into_iter().chain(self.dialect).collect::<Vec<_>>().join(", ");
        line("format", &[format].into_iter().chain(around).collect::<Vec<_>>().join(" "))?;
        line("producer", &self.producer)?;
        line(
            "holds",
            match self.shape {
                // What has neither is called so, too.
                "stacks" if self.samples == 0 => "nothing",
                "stacks" => "samples of stacks",
                "call-graph" => "call edges: functions with their direct callers",
                _ => "samples of stacks, and call edges",
            },
        )?;
        for (index, of) in self.sample_types.iter().enumerate() {
            let total = Scale::of(profile, index).format(of.total);
            let default = Some(&of.name) == self.default_sample_type.as_ref() && self.sample_types.len() > 1;
            let default = if default { ", shown first" } else { "" };
            line(
                if index == 0 { "values" } else { "" },
                &format!("{} ({}): {total}{default}", of.name, of.unit),
            )?;
        }
        let mut counts = Vec::new();
        if self.shape != "call-graph" {
            counts.push(format!("{} of {}", count(self.samples, "sample"), count(self.stacks, "stack")));
        }
        if self.call_edges > 0 {
            counts.push(count(self.call_edges, "call edge"));
        }
        counts.push(count(self.functions, "function"));
        line("counts", &counts.join(", "))?;
        // One that is left over takes a line, too.
        let listed = if self.threads.len() > THREADS { THREADS - 1 } else { THREADS };
        for (index, thread) in self.threads.iter().take(listed).enumerate() {
            line(if index == 0 { "threads" } else { "" }, &origin(profile, &thread.origin))?;
        }
        if let Some(more @ 1..) = self.threads.len().checked_sub(listed) {
            line("", &format!("and {}; --json lists all", count(more, "more thread")))?;
        }
        line("labels", &self.label_keys.iter().cloned().collect::<Vec<_>>().join(", "))?;
        for (index, mapping) in self.mappings.iter().filter(|mapping| !mapping.is_empty()).enumerate() {
            line(if index == 0 { "binaries" } else { "" }, mapping)?;
        }
        line("time order", if self.time_order { "yes" } else { "no" })?;
        if let Some(duration) = self.duration_ns {
            line("duration", &seconds(duration))?;
        }
        if let Some(start) = self.start_ns {
            line("start", &moment(start))?;
        }
        if let Some(period) = &self.period {
            let value = Scale::of_unit(&period.unit).format(period.value);
            line("period", &format!("{value} of {}", period.name))?;
        }
        line("drop frames", self.drop_frames.as_deref().unwrap_or_default())?;
        line("keep frames", self.keep_frames.as_deref().unwrap_or_default())?;
        line("estimated", if self.estimated { "stacks are estimated from call edges" } else { "" })?;
        for (index, comment) in self.comments.iter().enumerate() {
            line(if index == 0 { "comments" } else { "" }, comment)?;
        }
        Ok(())
    }
}

fn seconds(nanoseconds: i64) -> String {
    format!("{} s", seconds_exact(nanoseconds))
}

fn seconds_exact(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (whole, part) =
        (nanoseconds.unsigned_abs() / 1_000_000_000, nanoseconds.unsigned_abs() % 1_000_000_000);
    format!("{sign}{whole}.{part:09}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn thread(profile: &Profile, origin: &Origin) -> Thread {
    let text = |id| profile.text(id).into_owned();
    Thread {
        origin: *origin,
        pid: origin.pid,
        tid: origin.tid,
        name: text(origin.thread),
        process: text(origin.process),
        host: text(origin.host),
        file: text(origin.file),
    }
}

/// What the samples and call tables refer to.
struct Used {
    stacks: usize,
    functions: usize,
    /// Origins other than the unknown one, in order.
    origins: Vec<usize>,
}

impl Used {
    fn by(profile: &Profile) -> Self {
        let mut on_stack = vec![false; profile.stacks().len()];
        let mut sampled = vec![false; profile.stacks().len()];
        let mut functions = vec![false; profile.functions().len()];
        let mut origins = vec![false; profile.origins().len()];
        for sample in profile.samples().iter() {
            origins[sample.origin.index()] = true;
            if let Some(stack) = sample.stack {
                sampled[stack.index()] = true;
            }
            for id in profile.stacks().ancestors(sample.stack) {
                if std::mem::replace(&mut on_stack[id.index()], true) {
                    break;
                }
                if let Some(function) = profile.frames()[profile.stacks()[id].frame].function {
                    functions[function.index()] = true;
                }
            }
        }
        for row in profile.calls().functions().rows() {
            functions[row.function.index()] = true;
            origins[row.origin.index()] = true;
        }
        let count = |marks: &[bool]| marks.iter().filter(|&&mark| mark).count();
        let known = |&index: &usize| origins[index] && profile.origins().rows()[index] != Origin::UNKNOWN;
        Self {
            stacks: count(&sampled),
            functions: count(&functions),
            origins: (0..origins.len()).filter(known).collect(),
        }
    }
}
