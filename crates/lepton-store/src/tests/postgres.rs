//! A PostgreSQL server that is not there, goes away, or comes back.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use lepton_ledger::{Command, CreateNetworks, GetInstanceNwInfo, Scope};
use lepton_testkit::{Durability, LossyPostgres, PrivatePostgres};
use lepton_types::NetworkInfo;
use sqlx::{Connection, PgConnection};
use tokio::io::AsyncWriteExt;

use super::{
    harness::{
        Kind, Subject, allocation, deallocation, envelope, fixed_ips, fresh_database, instance, network,
        subnet, tell,
    },
    sound::assert_sound,
};
use crate::{Database, Store, StoreConfig, StoreError, SubmitError};

/// How long stores try to reach a server in tests that wait for them to give up.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long stores try in tests where they must not give up, on a busy machine.
const ENDURANCE: Duration = Duration::from_secs(60);

async fn on_private_server(patience: Duration) -> (PrivatePostgres, Subject) {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let mut config = StoreConfig::new(Database::Postgres(postgres.create_database("ledger").unwrap()));
    config.connect_timeout = patience;
    let subject = Subject::with(Kind::Postgres, config, tempfile::tempdir().unwrap()).await;
    (postgres, subject)
}

fn is_unavailable<T>(outcome: &Result<T, SubmitError>) -> bool {
    matches!(outcome, Err(SubmitError::Store(StoreError::Unavailable(_))))
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_a_clear_error_in_time() {
    let mut postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let mut config = StoreConfig::new(Database::Postgres(postgres.create_database("ledger").unwrap()));
    config.connect_timeout = PATIENCE;
    postgres.stop().unwrap();
    let started = Instant::now();
    let error = Store::open(&config, Arc::new(())).await.unwrap_err();
    assert!(started.elapsed() < PATIENCE * 10, "{:?}", started.elapsed());
    let shown = error.to_string();
    assert!(matches!(error, StoreError::Open { may_pass: true, .. }), "{shown}");
    assert!(shown.contains("No such file or directory") || shown.contains("refused"), "{shown}");

    postgres.start_again().unwrap();
    postgres.pause().unwrap();
    let error = Store::open(&config, Arc::new(())).await.unwrap_err();
    assert!(error.to_string().contains("no answer within"), "{error}");
    postgres.resume().unwrap();
    Store::open(&config, Arc::new(())).await.unwrap().close().await;
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named_at_once() {
    let url = PrivatePostgres::shared().unwrap().url();
    let (server, _) = url.rsplit_once('/').unwrap();
    let nobodys = url.replace("postgres://postgres@", "postgres://nobody@");
    for (url, ending) in [
        (format!("{server}/nowhere"), "database \"nowhere\" does not exist; create it, or name another one"),
        (nobodys, "role \"nobody\" does not exist; see the user and the password that its URL names"),
    ] {
        let config = StoreConfig::new(Database::Postgres(url));
        let started = Instant::now();
        let error = Store::open(&config, Arc::new(())).await.unwrap_err();
        assert!(matches!(error, StoreError::Open { may_pass: false, .. }), "{error:?}");
        assert!(error.to_string().ends_with(ending), "{error}");
        assert!(started.elapsed() < config.connect_timeout, "no use in waiting");
    }
    let config = StoreConfig::new(Database::Postgres("postgres://:not a port/".into()));
    assert!(matches!(Store::open(&config, Arc::new(())).await, Err(StoreError::Open { .. })));
}

#[tokio::test]
async fn a_user_who_may_make_no_tables_is_told_the_way_out() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    let mut owner = PgConnection::connect(&url).await.unwrap();
    for sql in ["create role clerk login", "revoke create on schema public from public"] {
        sqlx::query(sql).execute(&mut owner).await.unwrap();
    }
    let config = StoreConfig::new(Database::Postgres(url.replace("//postgres@", "//clerk@")));
    let error = Store::open(&config, Arc::new(())).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { may_pass: false, .. }), "{error:?}");
    let shown = error.to_string();
    assert!(shown.contains("permission denied for schema public; give the user"), "{shown}");
    assert!(shown.contains("GRANT CREATE ON SCHEMA public") && !shown.contains("at line"), "{shown}");
    sqlx::query("grant create on schema public to clerk").execute(&mut owner).await.unwrap();
    Store::open(&config, Arc::new(())).await.unwrap().close().await;
}

#[tokio::test]
async fn another_services_port_is_told_at_once() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = StoreConfig::new(Database::Postgres(format!("postgres://leptond@127.0.0.1:{port}/ledger")));
    let web_server = async {
        let (mut caller, _) = listener.accept().await.unwrap();
        caller.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let started = Instant::now();
    let (opened, ()) = tokio::join!(Store::open(&config, Arc::new(())), web_server);
    let error = opened.unwrap_err();
    assert!(matches!(error, StoreError::Open { may_pass: false, .. }), "{error:?}");
    assert!(error.to_string().ends_with("; see whether PostgreSQL answers at the port that its URL names"));
    assert!(started.elapsed() < config.connect_timeout, "no use in waiting");
}

#[tokio::test]
async fn a_unix_socket_may_be_named_as_libpq_names_it() {
    let url = fresh_database();
    let (server, database) = url.rsplit_once('/').unwrap();
    let (socket, port) = server.strip_prefix("postgres://postgres@").unwrap().rsplit_once(':').unwrap();
    let url = format!("postgres://postgres@/{database}?host={socket}&port={port}");
    Store::open(&StoreConfig::new(Database::Postgres(url)), Arc::new(())).await.unwrap().close().await;
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused_with_a_way_out() {
    let server = PrivatePostgres::shared().unwrap();
    let url = server.url();
    let (site, _) = url.rsplit_once('/').unwrap();
    let open = async |name| {
        let config = StoreConfig::new(Database::Postgres(format!("{site}/{name}")));
        Store::open(&config, Arc::new(())).await
    };
    let libc = "locale_provider libc locale 'C' template template0";
    for (name, encoding) in [("latin", "LATIN1"), ("bytes", "SQL_ASCII")] {
        tell(&server.url(), &format!("create database {name} encoding '{encoding}' {libc}")).await;
        let error = open(name).await.unwrap_err();
        assert!(matches!(error, StoreError::Open { may_pass: false, .. }), "{error:?}");
        let words = format!("its encoding is {encoding}, and the ledger's is UTF8: make one that has it ");
        let way_out = "(CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)";
        assert!(error.to_string().ends_with(&(words + way_out)), "{error}");
    }
    tell(&server.url(), "create database whole encoding 'UTF8' template template0").await;
    open("whole").await.unwrap().close().await;
}

#[tokio::test]
async fn a_server_that_is_starting_is_waited_for() {
    let mut postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let mut config = StoreConfig::new(Database::Postgres(postgres.create_database("ledger").unwrap()));
    config.connect_timeout = ENDURANCE;
    postgres.stop().unwrap();
    let starting = tokio::task::spawn_blocking(move || {
        postgres.start_again().unwrap();
        postgres
    });
    let opened = Store::open(&config, Arc::new(())).await;
    let _postgres = starting.await.unwrap();
    opened.unwrap().close().await;
}

#[tokio::test]
async fn a_server_that_stops_is_unavailable_until_it_is_back() {
    let (mut postgres, subject) = on_private_server(PATIENCE).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    let first = subject.allocate(1).await.unwrap();

    postgres.stop().unwrap();
    let outcomes = join_all((2..10).map(|number| subject.allocate(number))).await;
    assert!(outcomes.iter().all(is_unavailable), "{outcomes:?}");
    let asked =
        subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }).await;
    assert!(is_unavailable(&asked), "{asked:?}");
    assert!(subject.store().forget_requests(Duration::ZERO).await.is_err());

    postgres.start_again().unwrap();
    let next = subject.allocate(2).await.unwrap();
    assert_eq!(fixed_ips(&next), ["10.1.0.3"], "what was unavailable has left nothing");
    assert_eq!(
        subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything })
            .await
            .unwrap(),
        first
    );
    assert_sound(&subject.dump().await);
}

const END_SESSIONS: &str =
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'leptond'";

/// It runs and answers, but lets the ledger's user in no more, and ends the sessions that there are.
#[tokio::test]
async fn a_server_that_lets_nobody_in_any_more_is_unavailable_until_it_does() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    tell(&postgres.url(), "create role clerk login superuser").await;
    let url = postgres.create_database("ledger").unwrap().replace("//postgres@", "//clerk@");
    let mut config = StoreConfig::new(Database::Postgres(url));
    config.connect_timeout = PATIENCE;
    let subject = Subject::with(Kind::Postgres, config, tempfile::tempdir().unwrap()).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();

    for (number, close, words, open) in [
        (
            2,
            "alter database ledger allow_connections false",
            "is not currently accepting connections",
            "alter database ledger allow_connections true",
        ),
        (3, "alter role clerk nologin", "is not permitted to log in; see the user", "alter role clerk login"),
        (
            4,
            "alter role clerk rename to gone",
            "role \"clerk\" does not exist; see the user",
            "alter role gone rename to clerk",
        ),
    ] {
        tell(&postgres.url(), close).await;
        tell(&postgres.url(), END_SESSIONS).await;
        let question = GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything };
        let (outcomes, asked) = tokio::join!(
            join_all((number..number + 3).map(|number| subject.allocate(number))),
            subject.store().ask(question),
        );
        assert!(outcomes.iter().all(is_unavailable) && is_unavailable(&asked), "{outcomes:?} {asked:?}");
        let told = asked.unwrap_err().to_string();
        assert!(told.contains(words), "{told}");

        tell(&postgres.url(), open).await;
        subject.allocate(number).await.unwrap();
    }
    assert_sound(&subject.dump().await);
}

/// Every connection of the pool is dead, and nobody notices before it is used.
#[tokio::test]
async fn a_server_that_was_restarted_between_two_calls_goes_unnoticed() {
    let (mut postgres, subject) = on_private_server(ENDURANCE).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    for (number, end) in [(1, PrivatePostgres::stop as fn(&mut _) -> _), (2, PrivatePostgres::crash)] {
        let asked = join_all((0..4).map(|_| {
            subject.store().ask(GetInstanceNwInfo { instance: instance(9), scope: Scope::Everything })
        }))
        .await;
        assert_eq!(asked.len(), 4);
        end(&mut postgres).unwrap();
        postgres.start_again().unwrap();
        subject.allocate(number).await.unwrap();
        subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(number), scope: Scope::Everything })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_server_that_freezes_is_unavailable_in_time() {
    let (mut postgres, subject) = on_private_server(PATIENCE).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    postgres.pause().unwrap();
    for number in 2..4 {
        let started = Instant::now();
        let (outcome, asked) = tokio::join!(
            subject.allocate(number),
            subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }),
        );
        assert!(is_unavailable(&outcome) && is_unavailable(&asked), "{outcome:?} {asked:?}");
        assert!(started.elapsed() < PATIENCE * 10, "{:?}", started.elapsed());
    }
    postgres.resume().unwrap();
    subject.allocate(9).await.unwrap();
    subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }).await.unwrap();
    assert_sound(&subject.dump().await);
}

/// It freezes while batches are on their way, not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_freezes_in_the_middle_keeps_nobody_waiting() {
    let (mut postgres, subject) = on_private_server(PATIENCE).await;
    subject.network("private", &["10.0.0.0/8"]).await;
    let heard = Heard::default();
    let freezes = async {
        for freeze in 1..=2 {
            while heard.acknowledged.lock().unwrap().len() < freeze * 100 {
                tokio::task::yield_now().await;
            }
            postgres.pause().unwrap();
            let before = heard.unanswered.load(Ordering::Relaxed);
            while heard.unanswered.load(Ordering::Relaxed) < before + 4 {
                tokio::task::yield_now().await;
            }
            postgres.resume().unwrap();
        }
        heard.is_over.store(true, Ordering::Relaxed);
    };
    let callers = join_all((0..4).map(|_| call(&subject, &heard)));
    tokio::join!(freezes, callers);
    let acknowledged = heard.acknowledged.into_inner().unwrap();
    let dump = subject.dump().await;
    assert_sound(&dump);
    assert_eq!(dump.instances.len(), acknowledged.len());
}

/// What a crash test's callers heard.
#[derive(Default)]
struct Heard {
    next: AtomicU64,
    /// How often the store said that the server does not answer.
    unanswered: AtomicU64,
    is_over: AtomicBool,
    acknowledged: Mutex<BTreeMap<u128, NetworkInfo>>,
}

/// Allocates for one instance after the other, repeating under the same request id what got no answer.
async fn call(subject: &Subject, heard: &Heard) {
    while !heard.is_over.load(Ordering::Relaxed) {
        let number = u128::from(heard.next.fetch_add(1, Ordering::Relaxed)) + 1;
        let command = allocation(number, vec![]);
        loop {
            let envelope = envelope("nova", &format!("boot-{number}"), &command);
            match subject.store().submit(command.clone(), envelope).await {
                Ok(info) => {
                    heard.acknowledged.lock().unwrap().insert(number, info.answer);
                    break;
                }
                Err(SubmitError::Store(StoreError::Unavailable(_))) => {
                    heard.unanswered.fetch_add(1, Ordering::Relaxed);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        tokio::task::yield_now().await;
    }
}

/// The commit happens, and nobody hears of it: whether it did, the caller learns by repeating the request.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unavailable_and_its_repetition_is_answered() {
    let server = PrivatePostgres::shared().unwrap();
    server.create_database("lossy").unwrap();
    let lossy = LossyPostgres::to(server).unwrap();
    let config = StoreConfig::new(Database::Postgres(lossy.url_of("lossy")));
    let subject = Subject::with(Kind::Postgres, config, tempfile::tempdir().unwrap()).await;

    let networks = vec![network("private", vec![subnet("10.1.0.0/24"), subnet("fd00:1::/64")])];
    repeats_what_was_lost(&subject, &lossy, "make", CreateNetworks { networks, scope: Scope::Everything })
        .await;
    let info = repeats_what_was_lost(&subject, &lossy, "boot", allocation(1, vec![])).await;
    assert_eq!(fixed_ips(&info)[0], "10.1.0.2");
    let dump = subject.dump().await;
    assert_eq!((dump.networks.len(), dump.ports.len(), dump.fixed_ips.len()), (1, 1, 2));

    let end = deallocation(1);
    let released = repeats_what_was_lost(&subject, &lossy, "end", end).await;
    assert_eq!(released.ports, [info.vifs[0].id]);
    let dump = subject.dump().await;
    assert_eq!((dump.instances.len(), dump.history.instances.len(), dump.requests.len()), (0, 1, 3));
    assert_sound(&dump);
}

/// Makes a request whose commit is not heard of, repeats it, and answers what that was answered.
async fn repeats_what_was_lost<C>(subject: &Subject, lossy: &LossyPostgres, id: &str, command: C) -> C::Answer
where
    C: Command<Answer: Debug> + Clone + Debug,
{
    let submit = || subject.store().submit(command.clone(), envelope("nova", id, &command));
    let lost = lossy.lost();
    lossy.lose_next_commit();
    let outcome = submit().await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(lossy.lost(), lost + 1, "it was the commit that got no answer");
    let reply = submit().await.unwrap();
    assert!(reply.is_repeated, "it is not decided again");
    reply.answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b62_a_crash_under_load_loses_nothing_that_was_acknowledged() {
    let (mut postgres, subject) = on_private_server(ENDURANCE).await;
    subject.create(network("private", vec![subnet("10.0.0.0/8"), subnet("fd00:1::/64")])).await;
    let heard = Heard::default();
    let crashes = async {
        for crash in 1..=3 {
            while heard.acknowledged.lock().unwrap().len() < crash * 200 {
                tokio::task::yield_now().await;
            }
            postgres.crash().unwrap();
            postgres.start_again().unwrap();
        }
        let enough = heard.acknowledged.lock().unwrap().len() + 200;
        while heard.acknowledged.lock().unwrap().len() < enough {
            tokio::task::yield_now().await;
        }
        heard.is_over.store(true, Ordering::Relaxed);
    };
    let callers = join_all((0..32).map(|_| call(&subject, &heard)));
    tokio::join!(crashes, callers);

    let acknowledged = heard.acknowledged.into_inner().unwrap();
    let dump = subject.dump().await;
    assert_sound(&dump);
    assert_eq!(dump.instances.len(), acknowledged.len(), "and nothing is there twice");
    for (number, info) in acknowledged {
        let asked = subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(number), scope: Scope::Everything })
            .await
            .unwrap();
        assert_eq!(asked, info);
    }
}
