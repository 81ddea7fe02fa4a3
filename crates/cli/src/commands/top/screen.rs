//! What is shown, and what keys do to it. Nothing here knows the terminal.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::counters::Counters;
use super::processes::Process;
use super::rows::{FunctionRow, ProcessRow, Scope, Sort, ThreadRow, Value};

/// A table of its own.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum View {
    #[default]
    Functions,
    Threads,
    Processes,
    /// What the program prints, if it was started here.
    Output,
}

/// What a key asks of the one who runs this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    Nothing,
    Quit,
    /// Hold what is shown, or let it go on.
    Pause,
    /// Stop as Ctrl-Z stops a program.
    Suspend,
}

/// The rows of the view.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Rows {
    Functions(Vec<FunctionRow>),
    Threads(Vec<ThreadRow>),
    Processes(Vec<ProcessRow>),
    Output(Vec<String>),
}

/// What is shown.
#[derive(Clone, Default, Debug)]
pub(super) struct Screen {
    pub(super) view: View,
    pub(super) value: Value,
    pub(super) sort: Sort,
    pub(super) scope: Scope,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) is_typing: bool,
    pub(super) help: bool,
    /// The row that the keys are on; each view has its own.
    pub(super) selected: [usize; 4],
    has_output: bool,
    /// Rows of a page, as it was drawn last.
    pub(super) page: usize,
}

impl Screen {
    pub(super) fn new(has_output: bool) -> Self {
        Self { has_output, page: 10, ..Self::default() }
    }

    pub(super) fn views(&self) -> &'static [(View, &'static str)] {
        const ALL: [(View, &str); 4] = [
            (View::Functions, "Functions"),
            (View::Threads, "Threads"),
            (View::Processes, "Processes"),
            (View::Output, "Output"),
        ];
        if self.has_output { &ALL } else { &ALL[..3] }
    }

    fn place(&self) -> usize {
        self.views().iter().position(|(view, _)| *view == self.view).unwrap_or(0)
    }

    /// The row that the keys are on.
    pub(super) fn at(&self) -> usize {
        self.selected[self.place()]
    }

    /// The rows of the view, filtered.
    pub(super) fn rows(&self, counters: &Counters, tree: &[Process], output: &[String]) -> Rows {
        let filter = self.filter.to_lowercase();
        let has = |texts: &[&str]| {
            filter.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&filter))
        };
        match self.view {
            View::Functions => {
                let mut rows = counters.functions(self.scope, self.value, self.sort);
                rows.retain(|row| has(&[&row.name, &row.place]));
                Rows::Functions(rows)
            }
            View::Threads => {
                // A thread that was chosen is marked among the others.
                let scope = if matches!(self.scope, Scope::Thread(_)) { Scope::All } else { self.scope };
                let mut rows = counters.threads(scope, self.value);
                rows.retain(|row| has(&[&row.name, &row.busiest, &row.tid.to_string()]));
                Rows::Threads(rows)
            }
            View::Processes => {
                let mut rows = counters.processes(tree);
                rows.retain(|row| has(&[&row.command, &row.pid.to_string()]));
                Rows::Processes(rows)
            }
            View::Output => Rows::Output(output.iter().filter(|line| has(&[line])).cloned().collect()),
        }
    }

    /// Does what a key says; `rows` are those that are shown.
    pub(super) fn key(&mut self, key: KeyEvent, rows: &Rows) -> Request {
        if key.kind == KeyEventKind::Release {
            return Request::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Request::Quit,
                KeyCode::Char('z') => Request::Suspend,
                _ => Request::Nothing,
            };
        }
        if self.is_typing {
            self.type_filter(key.code);
            return Request::Nothing;
        }
        let was_help = std::mem::take(&mut self.help);
        match key.code {
            KeyCode::Char('q') => return Request::Quit,
            KeyCode::Char('p' | ' ') => return Request::Pause,
            KeyCode::Char('?' | 'h') => self.help = !was_help,
            KeyCode::Char('s') => self.sort.total = false,
            KeyCode::Char('t') => self.sort.total = true,
            KeyCode::Char('a') => self.sort.all_time = !self.sort.all_time,
            KeyCode::Char('v') => self.value = self.value.next(),
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Esc if was_help => {}
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc => self.scope = Scope::All,
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(self.views().len() - 1),
            KeyCode::Char(digit @ '1'..='4') => {
                let at = usize::try_from(digit.to_digit(10).unwrap_or(1)).unwrap_or(1) - 1;
                self.view = self.views().get(at).map_or(self.view, |(view, _)| *view);
            }
            KeyCode::Enter => self.choose(rows),
            code => self.scroll(code, rows.len()),
        }
        Request::Nothing
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) => self.filter.push(c),
            _ => {}
        }
        self.selected = [0; 4];
    }

    fn turn(&mut self, by: usize) {
        let views = self.views();
        let next = (self.place() + by) % views.len();
        self.view = views.get(next).map_or(View::Functions, |(view, _)| *view);
    }

    /// Looks at the functions of the thread or process that the keys are on.
    fn choose(&mut self, rows: &Rows) {
        let scope = match rows {
            Rows::Threads(rows) => rows.get(self.at()).map(|row| Scope::Thread(row.id)),
            Rows::Processes(rows) => rows.get(self.at()).map(|row| Scope::Process(row.pid)),
            Rows::Functions(_) | Rows::Output(_) => None,
        };
        if let Some(scope) = scope {
            self.scope = scope;
            self.view = View::Functions;
            self.filter.clear();
            self.selected[0] = 0;
        }
    }

    fn scroll(&mut self, code: KeyCode, count: usize) {
        let place = self.place();
        let Some(at) = self.selected.get_mut(place) else { return };
        let last = count.saturating_sub(1);
        *at = match code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => *at + 1,
            KeyCode::PageUp => at.saturating_sub(self.page),
            KeyCode::PageDown => *at + self.page,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => *at,
        }
        .min(last);
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Functions(rows) => rows.len(),
            Self::Threads(rows) => rows.len(),
            Self::Processes(rows) => rows.len(),
            Self::Output(rows) => rows.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(screen: &mut Screen, keys: &str) -> Vec<Request> {
        let rows = Rows::Output(vec![String::new(); 50]);
        let key = |c| match c {
            '\t' => KeyCode::Tab,
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        let keys = keys.chars().map(|c| KeyEvent::new(key(c), KeyModifiers::NONE));
        keys.map(|key| screen.key(key, &rows)).filter(|request| *request != Request::Nothing).collect()
    }

    #[test]
    fn keys_do_what_the_help_says() {
        let mut screen = Screen::new(false);
        assert_eq!(press(&mut screen, "tav"), []);
        assert_eq!((screen.sort, screen.value), (Sort { total: true, all_time: true }, Value::Wall));
        press(&mut screen, "sa");
        assert_eq!(screen.sort, Sort::default());
        press(&mut screen, "/pq?\n");
        assert_eq!((&*screen.filter, screen.is_typing, screen.help), ("pq?", false, false));
        press(&mut screen, "\x1b");
        assert_eq!(screen.filter, "");
        assert_eq!(press(&mut screen, "p q"), [Request::Pause, Request::Pause, Request::Quit]);
        press(&mut screen, "\t\t");
        assert_eq!(screen.view, View::Processes);
        press(&mut screen, "\t");
        assert_eq!(screen.view, View::Functions, "there is no output of a process that was not started here");
        press(&mut screen, "Gkj");
        assert_eq!(screen.at(), 49);
    }
}
