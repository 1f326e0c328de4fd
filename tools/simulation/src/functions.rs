//! The real functions, each in containers as Lambda keeps them: one invocation at a time, caches that live as long as the
//! container, and a death that takes the whole batch with it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::SqsEvent;
use evaluate_submission::handler::Submission;
use evaluate_submission::settings::{CLAIM_LEASE, SubmissionRules};
use expiry_sweep::settings::SweepRules;
use expiry_sweep::sweep::{Scheduled, Sweep};
use flexfactor::ListNames;
use intake::{Intake, IntakeRules};
use jiff::SignedDuration;
use lambda_http::Request;
use lambda_kit::batch;
use lambda_kit::merchants::Merchants;
use lambda_kit::secrets::Secrets;
use models::reconcile::{CancelledPastExpiry, LookRules};
use models::screening::Limits;
use models::submission::Times;
use order_reconcile::handler::Reconcile;
use order_reconcile::settings::ReconcileRules;
use webhook_receiver::handler::Receiver;
use webhook_receiver::keys::KeysNoted;
use webhook_receiver::settings::ReceiverRules;

use crate::breaking::Rule;
use crate::desk::OurApi;
use crate::env::Env;
use crate::merchants::WEBHOOK_HOST;
use crate::provider::Provider;
use crate::queue::{self, Queue};
use crate::runtime::lock;
use crate::secrets::SecretsManager;
use crate::store::Store;

pub(crate) type OurMerchants = Merchants<Store, Env>;
pub(crate) type OurSecrets = Secrets<SecretsManager, Env>;
pub(crate) type OurIntake = Intake<Store, Queue, OurMerchants, Env>;
type OurSubmission = Submission<Store, Queue, OurMerchants, OurSecrets, Provider, Env>;
type OurReceiver = Receiver<Store, OurMerchants, OurSecrets, Env>;
type OurSweep = Sweep<Store, Queue, Env>;
type OurReconcile = Reconcile<Store, Queue, OurMerchants, OurSecrets, Provider, Env>;

/// How long a claimed order may stay unseen before it is looked at (infra/template.yaml).
const SUBMISSION_OVERDUE: SignedDuration = SignedDuration::from_mins(15);
/// How long after its window an order is given for a late webhook (infra/template.yaml).
pub(crate) const EXPIRY_GRACE: SignedDuration = SignedDuration::from_hours(6);

/// Everything that is deployed. Clones are the same deployment.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    pub(crate) env: Env,
    pub(crate) store: Store,
    pub(crate) provider: Provider,
    pub(crate) declines: Queue,
    pub(crate) evaluations: Queue,
    pub(crate) reconciliations: Queue,
    pub(crate) containers: Arc<Containers>,
}

#[derive(Debug, Default)]
pub(crate) struct Containers {
    pub(crate) api: Pool<OurApi>,
    intake: Pool<OurIntake>,
    submission: Pool<OurSubmission>,
    receiver: Pool<OurReceiver>,
    sweep: Pool<OurSweep>,
    reconcile: Pool<OurReconcile>,
}

/// Containers that wait for their next invocation.
#[derive(Debug)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Pool<T> {
    pub(crate) fn take(&self, new: impl FnOnce() -> T) -> T {
        let waiting = lock(&self.0).pop();
        waiting.unwrap_or_else(new)
    }

    pub(crate) fn put_back(&self, container: T) {
        lock(&self.0).push(container);
    }
}

impl Functions {
    pub(crate) fn new(env: Env, provider: Provider) -> Self {
        Self {
            store: Store::new(env.clone()),
            declines: Queue::new(env.clone(), "declines", limits(180, 5, FORTNIGHT)),
            evaluations: Queue::new(env.clone(), "evaluations", limits(360, 8, FORTNIGHT)),
            reconciliations: Queue::new(env.clone(), "reconciliations", limits(1_080, 5, 3_600)),
            containers: Arc::default(),
            provider,
            env,
        }
    }

    /// All queues.
    pub(crate) fn queues(&self) -> [&Queue; 3] {
        [&self.declines, &self.evaluations, &self.reconciliations]
    }

    /// Takes a batch of declines.
    pub(crate) async fn take(self, event: SqsEvent) {
        let received = received(&event);
        let life = async {
            let intake = self.containers.intake.take(|| self.intake());
            let response = decline_intake::handler::take(&intake, event).await;
            (intake, response)
        };
        if let Ok((intake, response)) = self.env.process(life).await {
            self.containers.intake.put_back(intake);
            self.declines.settle(&received, &response);
        }
    }

    /// Submits a batch of orders.
    pub(crate) async fn submit(self, event: SqsEvent) {
        let received = received(&event);
        let life = async {
            let submission = self.containers.submission.take(|| self.submission());
            let response = batch::run(event, |record| submission.submit(record)).await;
            (submission, response)
        };
        if let Ok((submission, response)) = self.env.process(life).await {
            self.containers.submission.put_back(submission);
            self.evaluations.settle(&received, &response);
        }
    }

    /// Looks at a batch of what is due.
    pub(crate) async fn reconcile(self, event: SqsEvent) {
        let received = received(&event);
        let life = async {
            let reconcile = self.containers.reconcile.take(|| self.reconciler());
            let response = batch::run(event, |record| reconcile.reconcile(record)).await;
            (reconcile, response)
        };
        if let Ok((reconcile, response)) = self.env.process(life).await {
            self.containers.reconcile.put_back(reconcile);
            self.reconciliations.settle(&received, &response);
        }
    }

    /// Receives a webhook; the HTTP status, or `None` where the process died.
    pub(crate) async fn receive(&self, request: &Request) -> Option<u16> {
        let life = async {
            let receiver = self.containers.receiver.take(|| self.receiver());
            let answer = receiver.receive(request).await;
            (receiver, answer.status())
        };
        let (receiver, status) = self.env.process(life).await.ok()?;
        self.containers.receiver.put_back(receiver);
        Some(status)
    }

    /// Sweeps once.
    pub(crate) async fn sweep(self) {
        let life = async {
            let sweep = self.containers.sweep.take(|| self.sweeper());
            // The function's time is of the wall clock; here it never ends.
            let deadline = SystemTime::now() + Duration::from_hours(24);
            let swept = sweep.run(Scheduled::default(), deadline).await;
            (sweep, swept)
        };
        if let Ok((sweep, swept)) = self.env.process(life).await {
            match swept {
                Ok(swept) => self.env.log(format_args!("swept {} of {}", swept.sent, swept.due)),
                Err(error) => self.env.log(format_args!("not swept: {error}")),
            }
            self.containers.sweep.put_back(sweep);
        }
    }

    /// The deployment's times (infra/template.yaml).
    fn times(&self) -> Times {
        let is_forgotten = self.env.is_broken(Rule::ReplayWindow);
        Times {
            lease: CLAIM_LEASE,
            repeat_after: SignedDuration::from_secs(90),
            submission_overdue: SUBMISSION_OVERDUE,
            replay_window: SignedDuration::from_hours(if is_forgotten { 24 * 365 } else { 24 }),
            webhook_cycle: SignedDuration::from_hours(24),
            expiry_grace: EXPIRY_GRACE,
        }
    }

    fn merchants(&self) -> OurMerchants {
        Merchants::new(self.store.clone(), self.env.clone())
    }

    pub(crate) fn secrets(&self) -> OurSecrets {
        Secrets::new(SecretsManager(self.env.clone()), self.env.clone())
    }

    pub(crate) fn intake(&self) -> OurIntake {
        let limits = Limits {
            decline_age_max: SignedDuration::from_hours(24),
            window_days_min: 14,
            window_days_max: 21,
            window_days_default: 21,
        };
        Intake {
            store: self.store.clone(),
            queue: self.evaluations.clone(),
            merchants: self.merchants(),
            clock: self.env.clone(),
            rules: IntakeRules {
                limits,
                submission_overdue: SUBMISSION_OVERDUE,
                rejected_copy: SignedDuration::from_hours(24 * 30),
            },
        }
    }

    fn submission(&self) -> OurSubmission {
        Submission {
            store: self.store.clone(),
            queue: self.evaluations.clone(),
            merchants: self.merchants(),
            secrets: self.secrets(),
            provider: self.provider.clone(),
            surroundings: self.env.clone(),
            rules: SubmissionRules {
                times: self.times(),
                retries: [90, 120, 300, 600].map(SignedDuration::from_secs).to_vec(),
            },
        }
    }

    fn receiver(&self) -> OurReceiver {
        Receiver {
            store: self.store.clone(),
            merchants: self.merchants(),
            secrets: self.secrets(),
            clock: self.env.clone(),
            noted: KeysNoted::default(),
            rules: ReceiverRules {
                host: WEBHOOK_HOST.to_owned(),
                date_window: SignedDuration::from_secs(300),
                parked_copy: SignedDuration::from_hours(24 * 90),
            },
        }
    }

    fn sweeper(&self) -> OurSweep {
        Sweep {
            store: self.store.clone(),
            queue: self.reconciliations.clone(),
            clock: self.env.clone(),
            rules: SweepRules { orders_max: 2_000, ahead_max: SignedDuration::from_secs(300) },
        }
    }

    fn reconciler(&self) -> OurReconcile {
        let list = ListNames { orders: "orders".to_owned(), reference: "referenceNumber".to_owned() };
        Reconcile {
            store: self.store.clone(),
            queue: self.evaluations.clone(),
            merchants: self.merchants(),
            secrets: self.secrets(),
            provider: self.provider.clone(),
            clock: self.env.clone(),
            rules: ReconcileRules {
                look: LookRules { times: self.times(), cancelled_past_expiry: CancelledPastExpiry::Expired },
                list,
            },
        }
    }
}

/// How long messages are kept.
const FORTNIGHT: i64 = 1_209_600;

/// Limits of a queue (infra/template.yaml).
const fn limits(visibility_seconds: i64, receives_max: u32, retention_seconds: i64) -> queue::Limits {
    queue::Limits { visibility_seconds, receives_max, retention_seconds }
}

/// Ids and receipts of a batch, by which its messages are deleted.
fn received(event: &SqsEvent) -> Vec<(String, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    event.records.iter().map(|message| (text(&message.message_id), text(&message.receipt_handle))).collect()
}
