//! `profkit top`: a table of what runs, in the terminal, while it runs.
//!
//! A sampler runs in a thread and hands its stream over block by block; sums are kept of it, not samples, so hours cost no more
//! than minutes. The terminal is given back on every way out; signals are looked for between two draws.

mod counters;
mod draw;
mod feed;
mod output;
mod processes;
mod rows;
mod screen;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use profkit_record::{Live, RecordError, Sample, Status, Target};
use profkit_recording::stream::NOT_SAMPLED;
use profkit_sampler::proc_stat::command_line;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use self::counters::{Counters, Refused};
use self::draw::Head;
use self::feed::Feed;
use self::output::Output;
use self::processes::{Process, Processes};
use self::rows::{Scope, Sort, Value};
use self::screen::{Request, Rows, Screen};
use crate::args::Top;
use crate::failure::{Failure, note};
use crate::names::printable;
use crate::quantity::Scale;
use crate::table::{self, Align};

/// New processes are looked for as often, and keys.
const LOOK: Duration = Duration::from_millis(5);
/// A tick of the counters, and a new picture.
const TICK: Duration = Duration::from_millis(500);
/// The first picture has something in it.
const FIRST_TICK: Duration = Duration::from_millis(200);
/// A program that was started here may take so long to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is printed of a program that has ended.
const FUNCTIONS: usize = 10;
const LINES: usize = 20;

/// Why the table is closed.
enum End {
    Asked,
    Signal(i32),
    /// The program has ended.
    Ended(Status),
}

/// Shows the table; says which status `profkit` is to end with.
pub(crate) fn run(arguments: &Top) -> Result<u8, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let reason = "top needs a terminal on stdin and stdout; `profkit dump` and `profkit record` do not";
        return Err(Failure::Reason(reason.to_owned()));
    }
    let failed = |error: RecordError| Failure::Reason(error.to_string());
    let target = match arguments.pid {
        Some(pid) => Target::Process(pid),
        None => Target::Command(arguments.command.clone()),
    };
    let signals =
        signals().map_err(|error| Failure::Reason(format!("signals cannot be watched: {error}")))?;
    let (feed, output) = (Feed::default(), Output::default());
    let sample = Sample {
        rate: arguments.rate,
        subprocesses: !arguments.no_subprocesses,
        awaits: false,
        pause: false,
    };
    let mut live = Live::start(&target, sample, feed.sink()).map_err(failed)?;
    let printed = live.take_output();
    let screen = Screen::new(printed.is_some());
    if let Some(printed) = printed {
        output.read(printed);
    }
    let title = match arguments.pid {
        Some(pid) => format!("{pid}: {}", command_line(pid).replace('\n', " ")),
        None => arguments.command.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" "),
    };
    let mut top = Session {
        broken: broken(),
        live,
        feed,
        output,
        screen,
        title: printable(&title),
        rate: arguments.rate,
        processes: Processes::default(),
        tree: Vec::new(),
        paused: None,
        rows: Rows::Output(Vec::new()),
        began: Instant::now(),
        ticked: Instant::now(),
    };
    let end = top.show(&signals)?;
    top.close(&end)
}

/// The number of a signal that came; 0 before.
fn signals() -> io::Result<Arc<AtomicUsize>> {
    let came = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        let number = usize::try_from(signal).unwrap_or(0);
        signal_hook::flag::register_usize(signal, Arc::clone(&came), number)?;
    }
    Ok(came)
}

/// Becomes true when a thread panics. ratatui gives the terminal back then, and nothing must be drawn any more.
fn broken() -> Arc<AtomicBool> {
    let broken = Arc::new(AtomicBool::new(false));
    let (flag, tell) = (Arc::clone(&broken), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        flag.store(true, Ordering::Relaxed);
        tell(info);
    }));
    broken
}

/// What was there when the picture was held.
struct Paused {
    counters: Counters,
    tree: Vec<Process>,
    ran: Duration,
}

struct Session {
    /// A thread of this process has panicked, and with it the terminal was given back.
    broken: Arc<AtomicBool>,
    live: Live,
    feed: Feed,
    output: Output,
    screen: Screen,
    title: String,
    rate: f64,
    processes: Processes,
    tree: Vec<Process>,
    paused: Option<Paused>,
    rows: Rows,
    began: Instant,
    ticked: Instant,
}

impl Session {
    fn show(&mut self, signals: &AtomicUsize) -> Result<End, Failure> {
        let terminal = ratatui::try_init();
        let ended =
            terminal.map_err(Failure::terminal).and_then(|mut terminal| self.run(&mut terminal, signals));
        if !self.broken.load(Ordering::Relaxed) {
            // A terminal that has gone cannot be given back.
            let _ = ratatui::try_restore();
        }
        ended
    }

    fn run(&mut self, terminal: &mut DefaultTerminal, signals: &AtomicUsize) -> Result<End, Failure> {
        let mut tick = FIRST_TICK;
        self.look();
        self.draw(terminal)?;
        loop {
            let signal = signals.load(Ordering::Relaxed);
            if signal != 0 {
                return Ok(End::Signal(i32::try_from(signal).unwrap_or(0)));
            }
            self.live.look();
            let ended = self.live.ended().map_err(|error| Failure::Reason(error.to_string()))?;
            if let Some(status) = ended {
                return Ok(End::Ended(status));
            }
            if self.broken.load(Ordering::Relaxed) || !self.live.is_at_work() {
                return Err(Failure::Reason("a part of profkit has failed".to_owned()));
            }
            if self.ticked.elapsed() >= tick {
                tick = TICK;
                self.tick();
                self.draw(terminal)?;
            }
            if !event::poll(LOOK).map_err(Failure::terminal)? {
                continue;
            }
            match event::read().map_err(Failure::terminal)? {
                Event::Key(key) => match self.screen.key(key, &self.rows) {
                    Request::Nothing => {}
                    Request::Quit => return Ok(End::Asked),
                    Request::Pause => self.pause(),
                    Request::Suspend => *terminal = suspend().map_err(Failure::terminal)?,
                },
                Event::Resize(..) => {}
                _ => continue,
            }
            self.draw(terminal)?;
        }
    }

    fn look(&mut self) {
        self.processes.look(&self.live);
        self.tree = self.processes.tree(self.live.pid());
    }

    fn tick(&mut self) {
        self.look();
        self.feed.lock().tick(self.ticked.elapsed());
        self.ticked = Instant::now();
    }

    fn pause(&mut self) {
        self.paused = match self.paused.take() {
            Some(_) => None,
            None => Some(Paused {
                counters: self.feed.lock().clone(),
                tree: self.tree.clone(),
                ran: self.began.elapsed(),
            }),
        };
    }

    fn draw(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
        let live;
        let (counters, tree, ran) = match &self.paused {
            Some(paused) => (&paused.counters, &paused.tree, paused.ran),
            None => {
                live = self.feed.lock();
                (&*live, &self.tree, self.began.elapsed())
            }
        };
        let printed = self.output.lock().make_contiguous().to_vec();
        self.rows = self.screen.rows(counters, tree, &printed);
        let is_paused = self.paused.is_some();
        let head = Head { title: &self.title, ran, rate: self.rate, is_paused, counters, tree };
        let drawn = terminal.draw(|frame| draw::draw(frame, &mut self.screen, &head, &self.rows));
        drawn.map(|_| ()).map_err(Failure::terminal)
    }

    /// Ends a program that was started here, or says how it ended and what it did.
    fn close(self, end: &End) -> Result<u8, Failure> {
        let ran = self.began.elapsed();
        self.live.stop(PATIENCE);
        let status = match end {
            End::Asked => return Ok(0),
            End::Signal(signal) => return Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            End::Ended(status) => u8::try_from(status.code()).unwrap_or(u8::MAX),
        };
        let mut counters = self.feed.lock();
        counters.tick(self.ticked.elapsed());
        let value = self.screen.value;
        print_functions(&counters, value, &self.title)?;
        tell_refused(&counters);
        let lines = self.output.lock();
        if status != 0 && !lines.is_empty() {
            note("its last words:");
            for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
        let how = if status == 0 { String::new() } else { format!(" with status {status}") };
        note(&format!("{} ended{how} after {:.1} s", self.title, ran.as_secs_f64()));
        Ok(status)
    }
}

/// Stops this process as Ctrl-Z does, with the terminal as it was; it is taken again when the shell lets it go on.
fn suspend() -> io::Result<DefaultTerminal> {
    ratatui::try_restore()?;
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
    let mut terminal = ratatui::try_init()?;
    terminal.clear()?;
    Ok(terminal)
}

/// What is missing in what was printed.
fn tell_refused(counters: &Counters) {
    for &Refused { pid, command, reason } in counters.refused.iter().take(FUNCTIONS) {
        let (command, reason) = (counters.text(command), counters.text(reason));
        note(&format!("process {pid}, `{command}`, {NOT_SAMPLED}: {reason}"));
    }
    if !counters.has_python() && counters.refused.is_empty() {
        note("nothing was sampled: no Python ran, or none for long enough");
    }
}

fn print_functions(counters: &Counters, value: Value, title: &str) -> Result<(), Failure> {
    let sort = Sort { total: false, all_time: true };
    let rows = counters.functions(Scope::All, value, sort);
    if rows.is_empty() {
        return Ok(());
    }
    let scale = Scale::of_unit("nanoseconds");
    let time = |nanoseconds: u64| scale.format(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
    let header =
        [("self", Align::Right), ("total", Align::Right), ("function", Align::Left), ("where", Align::Left)];
    let cells = rows
        .iter()
        .take(FUNCTIONS)
        .map(|row| vec![time(row.own.ever), time(row.total.ever), row.name.clone(), row.place.clone()]);
    let mut stdout = anstream::stdout().lock();
    let shown = rows.len().min(FUNCTIONS);
    let of = profkit_profile::count(rows.len(), "function");
    writeln!(stdout, "{title}: {} time, {shown} of {of}\n", value.name())?;
    table::print(&mut stdout, &header, cells)?;
    Ok(())
}
