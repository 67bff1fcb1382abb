//! Where the ledger is and how it is served.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use lepton_types::{Amounts, Limit};

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
