//! [`Endpoint`]: where `leptond` listens.

use std::{ffi::OsStr, fmt, str::FromStr};

use clap::{Arg, Command, builder::TypedValueParser};
use serde::Deserialize;
use tonic::transport::Uri;

/// Where `leptond` listens, in the form that was given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Endpoint {
    /// `unix:/run/lepton/lepton.sock`
    Unix(String),
    /// `http://127.0.0.1:9797`
    Http(String),
    /// `https://lepton.example:9797`
    Https(String),
}

/// A text that names no place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    /// It is none.
    #[error("{0:?} is not an endpoint (expected unix:/PATH, http://HOST:PORT or https://HOST:PORT)")]
    NoEndpoint(String),
    /// It says who calls. It is not repeated, for it may hold a password.
    #[error(
        "an endpoint names no user and no password (expected unix:/PATH, http://HOST:PORT or https://HOST:PORT): leptond knows its \
         callers by their certificates, or by their users on a unix socket"
    )]
    NamesUser,
}

/// Reads an endpoint from the command line or the environment. Of what is refused clap repeats the value, which must not be
/// where it may hold a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndpointParser;

impl TypedValueParser for EndpointParser {
    type Value = Endpoint;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Endpoint, clap::Error> {
        let text = value.to_string_lossy();
        let shown = match text.parse::<Endpoint>() {
            Err(EndpointError::NamesUser) => masked(&text).into(),
            Ok(_) | Err(EndpointError::NoEndpoint(_)) => value.to_owned(),
        };
        <Endpoint as FromStr>::from_str.parse_ref(command, arg, &shown)
    }
}

/// The text without what it says of a user.
fn masked(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let host = rest.rsplit('@').next().unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}***@{host}")
}

impl Default for Endpoint {
    /// Where a `leptond` that was not told otherwise listens.
    fn default() -> Self {
        Self::Unix("unix:/run/lepton/lepton.sock".to_owned())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if let Some(path) = text.strip_prefix("unix:") {
            // Three slashes are the URI form of an absolute path.
            let path = path.strip_prefix("//").unwrap_or(path);
            let is_absolute = path.starts_with('/') && path.len() > 1;
            return if is_absolute {
                Ok(Self::Unix(format!("unix:{path}")))
            } else {
                Err(EndpointError::NoEndpoint(text.to_owned()))
            };
        }
        if text.contains('@') {
            return Err(EndpointError::NamesUser);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::NoEndpoint(text.to_owned()))?;
        let is_bare = uri.port().is_some() && matches!(uri.path(), "" | "/") && uri.query().is_none();
        match uri.scheme_str() {
            Some("http") if is_bare => Ok(Self::Http(text.to_owned())),
            Some("https") if is_bare => Ok(Self::Https(text.to_owned())),
            Some(_) | None => Err(EndpointError::NoEndpoint(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unix(text) | Self::Http(text) | Self::Https(text)) = self;
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_round_trips() {
        for text in [
            "unix:/run/lepton/lepton.sock",
            "http://127.0.0.1:9797",
            "https://[::1]:9797",
            "https://lepton:1/",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("unix:///run/x.sock".parse::<Endpoint>().unwrap().to_string(), "unix:/run/x.sock");
    }

    #[test]
    fn who_calls_is_no_part_of_it_and_not_repeated() {
        for text in ["http://user:secret@lepton:1", "https://secret@lepton", "user:secret@lepton:1"] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("names no user") && !error.contains("secret"), "{error}");
        }
        assert!("unix:/run/a@b.sock".parse::<Endpoint>().is_ok());
    }

    #[test]
    fn what_names_no_place_is_refused_with_what_was_given() {
        for text in [
            "",
            "unix:",
            "unix:/",
            "unix:run/x",
            "127.0.0.1:9797",
            "http://lepton",
            "ftp://a:1",
            "http://a:1/x",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
