//! Sending, batch by batch, with the journal before and after each.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use serde::Serialize;

use super::check::Outgoing;
use super::journal::{Journal, Past};
use crate::outcome::Failure;

/// Messages in one call: SQS's limit.
const BATCH_MESSAGES_MAX: usize = 10;
/// Bytes of messages in one call: SQS's older limit, which holds everywhere.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// How often a message that SQS could not take is tried.
const ATTEMPTS_MAX: u32 = 3;

/// A message that SQS did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotTaken {
    /// Which of the batch.
    pub(crate) index: usize,
    /// SQS's code.
    pub(crate) code: String,
    /// Whether it is the message's own fault, so that trying again is pointless.
    pub(crate) is_ours: bool,
}

/// Putting messages on the declines queue.
pub(crate) trait SendBatch {
    /// Sends at most ten messages; those that were not taken.
    fn send(&self, bodies: &[&str]) -> impl Future<Output = Result<Vec<NotTaken>, Failure>> + Send;
}

/// A line that SQS did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NotSent {
    /// Its number.
    pub(crate) line: u64,
    /// SQS's code.
    pub(crate) code: String,
}

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Lines that SQS acknowledged in this run.
    pub(crate) sent: Vec<u64>,
    /// Of these, lines that an earlier run may have sent already.
    pub(crate) again: Vec<u64>,
    /// Lines that SQS did not take.
    pub(crate) not_sent: Vec<NotSent>,
    /// Why the run ended before its end.
    pub(crate) stopped: Option<String>,
}

/// The lines that are still to be sent.
#[must_use]
pub(crate) fn remaining(good: Vec<Outgoing>, past: &Past) -> Vec<Outgoing> {
    good.into_iter().filter(|line| !past.sent.contains(&line.line)).collect()
}

fn batches(lines: &[Outgoing]) -> Vec<&[Outgoing]> {
    let (mut batches, mut rest) = (Vec::new(), lines);
    while !rest.is_empty() {
        let mut bytes = 0_usize;
        let fits = rest.iter().take(BATCH_MESSAGES_MAX).take_while(|line| {
            bytes = bytes.saturating_add(line.body.len());
            bytes <= BATCH_BYTES_MAX
        });
        // One message alone is smaller than the limit, as screening has seen to.
        let (batch, after) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = after;
    }
    batches
}

/// Sends lines and writes the journal. `wait` is called before a repeat; `progress` after each batch, with the lines done.
///
/// # Errors
/// The journal can't be written. Everything else ends the run with what it had done.
pub(crate) async fn run<S, W, F>(
    lines: &[Outgoing],
    past: &Past,
    journal: &mut Journal,
    queue: &S,
    wait: W,
    mut progress: impl FnMut(usize),
) -> Result<Sent, Failure>
where
    S: SendBatch,
    W: Fn(Duration) -> F,
    F: Future<Output = ()>,
{
    let mut sent = Sent::default();
    for batch in batches(lines) {
        journal.sending(batch.iter().map(|line| line.line).collect())?;
        let mut left: Vec<&Outgoing> = batch.iter().collect();
        for attempt in 1..=ATTEMPTS_MAX {
            let bodies: Vec<_> = left.iter().map(|line| line.body.as_str()).collect();
            let not_taken = match queue.send(&bodies).await {
                Ok(not_taken) => not_taken,
                // Whether these lines are on the queue nobody knows: the journal has them as begun.
                Err(failure) => {
                    sent.stopped = Some(failure.message);
                    return Ok(finished(sent, past));
                }
            };
            let failed: BTreeSet<_> = not_taken.iter().map(|not_taken| not_taken.index).collect();
            let numbered = left.iter().enumerate();
            let taken: Vec<_> =
                numbered.filter(|(index, _)| !failed.contains(index)).map(|(_, line)| line.line).collect();
            journal.sent(taken.clone())?;
            sent.sent.extend(taken);
            let is_last = attempt == ATTEMPTS_MAX;
            let (given_up, again): (Vec<_>, Vec<_>) =
                not_taken.into_iter().partition(|not_taken| not_taken.is_ours || is_last);
            let given_up: Vec<_> = given_up
                .into_iter()
                .filter_map(|NotTaken { index, code, .. }| {
                    left.get(index).map(|line| NotSent { line: line.line, code })
                })
                .collect();
            journal.refused(given_up.iter().map(|line| line.line).collect())?;
            sent.not_sent.extend(given_up);
            left = again.iter().filter_map(|not_taken| left.get(not_taken.index).copied()).collect();
            if left.is_empty() {
                break;
            }
            wait(Duration::from_millis(200 * 2_u64.pow(attempt))).await;
        }
        progress(batch.len());
    }
    Ok(finished(sent, past))
}

fn finished(mut sent: Sent, past: &Past) -> Sent {
    sent.again = sent.sent.iter().copied().filter(|line| past.in_doubt.contains(line)).collect();
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A queue that answers as it is told to, and keeps what it took.
    struct Queue {
        answers: Mutex<Vec<Result<Vec<NotTaken>, Failure>>>,
        taken: Mutex<Vec<String>>,
    }

    impl Queue {
        fn new(answers: Vec<Result<Vec<NotTaken>, Failure>>) -> Self {
            Self { answers: Mutex::new(answers), taken: Mutex::default() }
        }
    }

    impl SendBatch for Queue {
        async fn send(&self, bodies: &[&str]) -> Result<Vec<NotTaken>, Failure> {
            let mut answers = self.answers.lock().unwrap();
            let answer = if answers.is_empty() { Ok(Vec::new()) } else { answers.remove(0) };
            let failed: Vec<_> = answer.iter().flatten().map(|not_taken| not_taken.index).collect();
            if answer.is_ok() {
                let kept = bodies.iter().enumerate().filter(|(index, _)| !failed.contains(index));
                self.taken.lock().unwrap().extend(kept.map(|(_, body)| (*body).to_owned()));
            }
            answer
        }
    }

    fn lines(count: u64) -> Vec<Outgoing> {
        (1..=count).map(|line| Outgoing { line, body: format!("body-{line}") }).collect()
    }

    fn journal(name: &str) -> (Journal, Past, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("rescue-run-{}-{name}", std::process::id()));
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
        }
        let (journal, past) = Journal::open(&path, "hash", "queue").unwrap();
        (journal, past, path)
    }

    fn throttled(index: usize) -> NotTaken {
        NotTaken { index, code: "Throttled".to_owned(), is_ours: false }
    }

    async fn go(lines: &[Outgoing], past: &Past, journal: &mut Journal, queue: &Queue) -> Sent {
        run(lines, past, journal, queue, |_| async {}, |_| {}).await.unwrap()
    }

    #[tokio::test]
    async fn a_run_that_died_between_batches_is_gone_on_with_and_every_line_arrives_once() {
        let (mut first, past, path) = journal("goes-on");
        // The third batch is not answered: whether SQS has it is not known.
        let queue = Queue::new(vec![Ok(vec![]), Ok(vec![]), Err(Failure::unreachable("no answer in time"))]);
        let came = go(&lines(25), &past, &mut first, &queue).await;
        assert_eq!((came.sent.len(), came.stopped.is_some()), (20, true));
        drop(first);

        let (mut second, past) = Journal::open(&path, "hash", "queue").unwrap();
        let rest = remaining(lines(25), &past);
        assert_eq!(rest.iter().map(|line| line.line).collect::<Vec<_>>(), [21, 22, 23, 24, 25]);
        let came = go(&rest, &past, &mut second, &queue).await;
        assert_eq!(came.again, [21, 22, 23, 24, 25], "what may be on the queue twice is told");
        drop(second);

        let (mut third, past) = Journal::open(&path, "hash", "queue").unwrap();
        let rest = remaining(lines(25), &past);
        let came = go(&rest, &past, &mut third, &queue).await;
        assert_eq!(came, Sent::default(), "a third run sends nothing");
        let mut taken = queue.taken.into_inner().unwrap();
        taken.sort();
        let mut bodies: Vec<_> = lines(25).into_iter().map(|line| line.body).collect();
        bodies.sort();
        assert_eq!(taken, bodies);
    }

    #[tokio::test]
    async fn what_sqs_could_not_take_is_tried_again_and_what_it_never_takes_is_told() {
        let (mut journal, past, path) = journal("partly");
        let never = NotTaken { index: 2, code: "InvalidMessageContents".to_owned(), is_ours: true };
        let queue = Queue::new(vec![
            Ok(vec![throttled(0), never]),
            // Only the throttled one comes again, and then for a third time.
            Ok(vec![throttled(0)]),
        ]);
        let came = go(&lines(3), &past, &mut journal, &queue).await;
        assert_eq!(came.sent, [2, 1]);
        assert_eq!(came.not_sent, [NotSent { line: 3, code: "InvalidMessageContents".to_owned() }]);
        drop(journal);
        let (_, past) = Journal::open(&path, "hash", "queue").unwrap();
        assert_eq!((past.sent.len(), past.in_doubt.len()), (2, 0), "the next run tries line 3 again");
    }

    #[tokio::test]
    async fn a_message_that_stays_throttled_is_given_up_after_three_times() {
        let (mut journal, past, _) = journal("throttled");
        let queue = Queue::new(vec![Ok(vec![throttled(0)]), Ok(vec![throttled(0)]), Ok(vec![throttled(0)])]);
        let came = go(&lines(1), &past, &mut journal, &queue).await;
        assert_eq!(came.not_sent, [NotSent { line: 1, code: "Throttled".to_owned() }]);
    }

    #[test]
    fn a_batch_holds_ten_messages_and_no_more_bytes_than_sqs_takes() {
        let sizes = |lines: &[Outgoing]| batches(lines).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&lines(21)), [10, 10, 1]);
        let large = |line| Outgoing { line, body: "x".repeat(BATCH_BYTES_MAX / 4) };
        assert_eq!(sizes(&(1..=6).map(large).collect::<Vec<_>>()), [4, 2]);
    }
}
