//! Virtual time and the tasks that live in it: one thread, no wall clock, the same order of steps in every run.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use jiff::Timestamp;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Locks what only one thread uses; a panic of a handler is caught by the batch helper and leaves nothing half done here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock and the timers: what is shared with everything that happens in the world.
#[derive(Default)]
pub(crate) struct Runtime {
    millis: AtomicI64,
    sequence: AtomicU64,
    timers: Mutex<BTreeMap<(i64, u64), Waker>>,
    begun: Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

/// The tasks of a world. They stay on its thread.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: BTreeMap<u64, Task>,
    ready: Arc<Mutex<VecDeque<u64>>>,
    sequence: u64,
}

struct TaskWaker {
    id: u64,
    ready: Arc<Mutex<VecDeque<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        lock(&self.ready).push_back(self.id);
    }
}

impl Runtime {
    pub(crate) fn millis(&self) -> i64 {
        self.millis.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis()).unwrap_or(Timestamp::MAX)
    }

    fn next_number(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts a task from within another.
    pub(crate) fn begin(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.begun).push(Box::pin(task));
    }

    /// When the next timer rings, in milliseconds.
    pub(crate) fn next_timer(&self) -> Option<i64> {
        lock(&self.timers).keys().next().map(|(at, _)| *at)
    }

    /// Moves the clock on, never back, and rings what is due.
    pub(crate) fn advance_to(&self, millis: i64) {
        self.millis.fetch_max(millis, Ordering::Relaxed);
        loop {
            let entry = lock(&self.timers)
                .first_entry()
                .filter(|entry| entry.key().0 <= self.millis())
                .map(|entry| entry.remove());
            match entry {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }

    pub(crate) fn sleep(&self, millis: i64) -> Sleep<'_> {
        Sleep { runtime: self, until: self.millis().saturating_add(millis), is_set: false }
    }
}

impl Tasks {
    /// Starts a task; it is polled for the first time by the next [`Tasks::run`].
    pub(crate) fn begin(&mut self, task: impl Future<Output = ()> + 'static) {
        self.sequence += 1;
        self.tasks.insert(self.sequence, Box::pin(task));
        lock(&self.ready).push_back(self.sequence);
    }

    /// Polls whatever can go on at this instant.
    pub(crate) fn run(&mut self, runtime: &Runtime) {
        loop {
            let Some(id) = lock(&self.ready).pop_front() else { return };
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { id, ready: self.ready.clone() }));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks.remove(&id);
            }
            for task in std::mem::take(&mut *lock(&runtime.begun)) {
                self.begin(task);
            }
        }
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runtime({})", self.now())
    }
}

/// Waits in virtual time.
pub(crate) struct Sleep<'a> {
    runtime: &'a Runtime,
    until: i64,
    is_set: bool,
}

impl Future for Sleep<'_> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.runtime.millis() >= self.until {
            return Poll::Ready(());
        }
        if !self.is_set {
            self.is_set = true;
            let key = (self.until, self.runtime.next_number());
            lock(&self.runtime.timers).insert(key, context.waker().clone());
        }
        Poll::Pending
    }
}
