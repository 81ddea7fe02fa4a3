//! The global interpreter lock: who holds it.
//!
//! Up to 3.11 there is one a process, in the runtime; since 3.12 an interpreter points to its own or to the main one's. Its count
//! of switches tells whether any other thread can have run: nothing of a thread's stack changes without the lock. Where threads run
//! without it (free-threaded builds), nothing is known but that.
//!
//! Surprising: the lock of an interpreter that has ended is looked at until interpreters are listed again. It may be unmapped by
//! then, or say anything.

use std::io;

use crate::interpreter::Interpreter;
use crate::layout::{Layout, NONE};
use crate::remote::{Place, Remote, int_at, word_at};

/// Bytes of a lock up to its count of switches.
pub(crate) const HEAD: usize = 40;
/// Bytes of a whole lock: a thread that waits in a futex within waits for it.
pub(crate) const SIZE: u64 = 208;

/// For a thread that took a lock and is not known, threads are listed so soon after they were listed last; less and less often
/// up to the other, as long as none is found and nobody else takes the lock.
pub(crate) const LIST_AGAIN: u64 = 1_000_000;
pub(crate) const LIST_SELDOM: u64 = 100_000_000;

/// What a lock says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gil {
    /// The thread state that took it last.
    pub last_holder: u64,
    /// Whether it is taken now.
    pub locked: bool,
    /// How often it went to another thread.
    pub switches: u64,
    /// Whether threads run without it (free-threaded builds).
    pub is_disabled: bool,
}

impl Gil {
    /// From the first [`HEAD`] bytes of the lock.
    #[must_use]
    pub(crate) fn parse(layout: &Layout, bytes: &[u8]) -> Self {
        Self {
            last_holder: word_at(bytes, layout.gil_last_holder),
            locked: int_at(bytes, layout.gil_locked) == 1,
            switches: word_at(bytes, layout.gil_switch_number),
            is_disabled: layout.gil_enabled != NONE && int_at(bytes, layout.gil_enabled) == 0,
        }
    }

    /// Whether the thread state holds it.
    #[must_use]
    pub(crate) fn is_held_by(&self, state: u64) -> bool {
        self.locked && self.last_holder == state
    }
}

/// Where the lock of an interpreter is.
///
/// # Errors
/// If memory cannot be read.
pub(crate) fn address(interpreter: &Interpreter, of: u64) -> io::Result<u64> {
    let layout = &interpreter.layout;
    if layout.interp_gil == NONE {
        return Ok(interpreter.runtime + layout.runtime_gil as u64);
    }
    interpreter.remote.word(of + layout.interp_gil as u64)
}

/// Where the flag is that says that the garbage collector of an interpreter runs.
#[must_use]
pub(crate) fn collecting_address(interpreter: &Interpreter, of: u64) -> u64 {
    let layout = &interpreter.layout;
    if layout.interp_gc_collecting == NONE {
        return interpreter.runtime + layout.runtime_gc_collecting as u64;
    }
    of + layout.interp_gc_collecting as u64
}

/// A lock, and the interpreters that share it.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    /// Where it is; 0 if it is gone.
    pub address: u64,
    /// Where the flag is that says that garbage is collected.
    pub collecting: u64,
    /// Where the newest thread state of an interpreter is told, and which it was when threads were listed.
    newest: (u64, u64),
    /// Whether it was another one at the last look.
    has_new: bool,
    /// What it said last.
    pub gil: Gil,
    /// Whether garbage was collected then.
    pub is_collecting: bool,
    /// Every thread is to be read: it went to another one, or this is the first look.
    pub read_all: bool,
    /// A holder that is not known, and the count of switches then.
    unknown: (u64, u64),
    list_again: u64,
}

impl Lock {
    /// Looks at it; whether it is there.
    fn look(&mut self, remote: Remote, layout: &Layout) -> io::Result<bool> {
        let mut bytes = [0; HEAD + 4 + 8];
        let places =
            [Place::new(self.address, HEAD), Place::new(self.collecting, 4), Place::new(self.newest.0, 8)];
        let length = match remote.gather(&mut bytes, &places) {
            Ok(length @ HEAD..) => length,
            Err(error) if error.raw_os_error() != Some(libc::EFAULT) => return Err(error),
            _ => return Ok(false),
        };
        self.has_new = length == bytes.len() && word_at(&bytes, HEAD + 4) != self.newest.1;
        let gil = Gil::parse(layout, &bytes);
        let was = (self.gil.switches, self.gil.last_holder, self.gil.is_disabled);
        self.read_all |= was != (gil.switches, gil.last_holder, gil.is_disabled);
        self.gil = gil;
        self.is_collecting = int_at(&bytes, HEAD) != 0;
        Ok(true)
    }

    /// Whether threads are to be listed since one took it that is not known. `since` is how long ago they were.
    fn asks_for_list(&mut self, is_known: &impl Fn(u64) -> bool, since: u64) -> bool {
        let Gil { last_holder, switches, .. } = self.gil;
        if last_holder == 0 || is_known(last_holder) {
            return false;
        }
        if self.unknown != (last_holder, switches) {
            self.unknown = (last_holder, switches);
            self.list_again = LIST_AGAIN;
        }
        let is_due = since >= self.list_again;
        if is_due {
            self.list_again = (self.list_again * 2).min(LIST_SELDOM);
        }
        is_due
    }
}

/// The locks of a process. Threads know theirs by its index, so one that is gone leaves its place to another.
#[derive(Debug, Default)]
pub(crate) struct Locks(Vec<Lock>);

impl Locks {
    /// The lock with an index, if it is not gone.
    #[must_use]
    pub(crate) fn get(&self, index: usize) -> Option<&Lock> {
        self.0.get(index).filter(|lock| lock.address != 0)
    }

    /// Every thread of one is to be read.
    pub(crate) fn read_all(&mut self, index: usize) {
        if let Some(lock) = self.0.get_mut(index) {
            lock.read_all = true;
        }
    }

    /// All that are there.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lock> {
        self.0.iter_mut().filter(|lock| lock.address != 0)
    }

    /// Whether there is none.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|lock| lock.address == 0)
    }

    /// Looks at all; whether all were there. Those that were not are gone.
    ///
    /// # Errors
    /// If none can be read.
    pub(crate) fn look(&mut self, remote: Remote, layout: &Layout) -> io::Result<bool> {
        let mut are_there = true;
        for lock in self.iter_mut() {
            if !lock.look(remote, layout)? {
                *lock = Lock::default();
                are_there = false;
            }
        }
        // Another program, where nothing is where it was.
        if !are_there && self.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(are_there) }
    }

    /// Whether threads are to be listed, which they were `since` ago, since one took a lock that is not known.
    pub(crate) fn ask_for_list(&mut self, is_known: impl Fn(u64) -> bool, since: u64) -> bool {
        self.iter_mut().any(|lock| lock.asks_for_list(&is_known, since))
    }

    /// The index of the lock at an address, which is added if it is not known. `newest` is where the newest thread state is told,
    /// and which it is.
    pub(crate) fn index(&mut self, address: u64, collecting: u64, newest: (u64, u64)) -> usize {
        let position = |wanted| self.0.iter().position(|lock| lock.address == wanted);
        let index = position(address).or_else(|| position(0)).unwrap_or(self.0.len());
        if index == self.0.len() {
            self.0.push(Lock::default());
        }
        if let Some(lock) = self.0.get_mut(index) {
            if lock.address == 0 {
                *lock = Lock { address, read_all: true, ..Lock::default() };
            }
            lock.collecting = collecting;
            (lock.newest, lock.has_new) = (newest, false);
        }
        index
    }

    /// Whether there are threads that were not there when they were listed.
    #[must_use]
    pub(crate) fn have_new(&self) -> bool {
        self.0.iter().any(|lock| lock.has_new)
    }

    /// Every other one is gone.
    pub(crate) fn keep(&mut self, used: &[usize]) {
        for (index, lock) in self.0.iter_mut().enumerate() {
            if !used.contains(&index) {
                *lock = Lock::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    /// The words of a lock in this process.
    fn lock(layout: &Layout, holder: u64, switches: u64) -> Vec<u64> {
        let mut words = vec![0; HEAD / 8 + 1];
        words[layout.gil_last_holder / 8] = holder;
        words[layout.gil_switch_number / 8] = switches;
        words
    }

    fn address(words: &[u64]) -> u64 {
        words.as_ptr() as u64
    }

    fn own() -> (Remote, Layout) {
        let layout = Layout::known(Version::new(3, 12, 1)).unwrap();
        (Remote::new(std::process::id()), layout)
    }

    #[test]
    fn locks_that_are_gone_leave_their_places() {
        let (remote, layout) = own();
        let (one, other) = (lock(&layout, 1, 1), lock(&layout, 2, 1));
        let mut locks = Locks::default();
        assert_eq!(
            [&one, &other, &one].map(|words| locks.index(address(words), address(words), (0, 0))),
            [0, 1, 0]
        );
        assert!(locks.look(remote, &layout).unwrap());
        assert_eq!(locks.get(1).unwrap().gil.last_holder, 2);
        locks.keep(&[1]);
        assert!(locks.get(0).is_none() && !locks.ask_for_list(|holder| holder == 2, u64::MAX));
        // One that is not mapped any more.
        assert_eq!(locks.index(8, 8, (8, 0)), 0);
        assert!(!locks.look(remote, &layout).unwrap());
        assert!(locks.get(0).is_none() && locks.get(1).is_some());
        assert_eq!(locks.index(address(&one), address(&one), (0, 0)), 0);
        assert!(locks.get(0).unwrap().read_all && locks.look(remote, &layout).unwrap());
        locks.keep(&[]);
        assert!(locks.is_empty());
        locks.index(8, 8, (8, 0));
        assert!(locks.look(remote, &layout).is_err());
    }

    #[test]
    fn an_unknown_holder_that_stays_is_looked_for_less_and_less_often() {
        let (remote, layout) = own();
        let mut words = lock(&layout, 7, 1);
        let mut locks = Locks::default();
        locks.index(address(&words), address(&words), (0, 0));
        locks.look(remote, &layout).unwrap();
        let mut asks = |since| locks.ask_for_list(|_| false, since);
        assert!(!asks(LIST_AGAIN - 1) && asks(LIST_AGAIN) && !asks(LIST_AGAIN) && asks(2 * LIST_AGAIN));
        (0..9).for_each(|_| assert!(asks(LIST_SELDOM)));
        assert!(!asks(LIST_SELDOM - 1));
        words[layout.gil_switch_number / 8] += 1;
        locks.look(remote, &layout).unwrap();
        assert!(locks.ask_for_list(|_| false, LIST_AGAIN));
    }
}
