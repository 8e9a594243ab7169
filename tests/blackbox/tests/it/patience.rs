//! Waiting for a condition: the only place of these tests that lets time pass.

use std::time::{Duration, Instant};

/// After so long a condition will not come true.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until `look` gives something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks until the count is `enough`, as long as it grows.
pub async fn until_counted(what: &str, enough: u64, look: impl Fn() -> u64) {
    let (mut last, mut grew) = (0, Instant::now());
    loop {
        let now = look();
        if now >= enough {
            return;
        }
        if now != last {
            (last, grew) = (now, Instant::now());
        }
        assert!(grew.elapsed() < PATIENCE, "{now} of {enough} for {PATIENCE:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// A moment for the others, before something is asked once more.
pub async fn breath() {
    tokio::time::sleep(PAUSE).await;
}
