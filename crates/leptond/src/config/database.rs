//! [`DatabaseUrl`]: where the ledger is, as a daemon may be told; never shown with the password that may be in it.

use std::{fmt, net::IpAddr, str::FromStr};

use lepton_store::{Database, postgres_url};
use url::Url;

/// How TLS may be asked for, as libpq has it.
const TLS_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

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
            Ok(Database::Postgres(url)) => match problem_of_server(&url) {
                Some(problem) => problem,
                None => return Ok(Self(Database::Postgres(url))),
            },
            Ok(database) => return Ok(Self(database)),
        };
        Err(DatabaseUrlError { problem })
    }
}

/// What the driver would refuse of a server's URL.
fn problem_of_server(url: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(&postgres_url(url)) else { return Some("the URL cannot be parsed") };
    let refused = |(key, value): (&str, &str)| match key {
        "sslmode" | "ssl-mode" if !TLS_MODES.contains(&value) => {
            Some("sslmode is not disable, allow, prefer, require, verify-ca or verify-full")
        }
        "port" if value.parse::<u16>().is_err() => Some("port is not a number from 0 to 65535"),
        "hostaddr" if value.parse::<IpAddr>().is_err() => Some("hostaddr is not an IP address"),
        "statement-cache-capacity" if value.parse::<usize>().is_err() => {
            Some("statement-cache-capacity is not a number")
        }
        _ => None,
    };
    url.query_pairs().find_map(|(key, value)| refused((&key, &value)))
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
        for text in [
            "sqlite:/var/lib/lepton/lepton.db",
            "postgres://lepton@db:5433/lepton?sslmode=require",
            "postgres://lepton@/lepton?host=/var/run/postgresql",
            "postgres://db/lepton?ssl-mode=verify-full&port=5433&hostaddr=fd00::1&sslrootcert=/etc/ca.pem",
        ] {
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
            "postgres://lepton@db/lepton?sslmode=bogus",
            "postgres://lepton@db/lepton?port=x",
            "postgres://lepton@db/lepton?hostaddr=db",
            "postgres://lepton@db/lepton?statement-cache-capacity=-1",
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
