//! What takes its time delays the others no longer than that, and once.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn is_plug(action: &Action, number: u8) -> bool {
    matches!(action, Action::Plug { device: plugged, .. } if *plugged == device(number))
}

/// From now on plugging port `number` takes this long, and the second time no time at all.
fn take_once(host: &Host, number: u8, long: Duration) {
    let mut is_first = true;
    host.take(move |action| {
        let is_late = is_plug(action, number) && std::mem::take(&mut is_first);
        if is_late { long } else { Duration::ZERO }
    });
}

fn is_active(ledger: &Ledger, number: u8) -> bool {
    ledger.statuses.get(&id(number)) == Some(&PortStatus::Active)
}

#[tokio::test(start_paused = true)]
async fn a_port_that_fails_after_its_time_delays_the_others_by_it_and_only_once() {
    let (manager, host, _agent) = converged([1]).await;
    // As a port whose namespace is on a file system that does not answer: later tries are refused at once.
    host.fail_if(|_, action| is_plug(action, 2));
    take_once(&host, 2, SECOND);

    let start = Instant::now();
    manager.want([port(2), port(3)]);
    manager.until(|ledger| is_active(ledger, 3)).await;
    assert_eq!(start.elapsed(), SECOND);
    let before = host.counts();
    for number in 10..50 {
        let start = Instant::now();
        manager.want([port(number)]);
        manager.until(|ledger| is_active(ledger, number)).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        time::sleep(SECOND / 4).await; // over many retries
    }
    assert!(host.counts().failed - before.failed >= 4);
    assert!(!is_active(&manager.ledger.lock().unwrap(), 2));
}

#[tokio::test(start_paused = true)]
async fn news_during_an_action_that_takes_its_time_are_followed_when_it_ends() {
    let (manager, host, _agent) = converged([1]).await;
    take_once(&host, 2, SECOND);
    let start = Instant::now();
    manager.want([port(2)]);
    time::sleep(SECOND / 10).await;
    manager.want([port(3)]);
    manager.release(1);

    manager.until_all_active().await;
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(manager.ledger.lock().unwrap().unplugged, [id(1)]);
    assert_eq!(host.state(), manager.desired());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_given_up_and_what_it_did_is_looked_at() {
    let (manager, host, _agent) = converged([1]).await;
    take_once(&host, 2, HOST_TIMEOUT * 100);
    let before = host.counts();
    manager.want([port(2)]);
    time::sleep(HOST_TIMEOUT + SECOND).await;

    let counts = host.counts();
    assert_eq!((counts.observed - before.observed, counts.failed), (1, before.failed));
    assert!(is_active(&manager.ledger.lock().unwrap(), 2), "it was plugged after all");
    assert_eq!(host.state(), manager.desired());
}
