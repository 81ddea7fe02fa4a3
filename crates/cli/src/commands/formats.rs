//! `profkit formats`: the registry as a table.

use std::io::Write;

use profkit_formats::FORMATS;
use profkit_profile::Evidence;
use serde::Serialize;

use crate::args::Formats;
use crate::failure::Failure;
use crate::table::{self, Align};

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
        writes: true,
        extensions: format.extensions(),
        dialects: format.dialects(),
        written_dialects: format.written_dialects(),
    });
    let mut stdout = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut stdout, &rows.collect::<Vec<_>>()).map_err(std::io::Error::from)?;
        writeln!(stdout)?;
        return Ok(());
    }
    let header =
        [("format", Align::Left), ("holds", Align::Left), ("extensions", Align::Left), ("", Align::Left)];
    let cells = rows.clone().map(|row| {
        let extensions: Vec<String> =
            row.extensions.iter().map(|extension| format!(".{extension}")).collect();
        vec![row.name.to_owned(), row.holds.to_owned(), extensions.join(" "), row.about.to_owned()]
    });
    table::print(&mut stdout, &header, cells)?;
    for row in rows.filter(|row| !row.dialects.is_empty()) {
        write!(stdout, "\n{} dialects: read {}", row.name, row.dialects.join(", "))?;
        if !row.written_dialects.is_empty() {
            write!(stdout, "; write {}", row.written_dialects.join(", "))?;
        }
        writeln!(stdout)?;
    }
    Ok(())
}
