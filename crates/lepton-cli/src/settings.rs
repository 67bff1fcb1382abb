//! [`Settings`]: where the server is and how to reach it, from flags, environment and configuration files.
//!
//! Each value comes from the first place that has it: its flag, its environment variable, `--config` or else the user's
//! file and then the system's, its default. TLS files are used with an `https:` endpoint and ignored with any other.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de};

use crate::{
    duration,
    endpoint::{Endpoint, EndpointError, EndpointParser},
    error::Error,
};

/// The configuration for everybody on the machine.
const SYSTEM_FILE: &str = "/etc/lepton/cli.toml";

/// What to do about a configuration file that cannot be used.
const FOR_FILE: &str = "mend the file, or name another one with `--config` or LEPTON_CLI_CONFIG";

/// How long a command may take when nobody says; far above what any takes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The options that every command has: where its settings come from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct ConnectionOptions {
    /// Configuration file to read instead of ~/.config/lepton/cli.toml and /etc/lepton/cli.toml
    #[arg(long, global = true, value_name = "FILE", env = "LEPTON_CLI_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    #[command(flatten)]
    given: Layer,
}

/// What one place says: the command line with its environment, or one file.
#[derive(Debug, Default, PartialEq, clap::Args, Deserialize)]
#[command(next_help_heading = "Options of every command")]
#[serde(deny_unknown_fields)]
struct Layer {
    /// Where leptond listens: unix:/PATH, http://HOST:PORT or https://HOST:PORT [default:
    /// unix:/run/lepton/lepton.sock]
    #[arg(
        long,
        global = true,
        value_name = "ENDPOINT",
        value_parser = EndpointParser,
        env = "LEPTON_ENDPOINT",
        hide_env_values = true
    )]
    endpoint: Option<Endpoint>,

    /// Certificates (PEM) of the authority that signed the server's, for https
    #[arg(long, global = true, value_name = "FILE", env = "LEPTON_CA", hide_env_values = true)]
    ca: Option<PathBuf>,

    /// Your certificate (PEM), for https
    #[arg(long, global = true, value_name = "FILE", env = "LEPTON_CERT", hide_env_values = true)]
    cert: Option<PathBuf>,

    /// The private key (PEM) of your certificate, for https
    #[arg(long, global = true, value_name = "FILE", env = "LEPTON_KEY", hide_env_values = true)]
    key: Option<PathBuf>,

    /// How long the command may take, retries and all pages of a list included, and what `--wait` allows on top; when watching,
    /// each look [default: 30s]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        allow_hyphen_values = true,
        value_parser = duration::positive,
        env = "LEPTON_TIMEOUT",
        hide_env_values = true
    )]
    #[serde(default, deserialize_with = "timeout")]
    timeout: Option<Duration>,
}

/// Where the server is and how to reach it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Where the server listens.
    pub(crate) endpoint: Endpoint,
    /// What TLS needs; none unless the endpoint is `https:`.
    pub(crate) tls: Option<TlsFiles>,
    /// How long a command may take.
    pub(crate) timeout: Duration,
}

/// The PEM files of a TLS connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TlsFiles {
    /// The authority that signed the server's certificate.
    pub(crate) ca: PathBuf,
    /// The client's certificate and its private key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl ConnectionOptions {
    /// Reads the files and settles every value.
    pub(crate) fn resolve(self) -> Result<Settings, Error> {
        let files = match self.config {
            Some(path) => {
                read(&path)?.map(|layer| vec![layer]).ok_or_else(|| unreadable(&path, "no such file"))?
            }
            None => read_all(&default_files())?,
        };
        files.into_iter().fold(self.given, Layer::or).settle()
    }
}

impl Layer {
    /// This layer, and where it says nothing, the one below it.
    fn or(self, below: Self) -> Self {
        Self {
            endpoint: self.endpoint.or(below.endpoint),
            ca: self.ca.or(below.ca),
            cert: self.cert.or(below.cert),
            key: self.key.or(below.key),
            timeout: self.timeout.or(below.timeout),
        }
    }

    fn settle(self) -> Result<Settings, Error> {
        let endpoint = self.endpoint.unwrap_or_default();
        let tls = match &endpoint {
            Endpoint::Https(_) => Some(TlsFiles::new(self.ca, self.cert, self.key)?),
            Endpoint::Unix(_) | Endpoint::Http(_) => None,
        };
        Ok(Settings { endpoint, tls, timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT) })
    }

    /// Relative paths in a file mean files beside it, wherever the command runs.
    fn beside(mut self, file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        for path in [&mut self.ca, &mut self.cert, &mut self.key].into_iter().flatten() {
            *path = folder.join(&path);
        }
        self
    }
}

impl TlsFiles {
    fn new(ca: Option<PathBuf>, cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Self, Error> {
        let missing = |what: &str, hint: &str| Error::usage(what.to_owned()).with_hint(hint);
        let ca = ca.ok_or_else(|| {
            missing(
                "an https endpoint needs a certificate authority",
                "give it with --ca, LEPTON_CA or `ca` in cli.toml",
            )
        })?;
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(missing(
                    "a certificate needs its key",
                    "give it with --key, LEPTON_KEY or `key` in cli.toml",
                ));
            }
            (None, Some(_)) => {
                return Err(missing(
                    "a key needs its certificate",
                    "give it with --cert, LEPTON_CERT or `cert` in cli.toml",
                ));
            }
        };
        Ok(Self { ca, identity })
    }
}

/// Reads a configuration file as every command does, and does nothing with it.
///
/// # Errors
///
/// What is wrong with it, as people are told.
pub fn understand_file(path: &Path) -> Result<(), String> {
    let layer = read(path).map_err(|error| error.to_string())?;
    layer.unwrap_or_default().settle().map(drop).map_err(|error| error.to_string())
}

fn default_files() -> Vec<PathBuf> {
    let folder = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".config")));
    folder
        .map(|folder| folder.join("lepton/cli.toml"))
        .into_iter()
        .chain([PathBuf::from(SYSTEM_FILE)])
        .collect()
}

/// The files that exist and that this user may look for, in the same order: one in somebody else's closed folder is not theirs.
fn read_all(files: &[PathBuf]) -> Result<Vec<Layer>, Error> {
    let is_closed = |path: &&PathBuf| {
        path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    files.iter().filter(|path| !is_closed(path)).filter_map(|path| read(path).transpose()).collect()
}

/// What a file says; none when there is no such file.
fn read(path: &Path) -> Result<Option<Layer>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => match toml::from_str::<Layer>(&text) {
            Ok(layer) => Ok(Some(layer.beside(path))),
            Err(error) => {
                // The error shows the line, which must not be where it holds a password.
                let names_user = EndpointError::NamesUser.to_string();
                let shown =
                    if error.message().contains(&names_user) { names_user } else { error.to_string() };
                let what = format!("{} is wrong: {}", path.display(), shown.trim_end());
                Err(Error::usage(what).with_hint(FOR_FILE))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error.to_string())),
    }
}

fn unreadable(path: &Path, cause: &str) -> Error {
    let what = format!("cannot read the configuration file {}: {cause}", path.display());
    Error::usage(what).with_hint(FOR_FILE)
}

fn timeout<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(text)?;
    duration::positive(&text).map(Some).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests;
