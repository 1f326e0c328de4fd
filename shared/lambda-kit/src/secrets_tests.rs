//! The cache before a source that counts, fails and changes.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use super::*;

const JSON: &str =
    r#"{"app_key":"k","app_secret":"s","webhook_keys":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]}"#;

#[derive(Default)]
struct Fake {
    reads: AtomicU32,
    seconds: AtomicI64,
    down: std::sync::atomic::AtomicBool,
    /// Which API key the secret holds.
    key: AtomicU32,
}

impl FetchSecret for &Fake {
    async fn fetch(&self, _: &MerchantId) -> Result<SecretString, SecretError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        match self.down.load(Ordering::SeqCst) {
            true => Err(SecretError::Unavailable("down".to_owned())),
            false => {
                let key = format!("k{}", self.key.load(Ordering::SeqCst));
                Ok(SecretString::from(JSON.replace("\"k\"", &format!("\"{key}\""))))
            }
        }
    }
}

impl Clock for &Fake {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + self.seconds.load(Ordering::SeqCst)).unwrap()
    }
}

fn acme() -> MerchantId {
    "acme".parse().unwrap()
}

#[tokio::test]
async fn a_secret_is_read_once_until_it_is_old() {
    let fake = Fake::default();
    let secrets = Secrets::new(&fake, &fake);
    futures_util::future::join_all((0..20).map(|_| async { secrets.secret(&acme()).await.unwrap() })).await;
    assert_eq!(fake.reads.load(Ordering::SeqCst), 1);
    fake.seconds.store(299, Ordering::SeqCst);
    secrets.secret(&acme()).await.unwrap();
    assert_eq!(fake.reads.load(Ordering::SeqCst), 1);
    fake.seconds.store(300, Ordering::SeqCst);
    secrets.secret(&acme()).await.unwrap();
    assert_eq!(fake.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_outage_is_outlived_with_the_last_known_secret() {
    let fake = Fake::default();
    let secrets = Secrets::new(&fake, &fake);
    secrets.secret(&acme()).await.unwrap();
    fake.down.store(true, Ordering::SeqCst);
    fake.seconds.store(86_400, Ordering::SeqCst);
    for _ in 0..10 {
        assert!(secrets.secret(&acme()).await.is_ok());
    }
    assert_eq!(
        fake.reads.load(Ordering::SeqCst),
        2,
        "an outage must not be met with a call for every webhook"
    );
    assert!(secrets.secret(&"other".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn failed_verifications_read_again_but_not_at_every_forgery() {
    let fake = Fake::default();
    let secrets = Secrets::new(&fake, &fake);
    let first = secrets.secret(&acme()).await.unwrap();
    let newer = async |than| secrets.newer(&acme(), than).await.unwrap();
    assert!(newer(&first).await.is_none());
    fake.seconds.store(10, Ordering::SeqCst);
    let second = newer(&first).await.unwrap();
    assert!(newer(&second).await.is_none());
    // A slower caller that failed with the first secret gets the second without a read.
    assert!(Arc::ptr_eq(&newer(&first).await.unwrap(), &second));
    assert_eq!(fake.reads.load(Ordering::SeqCst), 2);
    // In an outage nobody knows; that is asked once and not for every forgery.
    fake.down.store(true, Ordering::SeqCst);
    fake.seconds.store(20, Ordering::SeqCst);
    assert!(secrets.newer(&acme(), &second).await.is_err());
    assert!(newer(&second).await.is_none());
    assert_eq!(fake.reads.load(Ordering::SeqCst), 3);
}

#[test]
fn a_malformed_secret_is_named_and_never_quoted() {
    for json in ["{}", "canary", r#"{"app_key":"canary","app_secret":"s","webhook_keys":["canary"]}"#] {
        let error = MerchantSecret::parse(json).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    assert!(!format!("{:?}", MerchantSecret::parse(JSON).unwrap()).contains("AAEC"));
}

#[tokio::test]
async fn refused_credentials_have_the_secret_read_again_but_not_at_every_refusal() {
    let fake = Fake::default();
    let secrets = Secrets::new(&fake, &fake);
    let old = secrets.secret(&acme()).await.unwrap().credentials.clone();
    let reads = || fake.reads.load(Ordering::SeqCst);
    secrets.renew(&acme(), &old).await;
    assert_eq!(reads(), 1, "it was read only just now");
    fake.seconds.store(10, Ordering::SeqCst);
    for _ in 0..5 {
        secrets.renew(&acme(), &old).await;
    }
    assert_eq!(reads(), 2, "the same credentials are in it still");

    fake.key.store(1, Ordering::SeqCst);
    fake.seconds.store(20, Ordering::SeqCst);
    secrets.renew(&acme(), &old).await;
    let new = secrets.secret(&acme()).await.unwrap().credentials.clone();
    assert!(!new.are(&old) && reads() == 3);
    // A slower caller that was refused with the old ones finds the new ones there.
    fake.seconds.store(30, Ordering::SeqCst);
    secrets.renew(&acme(), &old).await;
    assert_eq!(reads(), 3);

    fake.down.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        secrets.renew(&acme(), &new).await;
    }
    assert_eq!(reads(), 4, "an outage is not asked about at every refusal");
    assert!(secrets.secret(&acme()).await.unwrap().credentials.are(&new));
}
