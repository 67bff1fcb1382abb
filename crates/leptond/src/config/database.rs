//! [`DatabaseUrl`]: where the ledger is, as a daemon may be told; never shown with the password that may be in it.

use std::{fmt, str::FromStr};

use lepton_store::Database;
use url::Url;

/// A database whose URL means the same wherever the process was started, and that a driver can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DatabaseUrl(pub(super) Database);

/// A text that is not a database URL. It does not repeat the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (expected sqlite:/path/to/file or postgres://user:password@host/database)")]
pub struct DatabaseUrlError {
    problem: &'static str,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let problem = match text.parse() {
            Err(_) => "this is not a database URL",
            // For tests of the store; a daemon must not forget what it has acknowledged.
            Ok(Database::Memory) => "a ledger in memory does not survive its process",
            Ok(Database::Sqlite(path)) if !path.is_absolute() => "the path of the file is not absolute",
            Ok(Database::Postgres(url)) if Url::parse(&url).is_err() => "the URL cannot be parsed",
            Ok(database) => return Ok(Self(database)),
        };
        Err(DatabaseUrlError { problem })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_files_and_servers() {
        for text in ["sqlite:/var/lib/lepton/lepton.db", "postgres://lepton@db:5433/lepton?sslmode=require"] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_depends_on_the_working_directory_or_is_no_url_is_refused() {
        for text in [
            "",
            "sqlite:",
            "sqlite:lepton.db",
            "sqlite::memory:",
            "memory:",
            "/var/lib/lepton.db",
            "postgres://db:x/lepton",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn passwords_are_neither_shown_nor_repeated() {
        let url: DatabaseUrl = "postgres://lepton:secret@db/lepton".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("secret"), "{url}");
        for text in ["mysql://root:secret@db/lepton", "secret", "postgres://secret:secret@db:x/"] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
