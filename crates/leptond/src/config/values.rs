//! The types of the settings: each is parsed once, and what it holds needs no check afterwards.

use std::{
    fmt,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    str::FromStr,
};

use lepton_manager::Role;
use lepton_types::Limit;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

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

/// Enums whose values are words: `FromStr` and `Display` from one list.
macro_rules! words {
    ($($(#[$doc:meta])* $type:ident is $expected:literal { $($(#[$case_doc:meta])* $case:ident = $word:literal),+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$case_doc])* $case),+
        }

        impl FromStr for $type {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($word => Ok(Self::$case),)+
                    _ => Err(ValueError::new(text, $expected)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(match self { $(Self::$case => $word),+ })
            }
        }
    )+};
}

words! {
    /// What plugs the ports of this host.
    Backend is "linux or fake" {
        /// Devices and filters of this kernel.
        Linux = "linux",
        /// Nothing: a model of a host in memory.
        Fake = "fake"
    }

    /// Which hosts get ports.
    AcceptHosts is "any or known" {
        /// Whatever a request names.
        Any = "any",
        /// Those whose agent was here before.
        Known = "known"
    }

    /// Which hosts the owner of a compute or agent certificate may act for.
    CertificateHosts is "own or any" {
        /// The one that the certificate names.
        Own = "own",
        /// Every one.
        Any = "any"
    }

    /// How log lines look.
    LogFormat is "human or json" {
        /// For people.
        Human = "human",
        /// One JSON object a line.
        Json = "json"
    }
}

/// Which halves of Lepton run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// The network manager only.
    Manager,
    /// The network manager, and the agent of this host inside it.
    ManagerAndAgent,
}

impl Roles {
    /// Whether this process plugs the ports of its host.
    pub fn has_agent(self) -> bool {
        match self {
            Self::Manager => false,
            Self::ManagerAndAgent => true,
        }
    }
}

impl FromStr for Roles {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
        names.sort_unstable();
        match names[..] {
            ["manager"] => Ok(Self::Manager),
            ["agent", "manager"] => Ok(Self::ManagerAndAgent),
            ["agent"] => {
                Err(ValueError::new(text, "possible alone yet: the agent works inside the manager's process"))
            }
            _ => Err(ValueError::new(text, "a list of roles (expected manager, or manager and agent)")),
        }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Manager => "manager",
            Self::ManagerAndAgent => "manager,agent",
        })
    }
}

/// A path that means the same wherever the process was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AbsolutePath(PathBuf);

impl AbsolutePath {
    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }

    pub(super) fn into_path_buf(self) -> PathBuf {
        self.0
    }
}

impl FromStr for AbsolutePath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.starts_with('/') && !text.contains('\0') {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(text, "an absolute path (expected it to start with /)"))
        }
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(out)
    }
}

/// An absolute path that the address of a unix socket has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPath(PathBuf);

impl SocketPath {
    /// Longest path, in bytes: `sun_path` has 108, of which one ends the text (unix(7)).
    const MAX: usize = 107;

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for SocketPath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let names_a_file = Path::new(text).file_name().is_some() && !text.ends_with('/');
        if text.starts_with('/') && names_a_file && !text.contains('\0') && text.len() <= Self::MAX {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(
                text,
                "an absolute path of a socket (expected at most 107 bytes, starting with /)",
            ))
        }
    }
}

impl fmt::Display for SocketPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(out)
    }
}

/// The permission bits of a socket file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(u32);

impl SocketMode {
    /// The bits, as chmod(2) takes them.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for SocketMode {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_octal = text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        match u32::from_str_radix(text, 8) {
            Ok(bits) if is_octal && bits <= 0o777 => Ok(Self(bits)),
            _ => {
                Err(ValueError::new(text, "a file mode (expected octal digits up to 0777, for example 0660)"))
            }
        }
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04o}", self.0)
    }
}

/// The name of a group of users; whether the system knows it is for [`super::Named`]'s readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(Box<str>);

impl GroupName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(text, "the name of a group"))
        }
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
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

#[cfg(test)]
mod tests;
