//! [`Config`]: what leptond was told to be, from a file, the environment and flags, in rising precedence.
//!
//! ```text
//! lepton.toml ─┐                      ┌─ Mistakes: all of them, each with its place
//! LEPTON_*    ─┼─ layers ─► Values ─► Settings ─► settle ─► Config
//! --flags     ─┘            (text)    (typed)     (fit together)
//! ```
//!
//! Which settings there are is one table, `config/schema.rs`. What comes out is right by its types: an address that
//! other machines can reach exists only together with TLS. This module touches nothing but the file that it reads.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    io::ErrorKind,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use lepton_ipam::MacBase;
use lepton_manager::{Authorise, DhcpSettings, FloatingSettings, Keep, Trust};
use lepton_store::{Database, StoreConfig};
use lepton_types::{Amounts, DomainName, HostId, Limit};

mod database;
mod durations;
mod fit;
mod layers;
mod mistakes;
mod named;
mod reference;
mod schema;
mod values;

pub(crate) use schema::SETTINGS;

pub use database::DatabaseUrlError;
pub use mistakes::{Mistake, Mistakes};
pub use named::Named;
pub use reference::{example, manual};
pub use values::{
    AcceptHosts, Backend, CertificateHosts, GroupName, LogFilter, LogFormat, Roles, SocketMode, SocketPath,
    TracesEndpoint, ValueError,
};

use database::DatabaseUrl;
use layers::{Layer, Values};
use schema::Settings;

/// The file that is read when nobody names one.
pub const DEFAULT_FILE: &str = "/etc/lepton/lepton.toml";

/// Name of the embedded database's file in the state directory.
const DATABASE_FILE: &str = "lepton.db";

/// Everything that a configuration is made from, so that a test can make one without touching its process.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file.
    pub file: ConfigFile,
    /// The environment; variables that do not start with `LEPTON_` do not matter.
    pub variables: Vec<(OsString, OsString)>,
    /// The flags that set something: texts by the settings' keys.
    pub flags: BTreeMap<String, String>,
    /// The system's name of this host.
    pub hostname: String,
    /// The uid that this process runs as.
    pub uid: u32,
}

/// Which file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigFile {
    /// The default one, which may be missing.
    Default(PathBuf),
    /// One that was asked for, which must exist.
    Named(PathBuf),
}

/// What leptond was told to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which halves run in this process.
    pub roles: Roles,
    /// The name of this host.
    pub host: HostId,
    /// Where this process keeps what must survive it.
    pub state_dir: PathBuf,
    /// Where the ledger is.
    pub database: Database,
    /// Where to listen.
    pub listen: Listen,
    /// Whom to believe, for each way to connect.
    pub trust: Trust,
    /// What plugs the ports.
    pub backend: Backend,
    /// What the MACs of ports start with.
    pub mac_base: MacBase,
    /// Which pool is meant when none is named, and whether instances get floating IPs by themselves.
    pub floating: FloatingSettings,
    /// Which hosts get ports.
    pub accept_hosts: AcceptHosts,
    /// What the texts for DHCP servers have.
    pub dhcp: DhcpSettings,
    /// The domain of guests' own names, if they get any.
    pub instance_domain: Option<DomainName>,
    /// What projects may have whose quota nobody has set.
    pub default_limits: Amounts<Limit>,
    /// How many changes may wait for the ledger, and how many questions for each of its readers.
    pub queue_limit: NonZeroUsize,
    /// How long the answers to request ids, the history and the events are kept.
    pub keep: Keep,
    /// How often the ledger is audited; never, when it is zero.
    pub audit_period: Duration,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces are sent.
    pub traces: Traces,
    /// How long a stop waits for calls that are under way.
    pub drain: Duration,
    /// Every setting with its value and where it was set, for people.
    pub effective: Effective,
}

/// Where to listen; somewhere, at least.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The unix socket.
    pub unix: Option<UnixListen>,
    /// The TCP address.
    pub tcp: Option<TcpListen>,
    /// Where metrics are read.
    pub metrics: Option<Loopback>,
    /// How many connections each of the others has at once.
    pub max_connections: NonZeroUsize,
}

/// The unix socket to listen on.
#[derive(Clone, Debug)]
pub struct UnixListen {
    /// Where it is.
    pub path: SocketPath,
    /// Who may connect.
    pub mode: SocketMode,
    /// Whose group it is; `None`: the group of this process.
    pub group: Option<GroupName>,
}

/// The TCP address to listen on. What other machines can reach has TLS with client certificates.
#[derive(Clone, Debug)]
pub enum TcpListen {
    /// Plain, for this machine only.
    Loopback(Loopback),
    /// With TLS and client certificates, for anybody who has one.
    Tls(TlsListen),
}

/// The TCP address of a listener with TLS, and how it proves who it is.
#[derive(Clone, Debug)]
pub struct TlsListen {
    /// The address.
    pub address: SocketAddr,
    /// The PEM files.
    pub files: TlsFiles,
    /// How long a connection may last.
    pub max_connection_age: Duration,
}

/// An address that no other machine can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

/// The PEM files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs the clients' certificates.
    pub client_ca: PathBuf,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// How the lines look.
    pub format: LogFormat,
    /// Which lines there are.
    pub level: LogFilter,
}

/// Where traces are sent.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The collector's URL; none: nowhere.
    pub endpoint: Option<TracesEndpoint>,
    /// Which part of those that begin here, from 0 to 1.
    pub ratio: f64,
}

/// Every setting with its value, secrets masked, and where it was set.
#[derive(Clone, Debug)]
pub struct Effective(Vec<(String, String)>);

impl Config {
    /// Reads the sources, or tells everything that is wrong with them.
    pub fn load(sources: &Sources) -> Result<Self, Mistakes> {
        Self::load_and_look(sources, |_| Mistakes::default())
    }

    /// The same, together with all that is wrong with what the sources name, for which `look` is to look; its mistakes are
    /// told with the places where their settings were set.
    pub fn load_and_look(
        sources: &Sources,
        look: impl FnOnce(&Named<'_>) -> Mistakes,
    ) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let file = file_layer(&sources.file, &mut mistakes);
        let is_read = file.is_some();
        let layers = vec![
            file.unwrap_or_default(),
            layers::environment(&sources.variables, &mut mistakes),
            layers::flags(&sources.flags),
        ];
        let mut values = Values::merge(layers, mistakes);
        let settings = Settings::read(&mut values);
        let found = look(&Named::of(&settings));
        if !is_read {
            // What the settings of the other layers lack to fit together may be in the file.
            values.refuse_all(found);
            return Err(values.mistakes);
        }
        Self::settle(settings, values, sources, found)
    }

    /// Fits the settings together, and to what was `found` to be wrong with what they name.
    fn settle(
        mut settings: Settings,
        mut values: Values,
        sources: &Sources,
        found: Mistakes,
    ) -> Result<Self, Mistakes> {
        let host = fit::host(&settings, &mut values, &sources.hostname);
        let listen = fit::listen(&settings, &mut values);
        values.refuse_all(found);
        let (Some(host), Some(listen), true) = (host, listen, values.mistakes.is_empty()) else {
            return Err(values.mistakes);
        };
        let state_dir = settings.state_dir.clone().into_path_buf();
        let database = || DatabaseUrl(Database::Sqlite(state_dir.join(DATABASE_FILE)));
        let DatabaseUrl(database) = settings.database_url.0.get_or_insert_with(database).clone();
        settings.host.0 = Some(host.clone());
        Ok(Self {
            effective: Effective::of(&settings, &values),
            roles: settings.roles,
            host,
            state_dir,
            database,
            listen,
            trust: Trust {
                daemon_uid: sources.uid,
                unix_role: settings.unix_role.0.map(|role| role.0),
                loopback_role: settings.loopback_role.0.map(|role| role.0),
                binds_hosts: settings.certificate_hosts == CertificateHosts::Own,
                trust_domain: settings.trust_domain.0,
            },
            backend: settings.agent_backend,
            mac_base: settings.mac_base,
            floating: FloatingSettings {
                default_pool: settings.floating_default_pool,
                auto_assign: settings.floating_auto_assign.0,
            },
            accept_hosts: settings.accept_hosts,
            dhcp: DhcpSettings {
                domain: settings.dhcp_domain,
                lease_time: settings.dhcp_lease_time.0,
                has_single_gateway: settings.dhcp_single_default_gateway.0,
            },
            instance_domain: settings.dns_instance_domain.0,
            default_limits: Amounts {
                networks: settings.quota_networks.0,
                ports: settings.quota_ports.0,
                fixed_ips: settings.quota_fixed_ips.0,
                floating_ips: settings.quota_floating_ips.0,
            },
            queue_limit: settings.queue_limit.0,
            keep: Keep {
                requests: settings.request_ids_keep.0,
                history: settings.history_keep.0,
                events: settings.events_keep.0,
            },
            audit_period: settings.audit_period.0,
            log: Log { format: settings.log_format, level: settings.log_level },
            traces: Traces { endpoint: settings.traces_endpoint.0, ratio: settings.traces_ratio.0 },
            drain: settings.shutdown_drain.0,
        })
    }

    /// How to open the ledger.
    pub fn store(&self) -> StoreConfig {
        StoreConfig {
            queue_limit: self.queue_limit.get(),
            default_limits: self.default_limits,
            ..StoreConfig::new(self.database.clone())
        }
    }

    /// What the manager is told; an agent in this process plugs the ports of requests that name no host.
    pub fn manager(&self) -> lepton_manager::Settings {
        let own_host = self.roles.has_agent().then(|| self.host.clone());
        let only_known_hosts = self.accept_hosts == AcceptHosts::Known;
        lepton_manager::Settings {
            mac_base: self.mac_base,
            own_host,
            only_known_hosts,
            instance_domain: self.instance_domain.clone(),
            floating: self.floating.clone(),
            dhcp: self.dhcp.clone(),
        }
    }

    /// The layer that identifies and authorises callers as configured.
    pub fn authorise(&self) -> Authorise {
        Authorise::new(self.trust.clone())
    }
}

/// The layer of the file; none, with a mistake recorded, where nobody knows what the file sets.
fn file_layer(file: &ConfigFile, mistakes: &mut Mistakes) -> Option<Layer> {
    let (ConfigFile::Default(path) | ConfigFile::Named(path)) = file;
    match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => return layers::file(path, &text, mistakes),
        Ok(Err(_)) => mistakes.add(&path.display().to_string(), "", "the file is not UTF-8"),
        Err(error) if error.kind() == ErrorKind::NotFound && matches!(file, ConfigFile::Default(_)) => {
            return Some(Layer::default());
        }
        Err(error) => {
            mistakes.add(&path.display().to_string(), "", format_args!("cannot read the file: {error}"))
        }
    }
    None
}

impl Loopback {
    /// The address, unless another machine can reach it.
    pub fn new(address: SocketAddr) -> Option<Self> {
        address.ip().to_canonical().is_loopback().then_some(Self(address))
    }

    /// The address.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl ConfigFile {
    /// The file to read when `--config` names this one, or none.
    pub fn named_or_default(named: Option<PathBuf>) -> Self {
        named.map_or_else(|| Self::Default(Path::new(DEFAULT_FILE).to_owned()), Self::Named)
    }
}

impl Effective {
    fn of(settings: &Settings, values: &Values) -> Self {
        let line = |(setting, text): (&schema::Setting, String)| {
            (format!("{} = {}", setting.key, setting.toml(&text)), values.place(setting.key).to_owned())
        };
        Self(SETTINGS.iter().zip(settings.texts()).map(line).collect())
    }
}

impl fmt::Display for Effective {
    /// TOML, each line with its place in a comment.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
        self.0.iter().try_for_each(|(line, place)| writeln!(out, "{line:width$}  # {place}"))
    }
}

#[cfg(test)]
mod tests;
