//! How a message ends that fails on every delivery.

use super::*;
use crate::settings::DELIVERIES_MAX;

/// However long FlexFactor is busy: the order is due, and its message ends without a dead letter. One that fails for another
/// reason does not: nobody else would tell of it.
#[tokio::test]
async fn the_last_delivery_of_a_message_leaves_its_order_to_the_sweep() {
    let busy = [Answer::Unknown(Lost::Busy(429)), Answer::Unknown(Lost::Unauthorized)];
    let submission = submission("managed", busy.into_iter().chain([Answer::Unknown(Lost::TimedOut)])).await;
    let deliver = async |count| submission.submit(delivery("INV-1001-r1", Some(count))).await;
    assert!(deliver(DELIVERIES_MAX - 1).await.is_err());
    assert!(deliver(DELIVERIES_MAX).await.is_ok(), "held until the repeat");
    for _ in 0..2 {
        submission.pass(SignedDuration::from_secs(5));
        assert!(deliver(DELIVERIES_MAX).await.is_ok());
        let order = submission.order().await;
        assert!(!order.status.is_terminal() && order.due.is_some() && order.request.is_some());
    }
    assert_eq!(submission.keys_sent().len(), 3);
    let nobody = delivery("INV-404", Some(DELIVERIES_MAX));
    assert!(matches!(submission.submit(nobody).await, Err(SubmitError::NoOrder)));
}
