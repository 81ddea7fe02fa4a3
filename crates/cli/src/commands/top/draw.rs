//! Draws what is shown with ratatui: a head, a table, a line of keys.

use profkit_profile::count;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row, Table, TableState};
use unicode_width::UnicodeWidthStr;

use super::counters::Counters;
use super::processes::Process;
use super::rows::{FunctionRow, ProcessRow, Scope, ThreadRow, Value};
use super::screen::{Rows, Screen, View};
use crate::names::{shorten, shorten_command, shorten_path};
use crate::quantity::Scale;

/// What stands above the table.
pub(super) struct Head<'a> {
    pub(super) title: &'a str,
    pub(super) ran: std::time::Duration,
    pub(super) rate: f64,
    pub(super) is_paused: bool,
    pub(super) counters: &'a Counters,
    pub(super) tree: &'a [Process],
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen, head: &Head<'_>, rows: &Rows) {
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [first, second, third, table, last] = areas.areas(frame.area());
    title(frame, head, first);
    frame.render_widget(Line::from(totals(head)), second);
    tabs(frame, screen, head.counters, third);
    screen.page = usize::from(table.height).saturating_sub(2).max(1);
    let at = screen.at().min(rows.len().saturating_sub(1));
    match rows {
        Rows::Functions(rows) => functions(frame, screen, rows, at, table),
        Rows::Threads(rows) => threads(frame, screen.scope, rows, at, table),
        Rows::Processes(rows) => processes(frame, rows, at, table),
        Rows::Output(lines) => output(frame, lines, table),
    }
    keys(frame, screen, last);
    if screen.help {
        help(frame);
    }
}

fn title(frame: &mut Frame<'_>, head: &Head<'_>, area: Rect) {
    let seconds = head.ran.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let rate = if head.rate > 0.0 { format!("{}/s", head.rate) } else { "max".to_owned() };
    let paused = if head.is_paused { "PAUSED  " } else { "" };
    let clock = if hours > 0 { format!("{hours}:{minutes:02}") } else { minutes.to_string() };
    let right = format!("{paused}{rate}  {clock}:{seconds:02} ");
    let versions: Vec<String> = head.counters.versions().iter().map(ToString::to_string).collect();
    let version =
        if versions.is_empty() { String::new() } else { format!("  Python {}", versions.join(", ")) };
    let room = usize::from(area.width).saturating_sub(right.width() + version.width() + 11);
    let left = format!(" profkit  {}{version}", shorten(head.title, room));
    let gap = usize::from(area.width).saturating_sub(left.width() + right.width());
    frame.render_widget(Line::styled(format!("{left}{}{right}", " ".repeat(gap)), REVERSED), area);
}

fn totals(head: &Head<'_>) -> String {
    let rows = head.counters.processes(head.tree);
    let sum = |of: fn(&ProcessRow) -> f64| percent(rows.iter().map(of).sum());
    let cpu = sum(|row| row.cpu.now);
    let (gil, wait) = (sum(|row| row.gil), sum(|row| row.gil_wait));
    let processes = count(head.tree.len(), "process");
    let threads = count(head.counters.living().count(), "Python thread");
    let late = head.counters.late();
    let late = if late > 0.01 { format!("   {} of moments missed", percent(late)) } else { String::new() };
    format!(" {processes}, {threads}   CPU {cpu}   GIL {gil}   GIL wait {wait}{late}")
}

fn tabs(frame: &mut Frame<'_>, screen: &Screen, counters: &Counters, area: Rect) {
    let mut spans = vec![Span::raw(" ")];
    for &(view, name) in screen.views() {
        let style = if view == screen.view { REVERSED } else { DIM };
        spans.push(Span::styled(format!(" {name} "), style));
        spans.push(Span::raw(" "));
    }
    frame.render_widget(Line::from(spans), area);
    let scope = match screen.scope {
        Scope::All => String::new(),
        Scope::Process(pid) => format!("process {pid}  "),
        Scope::Thread(id) => match counters.threads.get(&id) {
            Some(thread) => format!("thread {} {}  ", thread.tid, counters.text(thread.name)),
            None => "a thread that has ended  ".to_owned(),
        },
    };
    let filter = match (&*screen.filter, screen.is_typing) {
        ("", false) => String::new(),
        (text, true) => format!("/{text}_  "),
        (text, false) => format!("/{text}  "),
    };
    let used: usize = screen.views().iter().map(|(_, name)| name.len() + 3).sum::<usize>() + 2;
    let text = format!("{scope}{filter}{} ", screen.value.name());
    let room = usize::from(area.width).saturating_sub(used);
    frame.render_widget(Line::styled(shorten(&text, room), BOLD).alignment(Alignment::Right), area);
}

fn keys(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let text = if screen.is_typing {
        " type a part of a name or path; Enter: done, Esc: no filter"
    } else {
        match screen.view {
            View::Functions => " q quit  ? help  tab view  s/t sort  a all time  v value  / filter  p pause",
            View::Threads | View::Processes => {
                " q quit  ? help  tab view  enter: its functions  esc: all  / filter  p pause"
            }
            View::Output => " q quit  ? help  tab view  / filter",
        }
    };
    frame.render_widget(Line::styled(text, DIM), area);
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Nothing rather than a column of zeros.
fn share(share: f64) -> Cell<'static> {
    right(if share < 0.0005 { String::new() } else { format!("{:.1}", share * 100.0) })
}

fn time(nanoseconds: u64) -> Cell<'static> {
    let scale = Scale::of_unit("nanoseconds");
    right(match i64::try_from(nanoseconds) {
        Ok(nanoseconds) if nanoseconds > 0 => scale.format(nanoseconds),
        _ => String::new(),
    })
}

fn right(text: impl Into<String>) -> Cell<'static> {
    Cell::from(Line::from(text.into()).alignment(Alignment::Right))
}

const SHARE: u16 = 7;
const TIME: u16 = 8;
const GAP: u16 = 1;

/// Columns that are left for texts, `number` of them.
fn room(area: Rect, fixed: &[u16], texts: u16) -> usize {
    let fixed: u16 = fixed.iter().map(|width| width + GAP).sum();
    usize::from(area.width.saturating_sub(fixed + 1 + texts.saturating_sub(1) * GAP))
}

fn table<'a>(
    frame: &mut Frame<'_>,
    header: Row<'a>,
    rows: impl Iterator<Item = Row<'a>>,
    widths: &[u16],
    at: usize,
    area: Rect,
) {
    let widths = widths.iter().map(|width| Constraint::Length(*width));
    let table = Table::new(rows, widths).header(header.style(BOLD)).column_spacing(GAP);
    let table = table.row_highlight_style(REVERSED);
    let mut state = TableState::default().with_selected(Some(at));
    frame.render_stateful_widget(table, area, &mut state);
}

fn size(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

fn functions(frame: &mut Frame<'_>, screen: &Screen, rows: &[FunctionRow], at: usize, area: Rect) {
    let fixed = [SHARE, SHARE + 1, TIME, TIME];
    let room = room(area, &fixed, 2);
    let natural = rows.iter().map(|row| row.name.width()).max().unwrap_or(0);
    let names = natural.clamp(8, (room / 2).max(8));
    let places = room.saturating_sub(names);
    let mark = |total: bool, all_time: bool, text: &str| {
        let is_it = screen.sort.total == total && screen.sort.all_time == all_time;
        right(format!("{}{text}", if is_it { "▼" } else { "" }))
    };
    let header = Row::new([
        mark(false, false, "self %"),
        mark(true, false, "total %"),
        mark(false, true, "self"),
        mark(true, true, "total"),
        Cell::from("function"),
        Cell::from("where"),
    ]);
    let cells = rows.iter().map(|row| {
        Row::new([
            share(row.own.now),
            share(row.total.now),
            time(row.own.ever),
            time(row.total.ever),
            Cell::from(shorten(&row.name, names)),
            Cell::from(shorten_path(&row.place, places)),
        ])
    });
    let widths = [fixed[0], fixed[1], TIME, TIME, size(names), size(places)];
    table(frame, header, cells, &widths, at, area);
    if rows.is_empty() {
        let text = match (&*screen.filter, screen.value) {
            ("", Value::Cpu) => "No Python has used the processor yet; v shows wall time.",
            ("", _) => "Nothing yet.",
            _ => "No function is named like this; Esc: no filter.",
        };
        empty(frame, text, area);
    }
}

fn threads(frame: &mut Frame<'_>, scope: Scope, rows: &[ThreadRow], at: usize, area: Rect) {
    let fixed = [SHARE, SHARE, SHARE, TIME, 8, 8];
    let room = room(area, &fixed, 2);
    let names = rows.iter().map(|row| row.name.width()).max().unwrap_or(0).clamp(8, (room / 2).max(8));
    let header = Row::new([
        right("CPU %"),
        right("GIL %"),
        right("wait %"),
        right("CPU time"),
        right("process"),
        right("thread"),
        Cell::from("name"),
        Cell::from("busy in"),
    ]);
    let cells = rows.iter().map(|row| {
        let style = if scope == Scope::Thread(row.id) { BOLD } else { Style::new() };
        Row::new([
            share(row.cpu.now),
            share(row.gil),
            share(row.gil_wait),
            time(row.cpu.ever),
            right(row.pid.to_string()),
            right(row.tid.to_string()),
            Cell::from(shorten(&row.name, names)),
            Cell::from(shorten(&row.busiest, room.saturating_sub(names))),
        ])
        .style(style)
    });
    let widths = [SHARE, SHARE, SHARE, TIME, 8, 8, size(names), size(room.saturating_sub(names))];
    table(frame, header, cells, &widths, at, area);
    if rows.is_empty() {
        empty(frame, "No Python threads yet.", area);
    }
}

fn processes(frame: &mut Frame<'_>, rows: &[ProcessRow], at: usize, area: Rect) {
    let fixed = [SHARE, SHARE, SHARE, TIME, 7, 9, 8];
    let room = room(area, &fixed, 1);
    let header = Row::new([
        right("CPU %"),
        right("GIL %"),
        right("wait %"),
        right("CPU time"),
        right("threads"),
        right("Python"),
        right("process"),
        Cell::from("command"),
    ]);
    let cells = rows.iter().map(|row| {
        let command = format!("{}{}", "  ".repeat(row.depth), row.command);
        Row::new([
            share(row.cpu.now),
            share(row.gil),
            share(row.gil_wait),
            time(row.cpu.ever),
            right(row.threads.to_string()),
            right(row.python.as_deref().unwrap_or("-")),
            right(row.pid.to_string()),
            Cell::from(shorten_command(&command, room).into_owned()),
        ])
    });
    table(frame, header, cells, &[SHARE, SHARE, SHARE, TIME, 7, 9, 8, size(room)], at, area);
}

fn output(frame: &mut Frame<'_>, lines: &[String], area: Rect) {
    let first = lines.len().saturating_sub(usize::from(area.height));
    let shown: Vec<Line<'_>> = lines.iter().skip(first).map(|line| Line::from(line.as_str())).collect();
    frame.render_widget(Paragraph::new(shown), area);
    if lines.is_empty() {
        empty(frame, "The program has printed nothing yet.", area);
    }
}

fn empty(frame: &mut Frame<'_>, text: &str, area: Rect) {
    let below = Rect { y: area.y + 1, height: 1.min(area.height.saturating_sub(1)), ..area };
    frame.render_widget(Line::styled(format!(" {text}"), DIM), below);
}

const HELP: &str = "\
tab, 1 to 4      functions, threads, processes, output
s  t             sort by self, by total
a                sort by % or by the sum of all time
v                cpu, wall, gil (holding it), gil_wait
/                show only what has a text in it; Esc: all
enter            functions of this thread or process; Esc: of all
↑ ↓ pgup pgdn    move; home, end
p, space         hold the picture; sampling goes on
q, Ctrl-C        quit; a program that was started is ended

%: of the last 2 seconds; 100 is one core, or all of one thread's time";

fn help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let lines = HELP.lines().count();
    let width = HELP.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    let (width, height) = ((size(width) + 4).min(area.width), (size(lines) + 2).min(area.height));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let area = Rect { x, y, width, height };
    frame.render_widget(Clear, area);
    let block =
        Block::new().borders(Borders::ALL).title(" keys ").padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
