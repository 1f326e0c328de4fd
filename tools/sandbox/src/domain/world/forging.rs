//! Forged webhooks: sent beside the genuine one, and kept with the answers they got.

use jiff::Timestamp;

use super::World;
use crate::domain::{
    delivery::{DatePlan, DeliveryState, Role, SigningPlan},
    fault::Forgery,
    forgery::{forge, text},
    ledger::Forged,
};

impl World {
    /// Forged copies of a webhook, at once; a replay waits until there is something to replay.
    pub(super) fn forge_beside(&mut self, at: Timestamp, id: u64, forgeries: &[Forgery]) {
        let forgeries = if forgeries.is_empty() { &Forgery::ALL[..] } else { forgeries };
        let Some(genuine) = self.deliveries.get(&id).map(|delivery| delivery.body.clone()) else { return };
        for forgery in forgeries {
            if *forgery == Forgery::ReplayedNonce {
                self.with_delivery(id, |delivery| delivery.replay = true);
                continue;
            }
            let signing = self.genuine_signing(at, id);
            let (body, signing) = forge(*forgery, &genuine, signing, &self.ids);
            self.send_forged(at, id, *forgery, body, signing);
        }
    }

    /// The genuine request once more, as someone who overheard it would send it.
    pub(super) fn replay(&mut self, at: Timestamp, id: u64, (nonce, date): (String, String)) {
        let Some(delivery) = self.deliveries.get(&id) else { return };
        let mut body = delivery.body.clone();
        // Word for word what was accepted.
        body.is_resent = delivery.attempts > 1 && self.settings.webhooks.resends_are_marked;
        let mut signing = self.genuine_signing(at, id);
        signing.nonce = nonce;
        signing.date = DatePlan::Fixed(date);
        self.send_forged(at, id, Forgery::ReplayedNonce, text(&body), signing);
    }

    fn send_forged(&mut self, at: Timestamp, id: u64, forgery: Forgery, body: String, signing: SigningPlan) {
        let Some(delivery) = self.deliveries.get(&id) else { return };
        if delivery.state == DeliveryState::NoAddress {
            return;
        }
        let forged = Forged {
            at,
            forgery,
            mid: delivery.mid.clone(),
            order_id: delivery.order_id.clone(),
            external_order_id: delivery.body.external_order_id.clone(),
            answer: None,
        };
        let index = self.books.forged.len();
        self.books.forged.push(forged);
        self.send(id, Role::Forged { forgery, index }, body, signing);
    }
}
