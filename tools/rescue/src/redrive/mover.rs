//! Moving dead letters: sent to their queue first, deleted after. A crash in between leaves a copy in both, which is
//! harmless, and never loses one.

use std::collections::BTreeSet;
use std::future::Future;

use serde::Serialize;

use super::plan::{Letter, Planned, Verdict};
use crate::outcome::Failure;

/// What moving needs of the two queues.
pub(crate) trait Letters {
    /// Holds a letter on; an error where it is not held any more.
    fn hold(&self, letter: &Letter) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Puts a copy of it on the queue that it came from.
    fn send(&self, letter: &Letter) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Removes it from the dead letters.
    fn delete(&self, letter: &Letter) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Lets others see it again.
    fn release(&self, letter: &Letter) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// How a letter ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// It was moved back to its queue, and its function has it to apply.
    Applied,
    /// It was to be moved, or was not selected, and lies where it lay.
    StillParked,
    /// It can't be applied and lies where it lay.
    Rejected,
}

/// A letter's end, with what was planned for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Ended {
    /// What was planned.
    #[serde(flatten)]
    pub(crate) planned: Planned,
    /// How it ended.
    pub(crate) end: End,
    /// What went wrong, where something did.
    pub(crate) note: Option<String>,
}

/// How many letters ended how. The three always add up to all that were received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) received: usize,
    /// Moved.
    pub(crate) applied: usize,
    /// Left where they were.
    pub(crate) still_parked: usize,
    /// Left, because they can't be applied.
    pub(crate) rejected: usize,
}

/// Counts ends.
#[must_use]
pub(crate) fn count<'a>(ends: impl IntoIterator<Item = &'a End>) -> Counts {
    ends.into_iter().fold(Counts::default(), |mut counts, end| {
        counts.received += 1;
        match end {
            End::Applied => counts.applied += 1,
            End::StillParked => counts.still_parked += 1,
            End::Rejected => counts.rejected += 1,
        }
        counts
    })
}

/// Whether a letter is among those that were asked for; all are where none was named.
fn is_selected(selected: &BTreeSet<String>, planned: &Planned) -> bool {
    selected.is_empty() || selected.contains(&planned.id)
}

/// How each letter would end, were they moved.
#[must_use]
pub(crate) fn foresee(planned: Vec<Planned>, selected: &BTreeSet<String>) -> Vec<Ended> {
    let end = |planned: Planned| {
        let end = match planned.verdict {
            _ if !is_selected(selected, &planned) => End::StillParked,
            Verdict::Rejected => End::Rejected,
            Verdict::Changes | Verdict::Repeats => End::Applied,
        };
        let note = (!is_selected(selected, &planned)).then(|| "not selected".to_owned());
        Ended { planned, end, note }
    };
    planned.into_iter().map(end).collect()
}

/// Moves what is foreseen to be applied, and lets go of the rest. Each letter ends in one of three ways, whatever fails.
pub(crate) async fn carry_out<L: Letters>(
    queues: &L,
    letters: &[Letter],
    foreseen: Vec<Ended>,
) -> Vec<Ended> {
    let mut ended = Vec::with_capacity(foreseen.len());
    for (letter, mut one) in letters.iter().zip(foreseen) {
        match one.end {
            End::Applied => (one.end, one.note) = carry(queues, letter).await,
            End::StillParked | End::Rejected => release(queues, letter, &mut one.note).await,
        }
        ended.push(one);
    }
    ended
}

async fn carry<L: Letters>(queues: &L, letter: &Letter) -> (End, Option<String>) {
    // The selection is frozen only while we hold it: somebody may have taken long to say yes.
    if let Err(failure) = queues.hold(letter).await {
        return (End::StillParked, Some(format!("it is not held any more: {failure}")));
    }
    if let Err(failure) = queues.send(letter).await {
        let mut note = Some(format!("it could not be sent, or was and we do not know: {failure}"));
        release(queues, letter, &mut note).await;
        return (End::StillParked, note);
    }
    match queues.delete(letter).await {
        Ok(()) => (End::Applied, None),
        Err(failure) => {
            let note =
                format!("it was sent, and a copy stays in the dead letters, which is harmless: {failure}");
            (End::Applied, Some(note))
        }
    }
}

/// It comes back by itself when the hold is over; releasing only makes that sooner.
async fn release<L: Letters>(queues: &L, letter: &Letter, note: &mut Option<String>) {
    if let Err(failure) = queues.release(letter).await {
        let more = format!("it is seen again when the hold is over: {failure}");
        *note = Some(note.take().map_or(more.clone(), |note| format!("{note}; {more}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Mutex;

    /// Two queues in memory, whose calls fail as they are told to.
    #[derive(Default)]
    struct Queues {
        dead: Mutex<BTreeSet<String>>,
        live: Mutex<Vec<String>>,
        fails: BTreeSet<(&'static str, String)>,
    }

    impl Queues {
        fn answer(&self, call: &'static str, letter: &Letter) -> Result<(), Failure> {
            match self.fails.contains(&(call, letter.id.clone())) {
                true => Err(Failure::unreachable("no answer in time")),
                false => Ok(()),
            }
        }
    }

    impl Letters for Queues {
        async fn hold(&self, letter: &Letter) -> Result<(), Failure> {
            self.answer("hold", letter)
        }
        async fn send(&self, letter: &Letter) -> Result<(), Failure> {
            self.answer("send", letter)?;
            self.live.lock().unwrap().push(letter.id.clone());
            Ok(())
        }
        async fn delete(&self, letter: &Letter) -> Result<(), Failure> {
            self.answer("delete", letter)?;
            assert!(self.live.lock().unwrap().contains(&letter.id), "sent before it is deleted");
            self.dead.lock().unwrap().remove(&letter.id);
            Ok(())
        }
        async fn release(&self, letter: &Letter) -> Result<(), Failure> {
            self.answer("release", letter)
        }
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(Verdict::Changes), Just(Verdict::Repeats), Just(Verdict::Rejected)]
    }

    proptest! {
        /// Whatever fails, each letter ends in one way, the counts add up, and each is in at least one of the queues.
        #[test]
        fn the_counts_add_up_and_nothing_is_lost(
            verdicts in prop::collection::vec((verdict(), any::<bool>(), any::<[bool; 4]>()), 0..24),
            selects in any::<bool>(),
        ) {
            let letters: Vec<_> = (0..verdicts.len())
                .map(|number| Letter { id: format!("m-{number}"), body: String::new(), receipt: String::new() })
                .collect();
            let mut queues = Queues::default();
            let mut selected = BTreeSet::new();
            let mut planned = Vec::new();
            for (letter, (verdict, is_selected, fails)) in letters.iter().zip(&verdicts) {
                queues.dead.lock().unwrap().insert(letter.id.clone());
                for (call, fails) in ["hold", "send", "delete", "release"].into_iter().zip(fails) {
                    if *fails {
                        queues.fails.insert((call, letter.id.clone()));
                    }
                }
                if selects && *is_selected {
                    selected.insert(letter.id.clone());
                }
                planned.push(Planned {
                    id: letter.id.clone(), about: None, verdict: *verdict, from: None, to: None, says: String::new(),
                });
            }
            let foreseen = foresee(planned, &selected);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let ended = runtime.block_on(carry_out(&queues, &letters, foreseen));
            let counts = count(ended.iter().map(|ended| &ended.end));
            prop_assert_eq!(counts.received, letters.len());
            prop_assert_eq!(counts.applied + counts.still_parked + counts.rejected, counts.received);
            let (dead, live) = (queues.dead.into_inner().unwrap(), queues.live.into_inner().unwrap());
            for ended in &ended {
                let id = &ended.planned.id;
                prop_assert!(dead.contains(id) || live.contains(id), "{} is lost", id);
                prop_assert_eq!(ended.end == End::Applied, live.contains(id));
                prop_assert!(ended.end == End::Applied || dead.contains(id));
                if ended.planned.verdict == Verdict::Rejected {
                    prop_assert!(!live.contains(id), "{} was moved though it can't be applied", id);
                }
            }
        }
    }
}
