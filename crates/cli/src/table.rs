//! Tables on stdout: aligned columns without lines, cut to the width of a terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::Style;
use comfy_table::TableStyle;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use textwrap::{Options, WordSplitter};
use unicode_width::UnicodeWidthStr;

use crate::names::shorten;

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// The least width of the last shortened column of a table, below which it is left out, and that of the others.
const LEAST: [usize; 2] = [10, 14];

/// What stands between two columns.
const GAP: u16 = 2;

/// Prints rows under a header. Cells must be free of control characters. Where a terminal is too narrow, columns of
/// text lose the middles of their cells, the last column first.
pub(crate) fn print(
    to: &mut dyn Write,
    header: &[(&str, Align)],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    print_within(to, header, &rows.into_iter().collect::<Vec<_>>(), width())
}

fn print_within(
    to: &mut dyn Write,
    header: &[(&str, Align)],
    rows: &[Vec<String>],
    room: Option<usize>,
) -> io::Result<()> {
    let natural = natural_widths(header, rows);
    let widths = room.map_or_else(|| natural.clone(), |room| fit(header, &natural, room));
    let shown = widths.len();
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header[..shown].iter().map(|(name, _)| *name));
    for row in rows {
        table.add_row(row.iter().zip(&widths).map(|(cell, &width)| shorten(cell, width)));
    }
    for (column, (_, align)) in table.column_iter_mut().zip(header) {
        column.set_padding((0, GAP));
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

fn natural_widths(header: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = header.iter().map(|(name, _)| name.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    widths
}

/// The widths of the columns, fewer of them where even short cells have no room.
fn fit(header: &[(&str, Align)], natural: &[usize], room: usize) -> Vec<usize> {
    let mut widths = natural.to_vec();
    let is_text = |column: &usize| header[*column].1 == Align::Left;
    let texts: Vec<usize> = (0..widths.len()).filter(is_text).collect();
    let excess = |widths: &[usize]| {
        let gaps = usize::from(GAP) * widths.len().saturating_sub(1);
        (widths.iter().sum::<usize>() + gaps).saturating_sub(room)
    };
    for (index, &column) in texts.iter().rev().enumerate() {
        let least = LEAST[index.min(1)].min(natural[column]);
        widths[column] = widths[column].saturating_sub(excess(&widths)).max(least);
    }
    let last = widths.len().saturating_sub(1);
    if excess(&widths) > 0 && texts.len() > 1 && texts.last() == Some(&last) {
        return fit(&header[..last], &natural[..last], room);
    }
    widths
}

/// The width to cut texts to: what `COLUMNS` says, else that of the terminal; none where stdout is something else.
pub(crate) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    // A terminal may know its columns but not its rows: `script` in a pipe, and some build servers.
    let measured = || {
        let sizes =
            [rustix::termios::tcgetwinsize(io::stdout()), rustix::termios::tcgetwinsize(io::stderr())];
        sizes.into_iter().flatten().map(|size| usize::from(size.ws_col)).find(|&columns| columns > 0)
    };
    said.filter(|&columns| columns > 0).or_else(measured)
}

/// A text in lines that fit the terminal behind `indent` columns.
pub(crate) fn wrapped(text: &str, indent: usize) -> Vec<Cow<'_, str>> {
    let Some(width) = width() else { return vec![Cow::Borrowed(text)] };
    // Names with hyphens are to be copied whole.
    let options = Options::new(width.saturating_sub(indent).max(20));
    textwrap::wrap(text, options.word_splitter(WordSplitter::NoHyphenation))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[(&str, Align)] =
        &[("self", Align::Right), ("calls", Align::Right), ("function", Align::Left), ("where", Align::Left)];

    fn lines(room: Option<usize>) -> Vec<String> {
        let row = |own: &str, name: &str, place: &str| {
            vec![own.to_owned(), "1,234/10".to_owned(), name.to_owned(), place.to_owned()]
        };
        let rows = vec![
            row(
                "12.3 ms",
                "read_all_the_lines_of_it",
                "/usr/lib/python3.13/site-packages/app/reader.py:1234",
            ),
            row("1.00 ms", "日本語の関数名前日本語", "/srv/関数.py:1"),
        ];
        let mut out = Vec::new();
        print_within(&mut out, HEADER, &rows, room).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn a_table_takes_the_width_it_needs_and_no_more_than_there_is() {
        let widest = |room| lines(room).iter().map(|line| line.width()).max().unwrap();
        let natural = widest(None);
        for room in 42..natural + 20 {
            let used = widest(Some(room));
            assert!(used <= room, "{used} > {room}: {:#?}", lines(Some(room)));
            // A wide character that does not fit leaves a column; one that is left out takes its whole.
            assert!(used + 1 >= room.min(natural) || room < 55, "{used} of {room}: {:#?}", lines(Some(room)));
        }
        assert_eq!(lines(Some(natural)), lines(None));
    }

    #[test]
    fn the_place_is_shortened_before_the_name_and_left_out_at_last() {
        let at = |room| lines(Some(room)).swap_remove(0);
        assert!(at(80).contains("read_all_the_lines_of_it  /usr/lib/"), "{}", at(80));
        assert!(at(80).ends_with("/reader.py:1234"), "{}", at(80));
        assert!(at(48).contains("…") && at(48).ends_with("y:1234"), "{}", at(48));
        assert!(at(42).ends_with("of_it") && !at(42).contains("1234  /"), "{}", at(42));
    }
}
