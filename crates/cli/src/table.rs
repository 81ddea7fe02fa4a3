//! Tables on stdout: aligned columns without lines, cut to the width of a terminal.

use std::io::{self, IsTerminal, Write};

use anstyle::Style;
use comfy_table::TableStyle;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Prints rows under a header. Cells must be free of control characters.
pub(crate) fn print(
    to: &mut dyn Write,
    header: &[(&str, Align)],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|(name, _)| *name));
    for row in rows {
        table.add_row(row);
    }
    for (column, (_, align)) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    let bold = Style::new().bold();
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        if index == 0 { writeln!(to, "{bold}{line}{bold:#}")? } else { writeln!(to, "{line}")? }
    }
    Ok(())
}

/// The width to cut texts to: that of the terminal, none where stdout is something else.
pub(crate) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| usize::from(width))
}
