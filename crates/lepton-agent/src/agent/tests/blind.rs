//! A host that cannot be looked at: nobody knows what its ports are.

use super::*;

fn errors(ledger: &Ledger) -> usize {
    let words = format!("cannot look at the host: {}", Host::WORDS);
    ledger.statuses.values().filter(|status| **status == PortStatus::Error(words.as_str().into())).count()
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_at_for_long_is_not_said_to_be_plugged() {
    let (manager, host, _agent) = converged([1, 2]).await;
    // The rules are gone, and the program that would tell so fails.
    host.tamper(|state| state.filters.clear());
    host.hide(true);
    let start = Instant::now();
    time::sleep(Duration::from_secs(1)).await;
    manager.want([port(3)]);
    manager.until(|ledger| errors(ledger) == 1).await;
    assert!(start.elapsed() < RESYNC, "of a new port it is said at once");

    manager.until(|ledger| errors(ledger) == 3).await;
    assert!((TRUSTED..TRUSTED + RESYNC * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    host.hide(false);
    manager.until_all_active().await;
    assert_eq!(host.state(), manager.desired());
}

/// A look that never ends fails after a minute, and so does every one after it.
#[tokio::test(start_paused = true)]
async fn looks_that_take_long_do_not_make_what_was_plugged_long_ago_true() {
    let (manager, host, _agent) = converged([1, 2]).await;
    host.look_for(HOST_TIMEOUT * 10);
    let start = Instant::now();
    let unknown = |ledger: &Ledger| {
        ledger.statuses.values().filter(|status| matches!(status, PortStatus::Error(_))).count()
    };
    time::sleep(RESYNC * 2).await;
    manager.until(|ledger| unknown(ledger) == 2).await;
    assert!(start.elapsed() < RESYNC * 2 + HOST_TIMEOUT, "{:?}: the first is enough", start.elapsed());
    host.heal();
    // The look that is under way ends first.
    time::sleep(HOST_TIMEOUT).await;
    manager.until_all_active().await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_once_is_no_news() {
    let (manager, host, _agent) = converged([1]).await;
    host.hide(true);
    time::sleep(RESYNC * 2).await;
    host.hide(false);
    time::sleep(RESYNC * 10).await;
    let reports = *manager.reports.borrow();
    host.hide(true);
    time::sleep(RESYNC * 2).await;
    assert_eq!((*manager.reports.borrow(), errors(&manager.ledger.lock().unwrap())), (reports, 0));
}

/// Until the next look the manager takes its time, and the look takes some as well.
#[tokio::test(start_paused = true)]
async fn a_look_that_fails_once_is_no_news_however_slow_the_manager_is() {
    let (manager, host, _agent) = converged([1, 2]).await;
    manager.set(|ledger| ledger.delay = MANAGER_TIMEOUT - Duration::from_secs(1));
    manager.want([port(3)]);
    manager.until_all_active().await;
    // The host was looked at before that was reported.
    let reports = *manager.reports.borrow();
    host.hide(true);
    host.look_for(TRUSTED / 2);
    time::sleep(TRUSTED * 3 / 2).await;
    host.hide(false);
    host.heal();
    assert_eq!((*manager.reports.borrow(), errors(&manager.ledger.lock().unwrap())), (reports, 0));
}
