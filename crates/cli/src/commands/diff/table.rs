//! The table of what changed.

use std::io::Write;

use profkit_merge::diff::{Change, Comparison, Normalize, Row, Rows, Stacks, Test};
use profkit_profile::count;
use profkit_profile::views::groups::Group;

use super::shown;
use crate::args::{Diff, DiffSort};
use crate::failure::Failure;
use crate::names::{Name, printable};
use crate::quantity::{Scale, percent_change};
use crate::table::{self, Align};

/// How many rows are printed when nobody says.
const ROWS: usize = 40;

pub(super) fn print_functions(
    comparison: &Comparison,
    rows: &Rows<Group>,
    arguments: &Diff,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let texts = |row: &Row<Group>| {
        let name = Name::of(comparison.tables(), row.key);
        let place = name.place();
        (name.name, place)
    };
    print(comparison, rows, arguments, "function", &texts, to)
}

pub(super) fn print_stacks(
    comparison: &Comparison,
    stacks: &Stacks,
    arguments: &Diff,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let texts = |row: &Row<usize>| {
        let path = stacks.path(row.key).into_iter();
        let names: Vec<Name> = path.map(|key| Name::of(comparison.tables(), key)).collect();
        let place = names.last().map(Name::place).unwrap_or_default();
        (names.into_iter().map(|name| name.name).collect::<Vec<_>>().join(";"), place)
    };
    print(comparison, &stacks.rows, arguments, "stack", &texts, to)
}

fn print<K>(
    comparison: &Comparison,
    rows: &Rows<K>,
    arguments: &Diff,
    what: &str,
    texts: &dyn Fn(&Row<K>) -> (String, String),
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let cells =
        Cells { scale: Scale::of(comparison.tables(), comparison.sample_type()), test: comparison.test() };
    writeln!(to, "{}\n", headline(comparison, rows, &cells.scale, what))?;
    let limit = match arguments.limit.unwrap_or(ROWS) {
        0 => rows.rows.len(),
        limit => limit.min(rows.rows.len()),
    };
    let other = match arguments.sort {
        DiffSort::Own => "total",
        DiffSort::Total => "self",
    };
    let mut header =
        vec![("base", Align::Right), ("new", Align::Right), ("change", Align::Right), ("", Align::Right)];
    header.extend(cells.noise_name().map(|name| (name, Align::Right)));
    header.extend([(other, Align::Right), ("", Align::Right), (what, Align::Left), ("where", Align::Left)]);
    let line = |main: &Change, other: Option<&Change>, name: &str, place: &str| {
        let mut line = cells.change(main);
        line.extend(other.map_or([String::new(), String::new()], |other| {
            [cells.scale.format_change(other.absolute()), percent_change(other.base, other.new)]
        }));
        line.extend([printable(name), printable(place)]);
        line
    };
    let lines = rows.rows[..limit].iter().map(|row| {
        let (name, place) = texts(row);
        let other = match arguments.sort {
            DiffSort::Own => &row.total,
            DiffSort::Total => &row.own,
        };
        line(shown(row, arguments.sort), Some(other), &name, &place)
    });
    let whole = line(&rows.total, None, "(total)", "");
    table::print(to, &header, lines.chain([whole]))?;
    if limit < rows.rows.len() {
        writeln!(to, "\n{}; --limit 0 prints all", count(rows.rows.len() - limit, "more row"))?;
    }
    Ok(())
}

/// What was measured on both sides, and how it was compared.
fn headline<K>(comparison: &Comparison, rows: &Rows<K>, scale: &Scale, what: &str) -> String {
    let profile = comparison.tables();
    let name = profile.text(profile.sample_types()[comparison.sample_type()].name).into_owned();
    let (base, new) = comparison.measured();
    let (base, new) = (scale.format_mean(base), scale.format_mean(new));
    let mut line = format!("{}: {base} → {new}, {}", printable(&name), count(rows.rows.len(), what));
    line += match comparison.normalize() {
        Normalize::None => "",
        Normalize::Rate => ", as if sampled at equal rates",
        Normalize::Duration => ", as if of equal duration",
        Normalize::Total => ", as if of equal total",
    };
    if comparison.test() == Test::Runs {
        let changed = rows.rows.iter().filter(|row| super::is_certain(row)).count();
        let (bases, news) = comparison.run_counts();
        line += &format!(
            "; means of {bases} and {news} runs, {} changed by more than noise",
            count(changed, what)
        );
    }
    line
}

struct Cells {
    scale: Scale,
    test: Test,
}

impl Cells {
    fn noise_name(&self) -> Option<&'static str> {
        match self.test {
            Test::Runs => Some("p"),
            Test::Counting => Some("±"),
            Test::Nothing => None,
        }
    }

    fn change(&self, change: &Change) -> Vec<String> {
        let mut cells = vec![
            self.scale.format_mean(change.base),
            self.scale.format_mean(change.new),
            self.scale.format_change(change.absolute()),
            percent_change(change.base, change.new),
        ];
        match self.test {
            Test::Runs => cells.push(match change.p {
                Some(p) if change.is_significant() && p < 0.0001 => "<0.0001".to_owned(),
                Some(p) if change.is_significant() => format!("{p:.4}"),
                _ => "noise".to_owned(),
            }),
            Test::Counting => {
                cells.push(change.error.map_or(String::new(), |error| self.scale.format_mean(error)));
            }
            Test::Nothing => {}
        }
        cells
    }
}
