//! The process dies between two writes.

use super::*;

/// FlexFactor has it, and that is not yet kept: a copy more does no harm.
#[tokio::test]
async fn a_crash_after_the_call_sends_again_and_keeps_the_key() {
    let relay = relay([done(Some("t-1")), done(Some("t-2"))]);
    relay.store.dies_before_settling.store(true, Ordering::SeqCst);
    assert!(matches!(relay.deliver("m-1", message()).await, Err(RelayError::Store(_))));
    assert_eq!(relay.stage(), Stage::Taken);
    relay.deliver("m-1", message()).await.unwrap();
    let Stage::Transmitted { id, .. } = relay.stage() else { panic!() };
    assert_eq!(id.unwrap().as_str(), "t-2");
    relay.deliver("m-1", message()).await.unwrap();
    assert_eq!(relay.sent(), 2);
}

/// At each of the two writes that end it.
#[tokio::test]
async fn a_crash_while_a_refusal_is_kept_loses_nothing_and_parks_it_once() {
    for is_settling in [false, true] {
        let relay = relay([refused(), refused()]);
        let dies =
            if is_settling { relay.store.dies_before_settling } else { relay.store.dies_before_parking };
        dies.store(true, Ordering::SeqCst);
        assert!(matches!(relay.deliver("m-1", message()).await, Err(RelayError::Store(_))));
        assert_eq!(relay.stage(), Stage::Taken);
        relay.deliver("m-1", message()).await.unwrap();
        assert_eq!(relay.the_parked().key.kind, ParkedKind::TransmissionRefused);
        assert!(matches!(relay.stage(), Stage::Refused { .. }));
    }
}

#[tokio::test]
async fn a_crash_while_an_undelivered_one_is_kept_loses_nothing_and_parks_it_once() {
    for is_settling in [false, true] {
        let relay = relay([Outcome::Unknown(Lost::TimedOut)]);
        assert!(relay.deliver("m-1", message()).await.is_err());
        relay.pass(SignedDuration::from_hours(25));
        let dies =
            if is_settling { relay.store.dies_before_settling } else { relay.store.dies_before_parking };
        dies.store(true, Ordering::SeqCst);
        assert!(matches!(relay.deliver("m-1", message()).await, Err(RelayError::Store(_))));
        relay.deliver("m-1", message()).await.unwrap();
        assert_eq!(relay.the_parked().key.kind, ParkedKind::TransmissionUndelivered);
        assert!(matches!(relay.stage(), Stage::Undelivered { .. }));
    }
}
