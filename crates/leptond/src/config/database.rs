//! [`DatabaseUrl`]: where the ledger is, without ever showing the password that may be in it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

/// What stands where a password was.
const MASK: &str = "****";

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The embedded database, in this file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A `postgres:` URL; shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

/// A text that is not a database URL. It does not repeat the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a database URL: {problem} (expected sqlite:/path/to/file or postgres://user:password@host/database)"
)]
pub struct DatabaseUrlError {
    problem: &'static str,
}

impl PostgresUrl {
    /// The whole URL, password included, for the driver and nobody else.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let error = |problem| DatabaseUrlError { problem };
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.contains(['?', '\0']) {
                Err(error("the path of the file has a character that it may not have"))
            } else if Path::new(path).is_absolute() && !path.ends_with('/') {
                Ok(Self::Sqlite(path.into()))
            } else {
                Err(error("the path of the file is not absolute"))
            };
        }
        let url = Url::parse(text).map_err(|_| error("it cannot be parsed"))?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(Self::Postgres(PostgresUrl(url))),
            _ => Err(error("its scheme is neither sqlite nor postgres")),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(out, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(out),
        }
    }
}

impl fmt::Display for PostgresUrl {
    /// The URL with a mask for every password, in its authority or its query (libpq §34.1.1.2).
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() {
            shown.set_password(Some(MASK)).map_err(|()| fmt::Error)?;
        }
        if let Some(query) = self.0.query() {
            let masked: Vec<_> = query.split('&').map(masked).collect();
            shown.set_query(Some(&masked.join("&")));
        }
        shown.fmt(out)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// `password=****` for `password=secret` and `sslpassword=secret`; everything else as it is.
fn masked(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") || name.contains('%') => {
            format!("{name}={MASK}")
        }
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_files_are_named_by_absolute_paths() {
        for text in ["sqlite:/var/lib/lepton/lepton.db", "sqlite:///var/lib/lepton/lepton.db"] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url, DatabaseUrl::Sqlite("/var/lib/lepton/lepton.db".into()));
            assert_eq!(url.to_string(), "sqlite:/var/lib/lepton/lepton.db");
        }
        for text in ["sqlite:", "sqlite:lepton.db", "sqlite:/", "sqlite::memory:", "sqlite:/a?mode=rwc"] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_no_urls_are_refused_without_repeating_them() {
        for text in ["mysql://root:secret@db/lepton", "secret", "postgres:secret@:@:", "/var/lib/secret.db"] {
            if let Err(error) = text.parse::<DatabaseUrl>() {
                assert!(!error.to_string().contains("secret"), "{error}");
            } else {
                assert!(text.starts_with("postgres"), "{text}");
            }
        }
    }

    #[test]
    fn passwords_are_used_but_never_shown() {
        for text in [
            "postgres://lepton:secret@db/lepton",
            "postgresql://lepton@db/lepton?sslmode=require&password=secret",
            "postgres://db/lepton?%70assword=secret",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("secret"), "{url}");
            let DatabaseUrl::Postgres(url) = url else { panic!("{url}") };
            assert_eq!(url.expose(), text);
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        let text = "postgres://lepton@db:5433/lepton?sslmode=require";
        assert_eq!(text.parse::<DatabaseUrl>().unwrap().to_string(), text);
    }
}
