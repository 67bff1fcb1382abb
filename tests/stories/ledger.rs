//! [`Ledger`]: looks behind the API, into the rows.

use std::path::PathBuf;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::daemon::eventually;

/// Where a ledger is.
#[derive(Clone, Debug)]
pub(crate) enum Ledger {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Claims about the rows that must always hold: each counts what is wrong.
const INVARIANTS: [(&str, &str); 6] = [
    (
        "a living instance without its port of position 0",
        "SELECT count(*) FROM instances i WHERE NOT EXISTS (SELECT 1 FROM ports p WHERE p.instance_id = i.id \
         AND p.incarnation = i.incarnation AND p.position = 0)",
    ),
    (
        "a living port without its instance",
        "SELECT count(*) FROM ports p WHERE NOT p.is_released AND NOT EXISTS (SELECT 1 FROM instances i \
         WHERE i.id = p.instance_id AND i.incarnation = p.incarnation)",
    ),
    (
        "a port without an address in a subnet of its network",
        "SELECT count(*) FROM ports p JOIN subnets s ON s.network_id = p.network_id WHERE NOT EXISTS \
         (SELECT 1 FROM fixed_ips f WHERE f.port_id = p.id AND f.subnet_id = s.id)",
    ),
    (
        "an address of a port that is not there",
        "SELECT count(*) FROM fixed_ips f WHERE f.port_id IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM ports p WHERE p.id = f.port_id)",
    ),
    (
        "a port that its host was never told of",
        "SELECT count(*) FROM ports p LEFT JOIN hosts h ON h.id = p.host_id \
         WHERE h.id IS NULL OR p.revision > h.revision",
    ),
    ("a MAC held twice", "SELECT count(*) - count(DISTINCT mac) FROM ports"),
];

impl Ledger {
    /// What a query counts.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "the stories' queries are literals")]
        let query = sqlx::AssertSqlSafe(query.to_owned());
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    pub(crate) async fn instances(&self) -> i64 {
        self.count("SELECT count(*) FROM instances").await
    }

    pub(crate) async fn ports(&self) -> i64 {
        self.count("SELECT count(*) FROM ports").await
    }

    /// Ports of instances that live.
    pub(crate) async fn living_ports(&self) -> i64 {
        self.count("SELECT count(*) FROM ports WHERE NOT is_released").await
    }

    /// What those ports have.
    pub(crate) async fn living_fixed_ips(&self) -> i64 {
        let of_living =
            "SELECT count(*) FROM fixed_ips f JOIN ports p ON p.id = f.port_id WHERE NOT p.is_released";
        self.count(of_living).await
    }

    /// `kill -9` to a process of PostgreSQL's that serves a client.
    pub(crate) async fn kill_a_connection(&self) {
        let query = "SELECT min(pid)::bigint FROM pg_stat_activity \
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        // That of a connection which was closed just now may be gone by then.
        eventually("a connection is killed", async || {
            let process = i32::try_from(self.count(query).await).unwrap();
            kill(Pid::from_raw(process), Signal::SIGKILL).is_ok()
        })
        .await;
    }

    pub(crate) async fn fixed_ips(&self) -> i64 {
        self.count("SELECT count(*) FROM fixed_ips").await
    }

    /// Blocks of addresses in which more is taken than the rules for a subnet reserve.
    pub(crate) async fn busy_blocks(&self) -> i64 {
        let hex = match self {
            Self::Sqlite(_) => "hex(taken)",
            Self::Postgres(_) => "encode(taken, 'hex')",
        };
        self.count(&format!("SELECT count(*) FROM blocks WHERE length(replace({hex}, '0', '')) > 4")).await
    }

    /// Checks that nothing is there by half.
    pub(crate) async fn assert_whole(&self) {
        for (what, query) in INVARIANTS {
            assert_eq!(self.count(query).await, 0, "{what}");
        }
    }
}
