//! What the agent keeps of the process, behind one lock that only slow paths take.
//!
//! No function of Python's is called while the lock is held: it might run code of the program, which would want it again.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use profkit_recording::journal::{Line, MISSED, TRACED, append_in};
use profkit_recording::stat::Stat;
use profkit_recording::trace::{self, state as ending};
use profkit_recording::trace_writer::{Beginning, Full, TraceFile};

use crate::clock::{self, Choice, Clock};
use crate::fork::Forked;
use crate::functions::Functions;
use crate::options::Options;
use crate::thread::State;

/// A traced process.
pub(crate) struct Process {
    pub(crate) file: TraceFile,
    pub(crate) options: Options,
    pub(crate) choice: Choice,
    /// `PY_VERSION_HEX`.
    pub(crate) python: u32,
    pub(crate) functions: Functions,
    pub(crate) threads: Vec<*mut State>,
    /// Set in a child until it has a file of its own.
    pub(crate) forked: Option<Forked>,
    /// The file that was written before the last fork: the path that was open is still to be read in it.
    pub(crate) before_fork: Option<TraceFile>,
    pub(crate) cost: [u32; 4],
    /// Interpreters that are traced, and others.
    pub(crate) interpreters: Vec<i64>,
    pub(crate) interpreters_failed: Vec<i64>,
}

static LOCKED: AtomicBool = AtomicBool::new(false);
static DISARMED: AtomicBool = AtomicBool::new(true);
static THREAD_KEY: AtomicU32 = AtomicU32::new(0);

struct Cell(UnsafeCell<Option<Process>>);
// SAFETY: it is only reached through the lock.
unsafe impl Sync for Cell {}
static PROCESS: Cell = Cell(UnsafeCell::new(None));

/// The lock, held.
pub(crate) struct Guard(());

/// Takes the lock. Whoever waits gives up its time: the lock is held for microseconds, and hardly ever wanted by two.
pub(crate) fn lock() -> Guard {
    raw_lock();
    Guard(())
}

/// Takes the lock for the time of a fork.
pub(crate) fn raw_lock() {
    while LOCKED.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
        std::thread::yield_now();
    }
}

/// Gives it back.
pub(crate) fn raw_unlock() {
    LOCKED.store(false, Ordering::Release);
}

impl Drop for Guard {
    fn drop(&mut self) {
        raw_unlock();
    }
}

impl Deref for Guard {
    type Target = Option<Process>;
    fn deref(&self) -> &Self::Target {
        // SAFETY: the lock is held.
        unsafe { &*PROCESS.0.get() }
    }
}

impl DerefMut for Guard {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: the lock is held.
        unsafe { &mut *PROCESS.0.get() }
    }
}

/// Nothing is traced: not yet, or not any more.
#[must_use]
pub(crate) fn is_disarmed() -> bool {
    DISARMED.load(Ordering::Relaxed)
}

/// Says whether anything is traced.
pub(crate) fn set_disarmed(disarmed: bool) {
    DISARMED.store(disarmed, Ordering::Relaxed);
}

/// The key whose destructor tells the end of a thread.
#[must_use]
pub(crate) fn thread_key() -> libc::pthread_key_t {
    THREAD_KEY.load(Ordering::Relaxed)
}

/// Makes that key.
pub(crate) fn make_thread_key() {
    let mut key = 0;
    // SAFETY: a new key, and a function that lives as long as the process.
    unsafe {
        let detach: unsafe extern "C" fn(*mut c_void) = crate::thread::detach;
        libc::pthread_key_create(&raw mut key, Some(detach));
    }
    THREAD_KEY.store(key, Ordering::Relaxed);
}

/// When this process started, in clock ticks since boot.
#[must_use]
pub(crate) fn start_ticks() -> u64 {
    let stat = std::fs::read("/proc/self/stat").unwrap_or_default();
    Stat::parse(&stat).and_then(|stat| stat.start_ticks()).unwrap_or(0)
}

/// Writes a line to the journal of the recording, if it can be reached: whether that was so.
pub(crate) fn journal(options: &Options, event: &str, add: impl FnOnce(&mut Line)) -> bool {
    let mut line = Line::new(event, std::process::id(), start_ticks());
    add(&mut line);
    options.are_current() && append_in(&options.folder, line.finish()).is_ok()
}

impl Process {
    /// Makes the file of this process.
    ///
    /// # Errors
    /// As making files does.
    pub(crate) fn new(options: Options, choice: Choice, python: u32) -> std::io::Result<Self> {
        let cost = [0; 4];
        let file = make_file(&options, choice, python, cost)?;
        Ok(Self {
            file,
            options,
            choice,
            python,
            functions: Functions::default(),
            threads: Vec::new(),
            forked: None,
            before_fork: None,
            cost,
            interpreters: Vec::new(),
            interpreters_failed: Vec::new(),
        })
    }

    /// Gives a forked child a file of its own. Says whether that worked; if not, the child is not traced.
    pub(crate) fn restart(&mut self) -> bool {
        // SAFETY: the threads of the parent do not run in the child.
        self.threads.drain(..).for_each(|state| unsafe { crate::thread::free(state) });
        match make_file(&self.options, self.choice, self.python, self.cost) {
            Ok(file) => {
                self.functions.forget_written();
                self.before_fork = Some(std::mem::replace(&mut self.file, file));
                true
            }
            Err(error) => {
                let reason = format!("no file after fork: {error}");
                if !journal(&self.options, MISSED, |line| line.field(reason.as_bytes())) {
                    // The file of the parent is still mapped.
                    self.file.header().children_missed.fetch_add(1, Ordering::Relaxed);
                }
                set_disarmed(true);
                false
            }
        }
    }

    /// Ends tracing, since there is no room; the program goes on.
    pub(crate) fn end_for(&mut self, full: &Full) {
        let (value, error) = match full {
            Full::Disk(error) => (ending::NO_ROOM, error.raw_os_error()),
            Full::Table => (ending::TABLE_FULL, None),
        };
        let header = self.file.header();
        if header.state.load(Ordering::Relaxed) == ending::RUNNING {
            header.error.store(error.map_or(0, i32::unsigned_abs), Ordering::Relaxed);
            header.state.store(value, Ordering::Relaxed);
        }
        header.events_lost.fetch_add(1, Ordering::Relaxed);
        set_disarmed(true);
    }

    /// Writes a note for people.
    pub(crate) fn note(&mut self, text: &str) {
        if let Err(full) = self.file.text(trace::text::NOTE, 0, 0, &[text.as_bytes()]) {
            self.end_for(&full);
        }
    }

    /// The thread's clock.
    ///
    /// # Safety
    /// The state is the calling thread's.
    pub(crate) unsafe fn now(&self, state: *mut State) -> u64 {
        match self.choice {
            Choice::Counter => clock::Counter::now(state),
            Choice::Monotonic => clock::Monotonic::now(state),
            Choice::CpuHybrid => clock::CpuHybrid::now(state),
            Choice::CpuCall => clock::CpuCall::now(state),
        }
    }

    /// Tells the reader how fast the counter runs, once it is known better.
    pub(crate) fn write_rates(&self) {
        let header = self.file.header();
        header.self_hz.store(self_hz(self.choice).to_bits(), Ordering::Relaxed);
        header.wall_hz.store(clock::wall_hz().to_bits(), Ordering::Relaxed);
    }
}

/// Units a second of a thread's time.
pub(crate) fn self_hz(choice: Choice) -> f64 {
    match choice {
        Choice::Counter | Choice::CpuHybrid => clock::wall_hz(),
        Choice::Monotonic | Choice::CpuCall => 1e9,
    }
}

fn make_file(options: &Options, choice: Choice, python: u32, cost: [u32; 4]) -> std::io::Result<TraceFile> {
    // SAFETY: plain system calls.
    let parent = unsafe { libc::getppid() };
    let beginning = Beginning {
        pid: std::process::id(),
        parent: u32::try_from(parent).unwrap_or(0),
        start_ticks: start_ticks(),
        created_ns: clock::nanoseconds(libc::CLOCK_REALTIME),
        clock: if options.cpu { trace::clock::CPU } else { trace::clock::WALL },
        python,
        self_hz: self_hz(choice),
        wall_hz: clock::wall_hz(),
        compensate: options.compensate,
        cost,
    };
    if !options.are_current() {
        return Err(std::io::Error::other("the recording is over"));
    }
    let mut file = TraceFile::create(&options.folder, &beginning)?;
    let arguments = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    if let Err(Full::Disk(error)) = file.text(trace::text::ARGUMENTS, 0, 0, &[&arguments]) {
        return Err(error);
    }
    journal(options, TRACED, |line| line.field(format!("{python:08x}").as_bytes()));
    Ok(file)
}
