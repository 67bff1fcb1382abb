//! The private server, with real processes: it answers, it comes back, and nothing of it stays.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    panic,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lepton_testkit::{Durability, PostgresError, PrivatePostgres};

/// What `psql` answers, or what it complains of.
fn query(url: &str, sql: &str) -> Result<String, String> {
    let asked = Command::new("psql")
        .args(["--no-psqlrc", "-qAt", "-c", sql, url])
        .output()
        .expect("psql is installed with the server");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if asked.status.success() { Ok(text(&asked.stdout)) } else { Err(text(&asked.stderr)) }
}

/// The server's main process.
fn server_id(directory: &Path) -> String {
    let file = fs::read_to_string(directory.join("data/postmaster.pid")).expect("a running server has it");
    file.lines().next().expect("its first line is the process id").to_owned()
}

fn is_alive(process: &str) -> bool {
    Path::new("/proc").join(process).exists()
}

#[test]
fn it_answers_on_its_socket_alone() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.url();
    assert_eq!(query(&url, "select 6 * 7").unwrap(), "42");
    assert_eq!(query(&url, "show listen_addresses").unwrap(), "");
    assert_eq!(query(&url, "show fsync").unwrap(), "off");
    assert_eq!(query(&url, "show server_encoding").unwrap(), "UTF8");
}

#[test]
fn with_durability_a_commit_waits_for_the_disk() {
    let postgres = PrivatePostgres::start(Durability::On).unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(query(&postgres.url(), &format!("show {setting}")).unwrap(), "on");
    }
}

#[test]
fn each_database_is_empty_and_on_its_own() {
    let postgres = PrivatePostgres::shared().unwrap();
    let (left, right) =
        (postgres.create_database("left_1").unwrap(), postgres.create_database("right_1").unwrap());
    query(&left, "create table only_here (id int)").unwrap();
    assert!(query(&right, "select * from only_here").unwrap_err().contains("does not exist"));
    assert!(matches!(postgres.create_database("left_1"), Err(PostgresError::Program { .. })));
    for name in ["", "Upper", "a b", "a'b"] {
        assert!(matches!(postgres.create_database(name), Err(PostgresError::DatabaseName(_))), "{name:?}");
    }
}

#[test]
fn what_was_committed_survives_a_stop_and_a_crash() {
    let mut postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    query(&url, "create table kept (id int)").unwrap();
    for (id, end) in [(1, PrivatePostgres::stop as fn(&mut _) -> _), (2, PrivatePostgres::crash)] {
        query(&url, &format!("insert into kept values ({id})")).unwrap();
        end(&mut postgres).unwrap();
        assert!(query(&url, "select 1").is_err(), "nothing listens");
        postgres.start_again().unwrap();
        postgres.start_again().unwrap();
        assert_eq!(query(&url, "select count(*) from kept").unwrap(), id.to_string());
    }
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let mut postgres = PrivatePostgres::start(Durability::Off).unwrap();
    postgres.pause().unwrap();
    let mut waiting = Command::new("psql");
    let waiting =
        waiting.args(["-qAt", "-c", "select 1", &postgres.url()]).stdout(Stdio::piped()).spawn().unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", server_id(postgres.directory()))).unwrap();
    assert!(status.contains("State:\tT (stopped)"), "{status}");
    postgres.resume().unwrap();
    assert_eq!(waiting.wait_with_output().unwrap().stdout, b"1\n");
}

#[test]
fn dropping_it_leaves_nothing_behind() {
    for prepare in [|_: &mut _| Ok(()), PrivatePostgres::pause, PrivatePostgres::stop, PrivatePostgres::crash]
    {
        let mut postgres = PrivatePostgres::start(Durability::Off).unwrap();
        let (directory, server) = (postgres.directory().to_owned(), server_id(postgres.directory()));
        prepare(&mut postgres).unwrap();
        drop(postgres);
        assert!(!is_alive(&server) && !directory.exists(), "{directory:?}");
    }
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let result = panic::catch_unwind(|| {
        let postgres = PrivatePostgres::start(Durability::Off).unwrap();
        let found = (postgres.directory().to_owned(), server_id(postgres.directory()));
        panic::panic_any(found);
    });
    let (directory, server) = *result.unwrap_err().downcast::<(PathBuf, String)>().unwrap();
    assert!(!is_alive(&server) && !directory.exists());
}

/// The test runs itself as a second process, which shares a server in a `static` and is killed.
#[test]
fn a_killed_process_leaves_nothing_behind() {
    const NAME: &str = "a_killed_process_leaves_nothing_behind";
    const VICTIM: &str = "LEPTON_TESTKIT_VICTIM";
    if env::var_os(VICTIM).is_some() {
        let postgres = PrivatePostgres::shared().unwrap();
        println!("\nserver {} {}", server_id(postgres.directory()), postgres.directory().display());
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let mut victim = Command::new(env::current_exe().unwrap());
    victim
        .args(["--exact", NAME, "--nocapture"])
        .env(VICTIM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut victim = victim.spawn().unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find_map(|line| line.strip_prefix("server ").map(str::to_owned)).unwrap();
    let (server, directory) = line.split_once(' ').unwrap();
    let status = fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    let watchdog = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap();

    victim.kill().unwrap();
    victim.wait().unwrap();
    // The watchdog is nobody's child any more; `tail` can wait for any process.
    let follow = ["20", "tail", "--sleep-interval=0.05", "--follow", "/dev/null", "--pid", watchdog];
    assert!(Command::new("timeout").args(follow).status().unwrap().success(), "the watchdog ends by itself");
    assert!(!is_alive(server) && !Path::new(directory).exists());
}
