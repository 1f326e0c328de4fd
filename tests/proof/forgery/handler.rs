//! The deployed function's own way: API Gateway's event, `lambda_http`'s request, the receiver, the table.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::clock::Clock;
use lambda_kit::secrets::{FetchSecret, FindSecret as _, SecretError, Secrets};
use models::change::Change;
use models::fingerprint::Fingerprint;
use models::ids::{ContentHash, MerchantId, OrderKey};
use models::intake;
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::parked::{Fate, Parked, ParkedKey};
use models::screening::Screened;
use order_store::capability::NoteKey;
use order_store::memory::MemoryTable;
use order_store::{Changed, DueSince, Inserted, StoreError, Table};
use serde_json::json;
use webhook_receiver::handler::Receiver;
use webhook_receiver::keys::KeysNoted;
use webhook_receiver::settings::ReceiverRules;

use super::letter::now;
use super::subject::Seen;
use super::wire::Wire;
use super::worlds::{HOST, PARTIES, WINDOW_SECONDS, World};

/// Stands at [`super::worlds::NOW`] but for so many seconds.
#[derive(Debug, Clone, Copy)]
struct Standing<'a>(&'a AtomicI64);

impl Clock for Standing<'_> {
    fn now(&self) -> Timestamp {
        now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// Secrets Manager, before and after the secret was changed there.
struct Source<'a> {
    world: World,
    clock: Standing<'a>,
}

impl FetchSecret for Source<'_> {
    async fn fetch(&self, merchant: &MerchantId) -> Result<secrecy::SecretString, SecretError> {
        let (cached, kept) = self.world.keys(merchant.as_str());
        let keys = if self.clock.now() < now() { cached } else { kept };
        Ok(json!({"app_key": "k", "app_secret": "s", "webhook_keys": keys}).to_string().into())
    }
}

/// A table that counts what is written to it.
struct Watched {
    table: MemoryTable,
    writes: AtomicU32,
}

impl Watched {
    fn written(&self) -> &MemoryTable {
        self.writes.fetch_add(1, Ordering::Relaxed);
        &self.table
    }
}

impl Table for Watched {
    async fn insert(&self, order: &Order) -> Result<Inserted, StoreError> {
        self.written().insert(order).await
    }
    async fn change(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        self.written().change(key, change).await
    }
    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        self.table.read(key).await
    }
    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        Table::park(self.written(), parked).await
    }
    async fn read_parked(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        self.table.read_parked(key).await
    }
    async fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        self.written().settle_parked(key, was_due, fate, due).await
    }
    async fn due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        self.table.due(shard, as_of, limit).await
    }
    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        Ok(MERCHANTS.get(id.as_str()).cloned())
    }
}

impl NoteKey for Watched {
    async fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.written().note_key(merchant, key, at).await
    }
}

static MERCHANTS: LazyLock<BTreeMap<&'static str, Merchant>> = LazyLock::new(|| {
    let configured = |is_test: bool| {
        let environment = if is_test { "sandbox" } else { "production" };
        let json = json!({"enabled": true, "mode": "managed", "environment": environment, "mid": "m"});
        serde_json::from_value(json).unwrap()
    };
    PARTIES.iter().map(|party| (party.id, configured(party.is_test))).collect()
});

/// One received order of each merchant, all of the same id.
static ORDERS: LazyLock<Vec<Order>> = LazyLock::new(|| {
    let opened = |id: &str| {
        let mut decline: models::decline::Decline =
            serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
        decline.merchant = id.parse().unwrap();
        let content = ContentHash::of(&serde_json::Value::Null);
        let screened = Screened { decline, window_days: 21 };
        intake::open(screened, content, SignedDuration::from_mins(15), now() - SignedDuration::from_hours(24))
    };
    PARTIES.iter().map(|party| opened(party.id)).collect()
});

/// What the function answers and does, everything about it new: no case sees what another left behind.
pub(crate) fn seen(wire: &Wire, world: World) -> Seen {
    let offset = AtomicI64::new(-60);
    let clock = Standing(&offset);
    let store = Watched { table: MemoryTable::default(), writes: AtomicU32::new(0) };
    let secrets = Secrets::new(Source { world, clock }, clock);
    let at_once = "nothing here waits";
    let meant = wire.meaning().merchant;
    if let Some(order) = ORDERS.iter().find(|order| Some(order.key.merchant.as_str()) == meant.as_deref()) {
        store.table.insert(order).now_or_never().expect(at_once).unwrap();
        // Read before the secret was changed.
        secrets.secret(&order.key.merchant).now_or_never().expect(at_once).unwrap();
    }
    offset.store(0, Ordering::Relaxed);
    let receiver = Receiver {
        store: &store,
        merchants: &store,
        secrets,
        clock,
        noted: KeysNoted::default(),
        rules: ReceiverRules {
            host: HOST.to_owned(),
            date_window: SignedDuration::from_secs(WINDOW_SECONDS),
            parked_copy: SignedDuration::from_hours(24),
        },
    };
    // What is no request never comes to the handler; a panic (base64 that is none) is answered by 500 and no more.
    let request = quietly(|| lambda_http::request::from_str(&wire.event()).ok());
    let status = request.map(|request| receiver.receive(&request).now_or_never().expect(at_once).status());
    // Only what was asked of the table can be in it.
    let is_written = store.writes.load(Ordering::Relaxed) > 0;
    let is_kept =
        is_written && (store.table.orders().iter().any(is_changed) || !store.table.parked().is_empty());
    Seen { is_taken: status.is_some_and(|status| status < 400), is_written, is_kept }
}

fn is_changed(order: &Order) -> bool {
    !ORDERS.contains(order)
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// `None` where it panics, without a word of it.
fn quietly<T>(run: impl FnOnce() -> Option<T>) -> Option<T> {
    static HOOK: LazyLock<()> = LazyLock::new(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                loud(info);
            }
        }));
    });
    LazyLock::force(&HOOK);
    IS_QUIET.set(true);
    let ran = catch_unwind(AssertUnwindSafe(run));
    IS_QUIET.set(false);
    ran.unwrap_or(None)
}
