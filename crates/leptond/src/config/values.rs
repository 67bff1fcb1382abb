//! The types of the settings: each is parsed once, and what it holds needs no check afterwards.

use std::{fmt, net::SocketAddr, num::NonZeroUsize, str::FromStr};

use lepton_manager::Role;
use lepton_types::Limit;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use url::Url;

mod paths;
#[cfg(test)]
mod tests;
mod words;

pub(super) use paths::AbsolutePath;
pub use paths::{GroupName, SocketMode, SocketPath};
pub use words::{AcceptHosts, Backend, CertificateHosts, LogFormat, Roles};

/// A text that is no value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct ValueError {
    text: String,
    expected: &'static str,
}

impl ValueError {
    pub(super) fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

/// A value that may be absent; written as an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Optional<T>(pub(super) Option<T>);

impl<T: FromStr> FromStr for Optional<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|value| Self(Some(value))) }
    }
}

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(out))
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Switch(pub(super) bool);

impl FromStr for Switch {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse().map(Self).map_err(|_| ValueError::new(text, "true or false"))
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// What callers on this machine are who have no certificate. They cannot be tenants, since nothing names their project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalRole(pub(super) Role);

impl FromStr for LocalRole {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let role = text.parse().ok().filter(|role| *role != Role::Member);
        role.map(Self).ok_or_else(|| {
            ValueError::new(text, "a role without a certificate (admin, compute, agent or reader)")
        })
    }
}

impl fmt::Display for LocalRole {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// An address and port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TcpAddress(pub(super) SocketAddr);

impl FromStr for TcpAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = "an address and port (expected for example 127.0.0.1:9797 or [::1]:9797)";
        text.parse().map(Self).map_err(|_| ValueError::new(text, expected))
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The URL of a collector of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracesEndpoint(Url);

impl FromStr for TracesEndpoint {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || {
            ValueError::new(
                text,
                "the http:// URL of a collector (expected for example http://127.0.0.1:4317)",
            )
        };
        let url: Url = text.parse().map_err(|_| wrong())?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let is_right = url.scheme() == "http" && url.has_host() && is_bare && is_anonymous;
        if is_right { Ok(Self(url)) } else { Err(wrong()) }
    }
}

impl fmt::Display for TracesEndpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// Which part of something is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TracesRatio(pub(super) f64);

impl FromStr for TracesRatio {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Self(ratio)),
            _ => Err(ValueError::new(text, "a number from 0 to 1, such as 0.01")),
        }
    }
}

impl fmt::Display for TracesRatio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// How many requests may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueLimit(pub(super) NonZeroUsize);

impl QueueLimit {
    /// More would only make everybody wait: minutes, at the rate of the fastest disk.
    const MAX: usize = 1_000_000;
}

impl FromStr for QueueLimit {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse::<NonZeroUsize>() {
            Ok(limit) if limit.get() <= Self::MAX => Ok(Self(limit)),
            _ => Err(ValueError::new(text, "a number from 1 to 1000000")),
        }
    }
}

impl fmt::Display for QueueLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// How many connections a listener may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionLimit(pub(super) NonZeroUsize);

impl ConnectionLimit {
    /// As many as one client address has ports; more is a mistake.
    const MAX: usize = 65_536;
}

impl FromStr for ConnectionLimit {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse::<NonZeroUsize>() {
            Ok(limit) if limit.get() <= Self::MAX => Ok(Self(limit)),
            _ => Err(ValueError::new(text, "a number from 1 to 65536")),
        }
    }
}

impl fmt::Display for ConnectionLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// How much of something a project may have; -1: as much as there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MostOf(pub(super) Limit);

impl FromStr for MostOf {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "-1" {
            return Ok(Self(Limit::Unlimited));
        }
        let refused = |_| ValueError::new(text, "a number from 0 to 4294967295, or -1 for no limit");
        text.parse().map(|most| Self(Limit::AtMost(most))).map_err(refused)
    }
}

impl fmt::Display for MostOf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Which log lines are written, in the language of tracing's `EnvFilter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(Box<str>);

impl LogFilter {
    /// The filter.
    pub fn to_filter(&self) -> EnvFilter {
        EnvFilter::try_new(&self.0).expect("it was parsed when the value was")
    }
}

impl FromStr for LogFilter {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        // EnvFilter would take a word such as `inof` for the name of a module and then log nothing but that.
        // The empty text is a level for it, too.
        let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
        let is_known = |directive: &str| directive.contains(['=', '[']) || is_level(directive);
        if text.split(',').map(str::trim).all(is_known) && EnvFilter::try_new(text).is_ok() {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(
                text,
                "a log level (expected error, warn, info, debug, trace, or module=level, with commas)",
            ))
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
