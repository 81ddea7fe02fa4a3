//! `profkit formats`: the registry as a table.

use std::io::{self, Write};

use profkit_formats::FORMATS;
use profkit_profile::Evidence;
use serde::Serialize;

use crate::args::Formats;
use crate::failure::Failure;
use crate::table::{self, Align};

/// The least width of descriptions beside the other columns; where there is less, they get a table of their own.
const ABOUT: usize = 26;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    about: &'static str,
    holds: &'static str,
    reads: bool,
    writes: bool,
    extensions: &'static [&'static str],
    dialects: &'static [&'static str],
    written_dialects: &'static [&'static str],
}

pub(crate) fn run(arguments: &Formats) -> Result<(), Failure> {
    let rows = FORMATS.iter().map(|format| Row {
        name: format.name(),
        about: format.about(),
        holds: match format.holds() {
            Evidence::Stacks => "stacks",
            Evidence::CallEdges => "call edges",
        },
        reads: true,
        writes: format.is_written(),
        extensions: format.extensions(),
        dialects: format.dialects(),
        written_dialects: format.written_dialects(),
    });
    let mut stdout = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut stdout, &rows.collect::<Vec<_>>()).map_err(io::Error::from)?;
        writeln!(stdout)?;
        return Ok(());
    }
    print(&rows.collect::<Vec<_>>(), &mut stdout)?;
    Ok(())
}

fn print(rows: &[Row], to: &mut dyn Write) -> io::Result<()> {
    let header = ["format", "holds", "extensions", "what it is"].map(|name| (name, Align::Left));
    let names = |row: &Row| {
        let extensions: Vec<String> = row.extensions.iter().map(|name| format!(".{name}")).collect();
        vec![row.name.to_owned(), row.holds.to_owned(), extensions.join(" ")]
    };
    let width = |column: usize| {
        let cells = rows.iter().map(|row| names(row)[column].len());
        cells.max().unwrap_or(0).max(header[column].0.len()) + 2
    };
    let beside = (0..3).map(width).sum();
    if table::width().is_none_or(|width| width >= beside + ABOUT) {
        table::print(to, &header, rows.iter().flat_map(|row| described(names(row), row, beside)))?;
    } else {
        table::print(to, &header[..3], rows.iter().map(names))?;
        writeln!(to)?;
        let lines = rows.iter().flat_map(|row| described(vec![row.name.to_owned()], row, width(0)));
        table::print(to, &[header[0], header[3]], lines)?;
    }
    for row in rows.iter().filter(|row| !(row.dialects.is_empty() && row.written_dialects.is_empty())) {
        let spec = |dialect: &&str| format!("{}:{dialect}", row.name);
        let specs = |dialects: &[&str]| dialects.iter().map(spec).collect::<Vec<_>>().join(" ");
        let kinds = [("--from", row.dialects), ("--to", row.written_dialects)];
        writeln!(to)?;
        for (option, dialects) in kinds.into_iter().filter(|(_, dialects)| !dialects.is_empty()) {
            for (index, part) in table::wrapped(&specs(dialects), 7).iter().enumerate() {
                writeln!(to, "{:<6} {part}", if index == 0 { option } else { "" })?;
            }
        }
    }
    Ok(())
}

/// The cells with the format's description as the last one, in as many lines as it takes.
fn described(cells: Vec<String>, row: &Row, beside: usize) -> Vec<Vec<String>> {
    let lines = table::wrapped(row.about, beside);
    let blank = vec![String::new(); cells.len()];
    let begins = [cells].into_iter().chain(std::iter::repeat(blank));
    let lines = lines.into_iter().zip(begins).map(|(line, mut cells)| {
        cells.push(line.into_owned());
        cells
    });
    lines.collect()
}
