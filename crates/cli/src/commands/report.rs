//! `profkit report`: the table of functions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use profkit_formats::Stacks;
use profkit_profile::views::groups::Grouping;
use profkit_profile::views::no_stack::name_missing_stacks;
use profkit_profile::views::origins::{By, fold_origins, split_origins};
use profkit_profile::views::totals::{Totals, totals_by};
use profkit_profile::{Evidence, Id, LabelSetId, Origin, Profile, Shape, count, separated};
use serde_json::{Map, Value, json};

use crate::args::{ByArgument, Group, Report, Sort};
use crate::failure::{Failure, note};
use crate::input::choose_type;
use crate::names::{Name, origin, printable};
use crate::output::fitted;
use crate::quantity::{Scale, percent};
use crate::table::{self, Align};

/// How many rows are printed when nobody says.
const ROWS: usize = 40;

/// A row of the table, with a value for each sample type.
struct Row {
    origin: Origin,
    name: Name,
    own: Vec<i64>,
    total: Vec<i64>,
    calls: Option<i64>,
    primitive_calls: Option<i64>,
}

pub(crate) fn run(arguments: &Report) -> Result<(), Failure> {
    let input = arguments.input.name();
    let failed = |error| Failure::file(input, error);
    let profile = arguments.input.load_to_show()?;
    let mut profile = fold_origins(profile, By::from(arguments.by)).map_err(failed)?;
    profile = name_missing_stacks(profile).map_err(failed)?;
    if arguments.group != Group::Frames(Grouping::Function) && profile.shape() != Shape::Stacks {
        // The call tables know totals of functions only.
        (profile, _) = fitted(profile, Evidence::Stacks, Stacks::Lines, input)?;
    }
    let sample_type = choose_type(&profile, arguments.value.as_deref())?;
    let mut rows = Vec::new();
    let mut sums = vec![0i64; profile.sample_types().len()];
    let mut saturated = false;
    let mut add = |of: Origin, part: &Profile| {
        let totals = totals_by(part, Grouping::Function);
        saturated |= totals.saturated.0;
        for (sum, index) in sums.iter_mut().zip(0..) {
            *sum = sum.saturating_add(totals.sum(index));
        }
        match &arguments.group {
            Group::Frames(Grouping::Function) => frame_rows(part, of, &totals, &mut rows),
            Group::Frames(grouping) => frame_rows(part, of, &totals_by(part, *grouping), &mut rows),
            Group::Label(key) => label_rows(part, of, key, &mut rows),
        }
    };
    if let ByArgument::None = arguments.by {
        add(Origin::UNKNOWN, &profile);
    } else {
        for part in split_origins(&profile) {
            let (of, part) = part.map_err(failed)?;
            add(of, &part);
        }
    }
    if saturated {
        note(&format!("{}: a sum does not fit 64 bits; the largest number stands for it", input.display()));
    }
    if matches!(arguments.sort, Sort::Calls) && rows.iter().all(|row| row.calls.is_none()) {
        note("no calls were counted; rows come by name");
    }
    if let Group::Label(key) = &arguments.group {
        tell_of_labels(&profile, key);
    }
    sort(&mut rows, arguments.sort, sample_type);
    let mut stdout = anstream::stdout().lock();
    if arguments.json {
        let limit = arguments.limit.unwrap_or(0);
        print_json(&profile, &rows, &sums, limit, arguments.by, &mut stdout)?;
    } else {
        let limit = arguments.limit.unwrap_or(ROWS);
        print_table(&profile, &rows, &sums, sample_type, limit, arguments, &mut stdout)?;
    }
    Ok(())
}

fn frame_rows(profile: &Profile, origin: Origin, totals: &Totals, rows: &mut Vec<Row>) {
    let used = used_groups(profile, totals);
    let types = 0..profile.sample_types().len();
    for (group, &key) in totals.groups.groups().iter().enumerate().filter(|&(group, _)| used[group]) {
        rows.push(Row {
            origin,
            name: Name::of(profile, key),
            own: types.clone().map(|index| totals.own_column(index)[group]).collect(),
            total: types.clone().map(|index| totals.total_column(index)[group]).collect(),
            calls: totals.calls()[group],
            primitive_calls: totals.primitive_calls()[group],
        });
    }
}

/// The groups that a sample or a row of the call tables is in.
fn used_groups(profile: &Profile, totals: &Totals) -> Vec<bool> {
    let mut used = vec![false; totals.groups.groups().len()];
    let mut seen = vec![false; profile.stacks().len()];
    for &stack in profile.samples().stacks() {
        for id in profile.stacks().ancestors(stack) {
            if std::mem::replace(&mut seen[id.index()], true) {
                break;
            }
            used[totals.groups.of_frame(profile.stacks()[id].frame)] = true;
        }
    }
    for row in profile.calls().functions().rows() {
        if let Some(group) = totals.groups.of_function(row.function) {
            used[group] = true;
        }
    }
    used
}

fn label_rows(profile: &Profile, origin: Origin, key: &str, rows: &mut Vec<Row>) {
    let mut sums: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (row, sample) in profile.samples().iter().enumerate() {
        let name = label_value(profile, sample.labels, key).unwrap_or_else(|| "(none)".to_owned());
        let types = profile.sample_types().len();
        let sum = sums.entry(name).or_insert_with(|| vec![0; types]);
        for (sum, value) in sum.iter_mut().zip(profile.samples().row_values(row)) {
            *sum = sum.saturating_add(value);
        }
    }
    for (name, own) in sums {
        let name = Name { name, file: String::new(), line: None };
        rows.push(Row { origin, name, total: own.clone(), own, calls: None, primitive_calls: None });
    }
}

/// Tells which labels there are, if this one is not.
fn tell_of_labels(profile: &Profile, key: &str) {
    let samples = profile.samples();
    let sets = samples.iter().flat_map(|sample| profile.labels().get(sample.labels));
    let keys: BTreeSet<_> = sets.map(|label| profile.text(label.key)).collect();
    if keys.is_empty() {
        note("no sample has a label");
    } else if !keys.contains(key) {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{}`", printable(key))).collect();
        note(&format!("no sample has a label `{key}`; there are {}", keys.join(", ")));
    }
}

fn label_value(profile: &Profile, set: LabelSetId, key: &str) -> Option<String> {
    let label = profile.labels().get(set).iter().find(|label| profile.bytes(label.key) == key.as_bytes())?;
    if !label.string.is_empty() {
        return Some(profile.text(label.string).into_owned());
    }
    Some(format!("{} {}", label.number, profile.text(label.unit)).trim_end().to_owned())
}

/// Largest first, equal ones by name and place.
fn sort(rows: &mut [Row], by: Sort, sample_type: Option<usize>) {
    let value = |row: &Row| match (by, sample_type) {
        (Sort::Calls, _) => row.calls.unwrap_or(i64::MIN),
        (_, None) => 0,
        (Sort::Own, Some(index)) => row.own[index],
        (Sort::Total, Some(index)) => row.total[index],
    };
    rows.sort_by(|one, other| {
        value(other).cmp(&value(one)).then_with(|| (&one.name, one.origin).cmp(&(&other.name, other.origin)))
    });
}

fn print_json(
    profile: &Profile,
    rows: &[Row],
    sums: &[i64],
    limit: usize,
    by: ByArgument,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let types: Vec<(usize, String)> = (0..profile.sample_types().len())
        .filter(|&index| Some(index) != profile.calls_type())
        .map(|index| (index, profile.text(profile.sample_types()[index].name).into_owned()))
        .collect();
    let object = |values: &[i64]| -> Map<String, Value> {
        types.iter().map(|(index, name)| (name.clone(), values[*index].into())).collect()
    };
    let sample_types: Vec<Value> = types
        .iter()
        .map(|&(index, ref name)| {
            let of = profile.sample_types()[index];
            let mut row = json!({"name": name, "unit": profile.text(of.unit)});
            if of.decimals > 0 {
                row["decimals"] = of.decimals.into();
            }
            row
        })
        .collect();
    let limit = if limit == 0 { rows.len() } else { limit };
    let functions: Vec<Value> = rows
        .iter()
        .take(limit)
        .map(|row| {
            let mut value = json!({
                "name": row.name.name,
                "file": row.name.file,
                "line": row.name.line,
                "calls": row.calls,
                "primitive_calls": row.primitive_calls,
                "self": object(&row.own),
                "total": object(&row.total),
            });
            if !matches!(by, ByArgument::None) {
                value["origin"] = origin_json(profile, &row.origin);
            }
            value
        })
        .collect();
    let report = json!({"sample_types": sample_types, "total": object(sums), "functions": functions});
    serde_json::to_writer(&mut *to, &report).map_err(io::Error::from)?;
    writeln!(to)?;
    Ok(())
}

fn origin_json(profile: &Profile, origin: &Origin) -> Value {
    json!({
        "host": profile.text(origin.host),
        "pid": origin.pid,
        "process": profile.text(origin.process),
        "tid": origin.tid,
        "thread": profile.text(origin.thread),
        "file": profile.text(origin.file),
    })
}

fn print_table(
    profile: &Profile,
    rows: &[Row],
    sums: &[i64],
    sample_type: Option<usize>,
    limit: usize,
    arguments: &Report,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let Some(index) = sample_type else {
        writeln!(to, "no values")?;
        return Ok(());
    };
    let (scale, sum) = (Scale::of(profile, index), sums[index]);
    let value_name = profile.text(profile.sample_types()[index].name);
    writeln!(to, "{} of {}, {}\n", scale.format(sum), printable(&value_name), count(rows.len(), "row"))?;
    let limit = if limit == 0 { rows.len() } else { limit };
    let shown = &rows[..limit.min(rows.len())];
    let with_calls = rows.iter().any(|row| row.calls.is_some());
    let with_origin = !matches!(arguments.by, ByArgument::None);
    let with_place = rows.iter().any(|row| !row.name.place().is_empty() && row.name.place() != row.name.name);
    let mut header =
        vec![("self", Align::Right), ("", Align::Right), ("total", Align::Right), ("", Align::Right)];
    if with_calls {
        header.push(("calls", Align::Right));
    }
    if with_origin {
        header.push(("origin", Align::Left));
    }
    let what = match &arguments.group {
        Group::Frames(Grouping::File) => "file",
        Group::Frames(Grouping::Module) => "module",
        Group::Label(key) => key,
        Group::Frames(_) => "function",
    };
    header.push((what, Align::Left));
    if with_place {
        header.push(("where", Align::Left));
    }
    let cells = shown.iter().map(|row| {
        let (own, total) = (row.own[index], row.total[index]);
        let mut cells = vec![scale.format(own), percent(own, sum), scale.format(total), percent(total, sum)];
        if with_calls {
            cells.push(calls(row));
        }
        if with_origin {
            cells.push(printable(&origin(profile, &row.origin)));
        }
        cells.push(printable(&row.name.name));
        if with_place {
            cells.push(printable(&row.name.place()));
        }
        cells
    });
    table::print(to, &header, cells)?;
    if shown.len() < rows.len() {
        writeln!(to, "\n{}; --limit 0 prints all", count(rows.len() - shown.len(), "more row"))?;
    }
    Ok(())
}

/// `1,234` or, for a recursive function, all calls and those that were not recursive: `1,234/10`.
fn calls(row: &Row) -> String {
    match (row.calls, row.primitive_calls) {
        (None, _) => String::new(),
        (Some(calls), Some(primitive)) if primitive != calls => {
            format!("{}/{}", separated(calls), separated(primitive))
        }
        (Some(calls), _) => separated(calls),
    }
}
