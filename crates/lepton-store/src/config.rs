//! Where the ledger is and how it is served.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use lepton_types::{Amounts, Limit};

use crate::checkpoint::Copying;

/// Where the ledger is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// In this process only, gone when it ends: for tests and simulation.
    Memory,
    /// In a SQLite file.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, by URL.
    Postgres(String),
}

/// A text that names no database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no database (expected sqlite:/path/to/ledger.db or postgres://user@host/database)")]
pub struct DatabaseError(String);

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Where the ledger is.
    pub database: Database,
    /// Most commands that wait to be decided; one more is refused.
    pub queue_limit: usize,
    /// Most commands that one transaction carries.
    pub batch_limit: usize,
    /// How long to try to reach the database before giving up, at start and for each batch.
    pub connect_timeout: Duration,
    /// What projects may have whose limits nobody has set.
    pub default_limits: Amounts<Limit>,
    /// When SQLite's log is copied into its file.
    pub copying: Copying,
}

impl StoreConfig {
    /// The usual way to open a database.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            queue_limit: 4096,
            batch_limit: 256,
            connect_timeout: Duration::from_secs(5),
            default_limits: Amounts::DEFAULT,
            copying: Copying::DEFAULT,
        }
    }
}

impl FromStr for Database {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        let error = || DatabaseError(masked(text));
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(error()) } else { Ok(Self::Sqlite(path.into())) };
        }
        let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_postgres { Ok(Self::Postgres(text.to_owned())) } else { Err(error()) }
    }
}

impl fmt::Display for Database {
    /// The database's URL without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL of a PostgreSQL database, in the form that the driver reads. To libpq a user without a host,
/// `postgres://user@/database?host=/var/run/postgresql`, is one who uses a unix socket; to those who read URLs it is a mistake.
/// So the user and the password become parameters, and the port too.
pub fn postgres_url(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?)));
    let Some((scheme, (authority, path))) = parts else { return url.to_owned() };
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let Some(port) = host.strip_prefix(':').or_else(|| host.is_empty().then_some("")) else {
        return url.to_owned();
    };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let given = [("user", user), ("password", password), ("port", port)];
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    // Before the host both stand for themselves; among parameters they mean a space, and the next one.
    let encoded = |value: &str| value.replace('+', "%2B").replace('&', "%26");
    let given: Vec<_> = given.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    // What the URL says as parameters comes later, and counts.
    let (path, parameters) = path.split_once('?').unwrap_or((path, ""));
    let parameters = given.into_iter().chain((!parameters.is_empty()).then(|| parameters.to_owned()));
    format!("{scheme}:///{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// The URL with `***` for its password, both before the host and as a parameter.
fn masked(url: &str) -> String {
    let (url, parameters) = url.split_once('?').unwrap_or((url, ""));
    let masked = match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => match url[scheme + 3..at].split_once(':') {
            Some((user, _)) => format!("{}{user}:***{}", &url[..scheme + 3], &url[at..]),
            None => url.to_owned(),
        },
        _ => url.to_owned(),
    };
    if parameters.is_empty() {
        return masked;
    }
    let mask =
        |pair: &str| if pair.starts_with("password=") { "password=***".into() } else { pair.to_owned() };
    let parameters: Vec<_> = parameters.split('&').map(mask).collect();
    format!("{masked}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for url in ["postgres://lepton:secret@db/lepton", "postgres://db/lepton?user=lepton&password=secret"]
        {
            let shown = url.parse::<Database>().unwrap().to_string();
            assert!(!shown.contains("secret") && shown.contains("***"), "{shown}");
        }
    }

    #[test]
    fn a_user_without_a_host_is_one_of_a_unix_socket_as_libpq_has_it() {
        for (url, read) in [
            ("postgres://u@/db?host=/run/pg", "postgres:///db?user=u&host=/run/pg"),
            ("postgres://u:s%40c@/db?host=/run/pg", "postgres:///db?user=u&password=s%40c&host=/run/pg"),
            ("postgres://u:s+c&d=e@/db", "postgres:///db?user=u&password=s%2Bc%26d=e"),
            ("postgresql://u@:5433/db", "postgresql:///db?user=u&port=5433"),
            ("postgres://u@/", "postgres:///?user=u"),
        ] {
            assert_eq!(postgres_url(url), read);
        }
        for url in [
            "postgres://u:p@db:5433/lepton?sslmode=require",
            "postgres:///db?host=/run/pg",
            "postgres://u@db",
        ] {
            assert_eq!(postgres_url(url), url);
        }
        let shown = "postgres://u:secret@/db?host=/run/pg".parse::<Database>().unwrap().to_string();
        assert_eq!(shown, "postgres://u:***@/db?host=/run/pg");
    }

    #[test]
    fn urls_round_trip() {
        for url in [
            "sqlite:/var/lib/lepton/ledger.db",
            "postgres://lepton@db:5432/lepton?sslmode=require",
            "memory:",
        ] {
            assert_eq!(url.parse::<Database>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "sqlite:", "mysql://db/lepton", "/var/lib/lepton/ledger.db"] {
            assert!(text.parse::<Database>().is_err(), "{text:?}");
        }
    }
}
