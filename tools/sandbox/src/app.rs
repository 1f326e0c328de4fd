//! What handlers, the driver and deliveries share: the world behind one lock, its clock, and the way out for webhooks.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::Notify, sync::watch, time::timeout};

use crate::{
    domain::{clock::Clock, delivery::Send, world::World},
    webhook::deliver::Courier,
};

/// The running simulator.
#[derive(Debug)]
pub(crate) struct App {
    inner: Mutex<Inner>,
    courier: Courier,
    /// Something may be due sooner than the driver knows.
    wake: Notify,
    /// Counts up whenever the world may have changed.
    changed: watch::Sender<u64>,
    stopping: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    clock: Clock,
}

impl App {
    pub(crate) fn new(
        world: World,
        clock: Clock,
        courier: Courier,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let inner = Mutex::new(Inner { world, clock });
        Arc::new(Self { inner, courier, wake: Notify::new(), changed: watch::Sender::new(0), stopping })
    }

    /// Runs `f` on a world in which everything due by now has happened, and sends what comes of it.
    pub(crate) fn with<R>(self: &Arc<Self>, f: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        let result = self.run(f);
        self.wake.notify_one();
        result
    }

    fn run<R>(self: &Arc<Self>, f: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        let (result, sends) = {
            let mut inner = self.lock();
            let now = inner.clock.now(Timestamp::now());
            inner.world.advance_to(now);
            let result = f(&mut inner.world, now);
            // What `f` made due at once happens before anyone else looks.
            inner.world.advance_to(now);
            (result, inner.world.take_outbox())
        };
        for send in sends {
            self.dispatch(send);
        }
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Moves the clock forward; everything due by then happens before this returns, deliveries go on behind it.
    pub(crate) fn advance(self: &Arc<Self>, seconds: u64) -> Timestamp {
        self.lock().clock.advance(seconds);
        self.with(|_, now| now)
    }

    /// The clock, as it is set.
    pub(crate) fn clock(&self) -> Clock {
        self.lock().clock
    }

    /// Waits until no delivery is under way, nor scheduled if `scheduled` asks for that too. Says whether it came to that.
    pub(crate) async fn idle(self: &Arc<Self>, scheduled: bool, limit: Duration) -> bool {
        self.until(limit, |world| world.open_sends() == 0 && (!scheduled || world.scheduled_sends().0 == 0))
            .await
    }

    /// Waits until the first try of a webhook is answered. Says whether it came to that.
    pub(crate) async fn settled_once(self: &Arc<Self>, delivery: u64, limit: Duration) -> bool {
        self.until(limit, |world| world.settled_once(delivery)).await
    }

    async fn until(self: &Arc<Self>, limit: Duration, reached: impl Fn(&World) -> bool) -> bool {
        self.with(|_, _| ());
        let mut changed = self.changed.subscribe();
        // Only looks, so that waiting is no change in itself.
        timeout(limit, changed.wait_for(|_| reached(&self.lock().world)))
            .await
            .is_ok_and(|waited| waited.is_ok())
    }

    /// Hangs, as a call that times out does, but not beyond the simulator's own end.
    pub(crate) async fn hang(&self, millis: u64) {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(millis)) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }

    /// Lets things happen when they are due, until the end.
    pub(crate) async fn drive(self: Arc<Self>) {
        let mut stopping = self.stopping.clone();
        loop {
            let wait = {
                let inner = self.lock();
                inner.world.next_due().and_then(|due| inner.clock.real_wait(Timestamp::now(), due))
            };
            let sleep = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => self.run(|_, _| ()),
                () = self.wake.notified() => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn dispatch(self: &Arc<Self>, send: Send) {
        let app = Arc::clone(self);
        tokio::spawn(async move {
            let mut stopping = app.stopping.clone();
            let (answer, date) = tokio::select! {
                sent = app.courier.send(&send) => sent,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            app.with(|world, now| world.sent(now, send.id, answer, &date));
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under the lock is a bug, but a simulator that answers on is of more use than one that doesn't.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
