//! How much a proof does, and from which seed: `cargo xtask prove` says so by two variables.

/// The seed where nobody asks for another. The short forms must give the same verdict every time they run.
const SEED: u64 = 20_261_121;

/// The seed, printed, so that a run can be had again.
pub(crate) fn seed(proof: &str) -> u64 {
    let seed = match std::env::var("PROVE_SEED") {
        Ok(given) => given.parse().unwrap_or_else(|_| panic!("PROVE_SEED is no number: {given}")),
        Err(_) => SEED,
    };
    println!("{proof}: seed {seed}");
    seed
}

/// The short form, or the whole.
pub(crate) fn size<T>(short: T, full: T) -> T {
    match std::env::var_os("PROVE_FULL").is_some_and(|value| value == "1") {
        true => full,
        false => short,
    }
}

/// A generator of its own for each case, so that a case does not depend on those before it or on the threads.
pub(crate) fn generator(seed: u64, case: u64) -> fastrand::Rng {
    let mut mixed = seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    fastrand::Rng::with_seed(mixed ^ (mixed >> 27))
}
