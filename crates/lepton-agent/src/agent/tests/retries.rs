//! What fails is tried again later and later, and costs the others nothing.

use super::*;

/// When a port's device was tried to be plugged.
#[derive(Clone, Default)]
struct Tries(Arc<Mutex<Vec<Instant>>>);

impl Tries {
    /// From now on, plugging port `number` fails on `host`.
    fn of_failing(host: &Host, number: u8) -> Self {
        let tries = Self::default();
        let noted = tries.clone();
        host.fail_if(move |_, action| {
            let is_it = matches!(action, Action::Plug { device: tried, .. } if *tried == device(number));
            if is_it {
                noted.0.lock().unwrap().push(Instant::now());
            }
            is_it
        });
        tries
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The pauses between them.
    fn pauses(&self) -> Vec<Duration> {
        self.0.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// Port 1 plugged, and port 2 failing.
async fn failing() -> (FakeManager, Host, Running, Tries) {
    let (manager, host, agent) = converged([1]).await;
    let tries = Tries::of_failing(&host, 2);
    manager.want([port(2)]);
    manager.until(|ledger| matches!(ledger.statuses.get(&id(2)), Some(PortStatus::Error(_)))).await;
    (manager, host, agent, tries)
}

async fn until_active(manager: &FakeManager, number: u8) {
    manager.until(|ledger| ledger.statuses.get(&id(number)) == Some(&PortStatus::Active)).await;
}

#[tokio::test(start_paused = true)]
async fn while_a_port_fails_the_others_cost_no_look_at_the_host_and_no_try_of_it() {
    let (manager, host, _agent, tries) = failing().await;
    let before = host.counts();
    for number in 10..50 {
        manager.want([port(number)]);
        until_active(&manager, number).await;
    }
    assert_eq!((host.counts().observed, host.counts().looked_at), (before.observed, before.looked_at));
    assert_eq!(tries.count(), 1);
    let words = PortStatus::Error(format!("cannot plug {}: {}", device(2), Host::WORDS));
    assert_eq!(manager.ledger.lock().unwrap().statuses[&id(2)], words);

    host.heal();
    manager.until_all_active().await;
    assert_eq!(host.counts().observed, before.observed, "a retry looks at what failed and at nothing else");
    assert_eq!(host.state(), manager.desired());
}

#[tokio::test(start_paused = true)]
async fn a_port_that_keeps_failing_is_tried_later_and_later() {
    let (_manager, host, _agent, tries) = failing().await;
    let before = host.counts();
    time::sleep(Duration::from_secs(5)).await;
    let pauses = tries.pauses();
    assert!((4..=7).contains(&pauses.len()), "{pauses:?}");
    // Each is between a half and the whole of twice the one before.
    assert!(pauses.is_sorted() && pauses[0] < Duration::from_millis(251), "{pauses:?}");
    assert_eq!(host.counts().observed, before.observed);
    assert_eq!(host.counts().looked_at - before.looked_at, pauses.len() as u64, "one device each time");

    time::sleep(RESYNC * 6).await;
    let longest = tries.pauses().into_iter().max().unwrap();
    assert!(longest > RESYNC / 4 && longest <= RESYNC, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn news_about_others_do_not_put_a_retry_off() {
    let (manager, host, _agent, tries) = failing().await;
    for _ in 0..5000 {
        manager.want([port(3)]);
        time::sleep(Duration::from_millis(1)).await;
    }
    assert!((5..=8).contains(&tries.count()), "{:?}", tries.pauses());
    assert_eq!(host.counts().observed, 1);
}

#[tokio::test(start_paused = true)]
async fn news_about_a_failing_port_are_followed_at_once_and_its_retries_begin_anew() {
    let (manager, _host, _agent, tries) = failing().await;
    while tries.pauses().last().is_none_or(|pause| *pause < Duration::from_secs(1)) {
        time::sleep(Duration::from_millis(1)).await;
    }
    // It has just been tried, and by itself the next try is more than half a second away.
    let (before, start) = (tries.count(), Instant::now());
    let mut moved = port(2);
    moved.addresses = vec![IpAddr::from([10, 0, 0, 99])];
    manager.want([moved]);
    time::sleep(Duration::from_millis(251)).await;
    let times = tries.0.lock().unwrap()[before..].to_vec();
    assert!(times.len() >= 2 && times[0] == start, "{times:?} after {start:?}");
}

#[tokio::test(start_paused = true)]
async fn a_port_that_begins_to_fail_does_not_wait_for_one_that_long_has() {
    let (manager, host, _agent, _tries) = failing().await;
    time::sleep(Duration::from_secs(7)).await;
    let mut is_first = true;
    host.fail_if(move |_, action| {
        let Action::Plug { device: tried, .. } = action else { return false };
        *tried == device(2) || (*tried == device(4) && std::mem::take(&mut is_first))
    });
    let start = Instant::now();
    manager.want([port(4)]);
    until_active(&manager, 4).await;
    assert!(start.elapsed() < Duration::from_millis(251), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_port_on_a_bridge_that_fails_tries_the_bridge_again() {
    let (manager, host, _agent) = converged([1]).await;
    host.fail_if(|_, action| matches!(action, Action::CreateBridge { .. }));
    manager.want([port(2)]);
    manager.until(|ledger| matches!(ledger.statuses.get(&id(2)), Some(PortStatus::Error(_)))).await;
    host.heal();
    let start = Instant::now();
    manager.want([port(4)]);
    until_active(&manager, 4).await;
    assert_eq!(Instant::now(), start);
    manager.until_all_active().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_plug_has_left_is_found_before_the_port_counts_as_gone() {
    let (manager, host, _agent, _tries) = failing().await;
    let left = manager.desired().devices.remove(&device(2)).unwrap();
    host.tamper_unnoticed(|state| drop(state.devices.insert(device(2), left)));

    let start = Instant::now();
    manager.release(2);
    manager.until(|ledger| ledger.unplugged == [id(2)]).await;
    assert_eq!(Instant::now(), start, "it does not wait for the port's retry");
    assert!(!host.state().devices.contains_key(&device(2)));
    assert_eq!(host.state(), manager.desired());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_done_is_not_tried_any_more() {
    let (manager, host, _agent, tries) = failing().await;
    let done = manager.desired().devices.remove(&device(2)).unwrap();
    host.tamper(|state| drop(state.devices.insert(device(2), done)));
    manager.until_all_active().await;
    let before = host.counts();
    time::sleep(RESYNC / 2).await;
    assert_eq!((host.counts(), tries.count()), (before, 1));
}

#[tokio::test(start_paused = true)]
async fn a_filter_does_not_wait_for_the_device_that_fails() {
    let (manager, host, _agent, tries) = failing().await;
    let before = host.counts().observed;
    host.tamper(|state| drop(state.filters.remove(&device(2))));
    time::sleep(Duration::from_millis(1)).await;
    assert!(host.state().filters.contains_key(&device(2)));
    assert_eq!((host.counts().observed, tries.count()), (before + 1, 1));
    assert_eq!(manager.ledger.lock().unwrap().statuses[&id(1)], PortStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_changes_all_the_time_is_looked_at_ten_times_a_second() {
    let (_manager, host, _agent) = converged([1]).await;
    let before = host.counts().observed;
    for _ in 0..1000 {
        host.tamper(|state| state.is_filtering = false);
        time::sleep(Duration::from_millis(1)).await;
    }
    let looks = host.counts().observed - before;
    assert!((9..=11).contains(&looks), "{looks}");
    time::sleep(Duration::from_millis(100)).await;
    assert!(host.state().is_filtering);
}
