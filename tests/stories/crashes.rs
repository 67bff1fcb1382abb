//! `kill -9` at random moments under load: of `leptond`, of PostgreSQL, and of one manager after the other.

use std::time::Duration;

use lepton_proto::v1::{AuditLedgerRequest, audits_client::AuditsClient};
use lepton_testkit::{Durability, PrivatePostgres};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tonic::transport::Channel;

use crate::{
    daemon::{Client, PATIENCE, Place, eventually},
    fleet::{Caller, Held},
    ledger::Ledger,
    words::network,
};

/// How often something is killed in each story.
const KILLS: usize = 200;
/// Callers at once.
const CALLERS: u64 = 16;
/// The pause before a request that was not answered is made again.
const PAUSE: Duration = Duration::from_millis(10);

#[tokio::test]
async fn leptond_is_killed_200_times_on_sqlite_and_nothing_acknowledged_is_lost() {
    let place = Place::with_fake_host();
    let mut daemon = place.start().await;
    let mut siege = Siege::begin(&place, place.ledger(), 20_261_130).await;
    for round in 0..KILLS {
        siege.work_until(async || daemon.kill().await).await;
        if round % 4 == 0 {
            siege.kill_at_its_start().await;
        }
        daemon = place.start().await;
        siege.assert_nothing_is_lost().await;
    }
    siege.end().await;
    daemon.stop().await;
}

#[tokio::test]
async fn leptond_and_postgresql_are_killed_200_times_and_nothing_acknowledged_is_lost() {
    let mut postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    let place = Place::new(&[("agent.backend", "fake"), ("database.url", &url)]);
    let ledger = Ledger::Postgres(url);
    let mut daemon = place.start().await;
    let mut siege = Siege::begin(&place, ledger.clone(), 20_261_201).await;
    for round in 0..KILLS {
        match round % 4 {
            0 => {
                siege
                    .work_until(async || {
                        postgres.crash().unwrap();
                        postgres.start_again().unwrap();
                    })
                    .await;
            }
            // PostgreSQL then ends all its connections, since what they share may be broken.
            1 => siege.work_until(async || ledger.kill_a_connection().await).await,
            other => {
                siege.work_until(async || daemon.kill().await).await;
                if other == 2 {
                    siege.kill_at_its_start().await;
                }
                daemon = place.start().await;
            }
        }
        siege.assert_nothing_is_lost().await;
    }
    siege.end().await;
    daemon.stop().await;
}

/// A daemon that many callers use while it is killed again and again.
struct Siege<'a> {
    place: &'a Place,
    ledger: Ledger,
    random: StdRng,
    channel: Channel,
    /// Each with its own connection.
    callers: Vec<(Caller, Client)>,
    held: Held,
}

/// How far the callers have come.
#[derive(Default)]
struct Progress {
    answered: usize,
    is_over: bool,
}

impl<'a> Siege<'a> {
    async fn begin(place: &'a Place, ledger: Ledger, seed: u64) -> Self {
        let channel = place.channel().await;
        two_networks(&mut Client::new(channel.clone())).await;
        let (held, mut callers) = (Held::default(), Vec::new());
        for number in 0..CALLERS {
            callers.push((Caller::new(number, &held), place.client().await));
        }
        Self { place, ledger, random: StdRng::seed_from_u64(seed), channel, callers, held }
    }

    /// Lets the callers work, kills at a random moment, and waits until they have noticed.
    async fn work_until(&mut self, kill: impl AsyncFnOnce()) {
        let enough = self.random.random_range(0..60);
        let moment = Duration::from_micros(self.random.random_range(0..5_000));
        let (progress, mut told) = watch::channel(Progress::default());
        let mut work = JoinSet::new();
        for (mut caller, mut client) in self.callers.drain(..) {
            let progress = progress.clone();
            work.spawn(async move {
                while !progress.borrow().is_over && caller.step(&mut client).await.is_ok() {
                    progress.send_modify(|progress| progress.answered += 1);
                }
                (caller, client)
            });
        }
        told.wait_for(|progress| progress.answered >= enough).await.unwrap();
        sleep(moment).await;
        kill().await;
        progress.send_modify(|progress| progress.is_over = true);
        self.callers = work.join_all().await;
    }

    /// Starts a daemon and kills it at any moment of its start, or soon after.
    async fn kill_at_its_start(&mut self) {
        let daemon = self.place.spawn(&[]);
        sleep(Duration::from_millis(self.random.random_range(0..400))).await;
        daemon.kill().await;
        self.place.forget_notifications();
    }

    /// Checks that what was acknowledged is there, that what was not is there once in whole when it is asked for again, and that
    /// nothing else is there.
    async fn assert_nothing_is_lost(&mut self) {
        let mut work = JoinSet::new();
        for (mut caller, mut client) in self.callers.drain(..) {
            work.spawn(async move {
                let patience = Instant::now() + PATIENCE;
                while let Err(status) = caller.look_at_all(&mut client).await {
                    assert!(Instant::now() < patience, "never answered: {status}");
                    sleep(PAUSE).await;
                }
                (caller, client)
            });
        }
        self.callers = work.join_all().await;
        let alive = self.callers.iter().map(|(caller, _)| caller.alive()).sum();
        assert_is_all(&self.ledger, alive, &self.held).await;
        assert_audit_finds_nothing(&self.channel).await;
    }

    /// Kills what lives; nothing may be left.
    async fn end(self) {
        let answered: usize = self.callers.iter().map(|(caller, _)| caller.answered).sum();
        println!("{answered} answers");
        for (mut caller, mut client) in self.callers {
            caller.kill_all(&mut client).await.unwrap();
        }
        assert_nothing_is_left(&self.ledger, &self.channel).await;
    }
}

/// How long managers are killed, one a second.
const SECONDS: u64 = 20;

#[tokio::test]
async fn of_three_managers_one_is_killed_every_second_and_64_callers_lose_nothing() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    let places = ["host-a", "host-b", "host-c"]
        .map(|host| Place::new(&[("agent.backend", "fake"), ("database.url", &url), ("host", host)]));
    let ledger = Ledger::Postgres(url);
    let mut daemons = Vec::new();
    for place in &places {
        daemons.push(place.start().await);
    }
    two_networks(&mut places[0].client().await).await;

    let (held, is_over) = (Held::default(), watch::Sender::new(false));
    let mut work = JoinSet::new();
    for number in 0..64 {
        let mut clients = Vec::new();
        for place in &places {
            clients.push(place.client().await);
        }
        work.spawn(ask_whoever_answers(Caller::new(number, &held), clients, is_over.subscribe()));
    }
    let mut random = StdRng::seed_from_u64(20_261_202);
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..SECONDS {
        seconds.tick().await;
        let victim = random.random_range(0..places.len());
        daemons.remove(victim).kill().await;
        daemons.insert(victim, places[victim].start().await);
    }
    is_over.send_replace(true);
    let callers = work.join_all().await;

    let answered: usize = callers.iter().map(|(caller, _)| caller.answered).sum();
    println!("{answered} answers, at most {:?} tries", callers.iter().map(|(_, tries)| tries).max());
    let alive = callers.iter().map(|(caller, _)| caller.alive()).sum();
    assert_is_all(&ledger, alive, &held).await;
    let channel = places[0].channel().await;
    assert_audit_finds_nothing(&channel).await;
    let mut client = Client::new(channel.clone());
    for (mut caller, _) in callers {
        caller.look_at_all(&mut client).await.unwrap();
        caller.kill_all(&mut client).await.unwrap();
    }
    assert_nothing_is_left(&ledger, &channel).await;
    for daemon in daemons {
        daemon.stop().await;
    }
}

/// Most tries of a request: each manager is asked twice, and two of them are always there.
const MOST_TRIES: usize = 6;

/// Makes requests of one manager after the other, each until it is answered; answers with how many tries one took at most.
async fn ask_whoever_answers(
    mut caller: Caller,
    mut clients: Vec<Client>,
    is_over: watch::Receiver<bool>,
) -> (Caller, usize) {
    let (mut tries, mut most) = (0, 0);
    let mut managers = (0..clients.len()).cycle();
    while !*is_over.borrow() || tries > 0 {
        let manager = managers.next().unwrap();
        match caller.step(&mut clients[manager]).await {
            Ok(()) => tries = 0,
            Err(status) => {
                tries += 1;
                assert!(tries < MOST_TRIES, "not answered after {tries} tries: {status}");
                most = most.max(tries);
                sleep(PAUSE).await;
            }
        }
    }
    (caller, most + 1)
}

/// The networks of the callers' instances: two vNICs, three addresses.
async fn two_networks(client: &mut Client) {
    network(client, "blue", &["10.1.0.0/20", "fd00:1::/64"]).await;
    network(client, "green", &["10.2.0.0/20"]).await;
}

/// Checks that the ledger has these instances in whole, and no other.
async fn assert_is_all(ledger: &Ledger, alive: usize, held: &Held) {
    ledger.assert_whole().await;
    assert_eq!(ledger.instances().await, i64::try_from(alive).unwrap());
    assert_eq!(ledger.living_ports().await, i64::try_from(alive * 2).unwrap());
    assert_eq!(ledger.living_fixed_ips().await, i64::try_from(alive * 3).unwrap());
    assert_eq!(held.count(), alive * 3);
}

async fn assert_audit_finds_nothing(channel: &Channel) {
    let mut audits = AuditsClient::new(channel.clone());
    let mut page_token = String::new();
    loop {
        let page = audits.audit_ledger(AuditLedgerRequest { page_token }).await.unwrap().into_inner();
        assert!(page.findings.is_empty(), "{:?}", page.findings);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return;
        }
    }
}

/// Waits until every host has unplugged what it had; then no address may be taken.
async fn assert_nothing_is_left(ledger: &Ledger, channel: &Channel) {
    eventually("every port is unplugged and every address free", async || {
        ledger.ports().await == 0 && ledger.fixed_ips().await == 0
    })
    .await;
    assert_eq!(ledger.busy_blocks().await, 0);
    assert_audit_finds_nothing(channel).await;
}
