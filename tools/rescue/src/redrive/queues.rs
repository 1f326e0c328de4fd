//! A queue and its dead letters, in SQS.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;

use super::mover::Letters;
use super::plan::Letter;
use crate::deployment::aws_failure;
use crate::outcome::Failure;

/// Most letters that one run takes in hand. SQS hides at most 120,000 at once.
pub(crate) const LETTERS_MAX: usize = 10_000;
/// How long an empty answer is waited for, in seconds: SQS asks all its servers only where it may wait.
const WAIT_SECONDS: i32 = 1;
/// How many empty answers in a row are believed.
const EMPTY_ANSWERS: u32 = 2;

/// A queue and its dead letters.
pub(crate) struct DeadLetters {
    client: Client,
    live: String,
    dead: String,
    hold_seconds: i32,
}

impl DeadLetters {
    pub(crate) fn new(client: Client, live: &str, dead: &str, hold_seconds: i32) -> Self {
        Self { client, live: live.to_owned(), dead: dead.to_owned(), hold_seconds }
    }

    /// Receives every letter once and hides it.
    pub(crate) async fn receive_all(&self) -> Result<Vec<Letter>, Failure> {
        let (mut letters, mut empty) = (BTreeMap::new(), 0);
        let mut arrived = 0_usize;
        while empty < EMPTY_ANSWERS && letters.len() < LETTERS_MAX {
            let request = self.client.receive_message().queue_url(&self.dead);
            let answer = request
                .max_number_of_messages(10)
                .visibility_timeout(self.hold_seconds)
                .wait_time_seconds(WAIT_SECONDS)
                .send()
                .await
                .map_err(|error| aws_failure("receiving dead letters", &error))?;
            let messages = answer.messages.unwrap_or_default();
            empty = if messages.is_empty() { empty + 1 } else { 0 };
            for message in messages {
                let (Some(id), Some(body), Some(receipt)) =
                    (message.message_id, message.body, message.receipt_handle)
                else {
                    continue;
                };
                // SQS may deliver twice; the newer receipt is the one that holds.
                let place = letters.get(&id).map_or(arrived, |(place, _)| *place);
                arrived += usize::from(place == arrived);
                letters.insert(id.clone(), (place, Letter { id, body, receipt }));
            }
        }
        let mut letters: Vec<_> = letters.into_values().collect();
        letters.sort_by_key(|(place, _)| *place);
        Ok(letters.into_iter().map(|(_, letter)| letter).collect())
    }

    /// Lets others see all of them again. Where that fails they come back by themselves.
    pub(crate) async fn release_all(&self, letters: &[Letter]) {
        for letter in letters {
            if let Err(failure) = self.release(letter).await {
                eprintln!("message {} is seen again when the hold is over: {failure}", letter.id);
            }
        }
    }

    async fn hide_for(&self, letter: &Letter, seconds: i32) -> Result<(), Failure> {
        let request = self.client.change_message_visibility().queue_url(&self.dead);
        let changed = request.receipt_handle(&letter.receipt).visibility_timeout(seconds).send().await;
        changed.map(|_| ()).map_err(|error| aws_failure("holding a dead letter", &error))
    }
}

impl Letters for DeadLetters {
    async fn hold(&self, letter: &Letter) -> Result<(), Failure> {
        self.hide_for(letter, self.hold_seconds).await
    }

    async fn send(&self, letter: &Letter) -> Result<(), Failure> {
        let sent = self.client.send_message().queue_url(&self.live).message_body(&letter.body).send().await;
        sent.map(|_| ()).map_err(|error| aws_failure("sending", &error))
    }

    async fn delete(&self, letter: &Letter) -> Result<(), Failure> {
        let request = self.client.delete_message().queue_url(&self.dead);
        let deleted = request.receipt_handle(&letter.receipt).send().await;
        deleted.map(|_| ()).map_err(|error| aws_failure("deleting a dead letter", &error))
    }

    async fn release(&self, letter: &Letter) -> Result<(), Failure> {
        self.hide_for(letter, 0).await
    }
}
