//! The table of settings: every key, its type, its default and its documentation, in one place.
//!
//! The parser, the flags, the environment variables, `deploy/lepton.toml` and the reference manual all follow from it,
//! so a setting is added here and in [`super::Config::settle`], and nowhere else. The doc comment of a field *is* its manual.

use std::fmt::Display;

use lepton_ipam::MacBase;
use lepton_manager::TrustDomain;
use lepton_types::{DomainName, HostId, Name};

use super::{
    database::DatabaseUrl,
    durations::{AuditPeriod, ConnectionAge, DrainTime, EventsTime, HistoryTime, KeepTime, LeaseTime},
    layers::Values,
    values::{
        AbsolutePath, AcceptHosts, Backend, CertificateHosts, ConnectionLimit, GroupName, LocalRole,
        LogFilter, LogFormat, MostOf, Optional, QueueLimit, Roles, SocketMode, SocketPath, Switch,
        TcpAddress, TracesEndpoint, TracesRatio,
    },
};

/// How a setting is written in TOML. In the environment and in flags everything is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `"text"`
    Text,
    /// `true`
    Boolean,
    /// `42`
    Integer,
    /// `["a", "b"]`; `a,b` outside TOML.
    List,
}

/// What a setting is called, what it means, and what it is when nobody sets it.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Dotted key in the file.
    pub(crate) key: &'static str,
    /// How it is written in the file.
    pub(crate) shape: Shape,
    /// The value when nobody sets it, as the environment would write it.
    pub(crate) default: &'static str,
    /// What it means, for operators, in Markdown.
    pub(crate) about: &'static str,
}

impl Setting {
    /// `LEPTON_LISTEN_TCP` for `listen.tcp`.
    pub(crate) fn variable(&self) -> String {
        format!("LEPTON_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// `listen-tcp` for `listen.tcp`.
    pub(crate) fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// `listen` for `listen.tcp`; empty for a key of the top level.
    pub(crate) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// `tcp` for `listen.tcp`.
    pub(crate) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The value as TOML, from how the environment would write it.
    pub(crate) fn toml(&self, text: &str) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self.shape {
            Shape::Text => quoted(text),
            Shape::Boolean | Shape::Integer => text.to_owned(),
            Shape::List => {
                let items: Vec<_> = text.split(',').map(|item| quoted(item.trim())).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

macro_rules! settings {
    ($($(#[doc = $about:literal])+ $field:ident: $type:ty, $key:literal, $shape:ident, $default:literal;)+) => {
        /// Every setting, in the order of the documentation. Each section's settings stand together.
        pub(crate) const SETTINGS: &[Setting] = &[$(
            Setting {
                key: $key,
                shape: Shape::$shape,
                default: $default,
                about: concat!($($about, "\n"),+),
            },
        )+];

        /// Every setting's value, each right by itself; whether they fit together is for [`super::Config::settle`].
        #[derive(Clone, Debug)]
        pub(super) struct Settings {
            $($(#[doc = $about])+ pub(super) $field: $type,)+
        }

        impl Settings {
            /// Takes every setting from the values; a mistake is recorded there, and the default stands in.
            pub(super) fn read(values: &mut Values) -> Self {
                Self { $($field: values.take($key, $default),)+ }
            }

            /// Every value as the environment would write it, without secrets, in the order of [`SETTINGS`].
            pub(super) fn texts(&self) -> Vec<String> {
                let values: &[&dyn Display] = &[$(&self.$field),+];
                values.iter().map(ToString::to_string).collect()
            }
        }
    };
}

settings! {
    /// What this process is: `manager` (the network manager and its API) and `agent` (plugs the ports of this host).
    ///
    /// The agent works inside the manager's process for now, so `agent` alone is refused.
    roles: Roles, "roles", List, "manager,agent";

    /// The name of this host, as compute agents use it. Empty: the system's host name. Where several share a PostgreSQL, each
    /// has its own: an agent does not start where another one of its name works.
    host: Optional<HostId>, "host", Text, "";

    /// The folder for the embedded database and for `listen.json`, which tells where the process listens. It
    /// is made, for leptond's user only, when it is missing. One process at a time uses it.
    state_dir: AbsolutePath, "state_dir", Text, "/var/lib/lepton";

    /// Where the ledger is: `sqlite:` and an absolute path, or `postgres://user:password@host/database`.
    /// Empty: `lepton.db` in `state_dir`.
    ///
    /// A file has one name only (no hard links; a symbolic link is followed), and a database the encoding `UTF8`.
    ///
    /// A password is better given as `LEPTON_DATABASE_URL` in a file that only leptond's user can read; it is never shown.
    database_url: Optional<DatabaseUrl>, "database.url", Text, "";

    /// The unix socket to listen on. Its folder is made when it is missing. Empty: none.
    ///
    /// Over it, root and the user that leptond runs as are `admin`; what others are is `auth.unix_role`.
    listen_unix: Optional<SocketPath>, "listen.unix", Text, "/run/lepton/lepton.sock";

    /// The mode of the socket file, in octal. Who may write to the file may connect, so this is the gate for local users.
    listen_unix_mode: SocketMode, "listen.unix_mode", Text, "0660";

    /// The group of the socket file, by name. Empty: the group that leptond runs as.
    listen_unix_group: Optional<GroupName>, "listen.unix_group", Text, "";

    /// The address and port to listen on with TCP; port 0 takes a free one. Empty: none.
    ///
    /// With `tls` every connection needs a client certificate. Without, only loopback addresses are accepted, and every
    /// process of this machine is what `auth.loopback_role` says.
    listen_tcp: Optional<TcpAddress>, "listen.tcp", Text, "127.0.0.1:9797";

    /// The loopback address and port where Prometheus reads the metrics, by HTTP at `/metrics`, for example `127.0.0.1:9464`; port 0
    /// takes a free one. Empty: nowhere.
    ///
    /// Every process of this machine can read them: they tell what is called how often, and nothing of who calls.
    listen_metrics: Optional<TcpAddress>, "listen.metrics", Text, "";

    /// How many connections there may be at once over the unix socket, and apart from them how many over TCP, 1 to 65536; further
    /// ones wait until one closes, and the log says so.
    ///
    /// Each takes a file descriptor: the process must be allowed as many as both together, 512 more and, with TLS, 4,096 for those
    /// that have not shown a certificate yet (`LimitNOFILE` of its service). leptond takes what it is allowed, and warns at its
    /// start when that is less.
    max_connections: ConnectionLimit, "listen.max_connections", Integer, "4096";

    /// The server's certificate chain (PEM), for example `/etc/lepton/tls/server.crt`.
    ///
    /// `tls.cert`, `tls.key` and `tls.client_ca` belong together: all of them or none. They are read at start and
    /// whenever they change, within a second: new connections then use them, and what cannot be used is logged and left
    /// alone. So is a certificate's coming end, when a fifth of its time is left.
    tls_cert: Optional<AbsolutePath>, "tls.cert", Text, "";

    /// The private key (PEM) of `tls.cert`.
    tls_key: Optional<AbsolutePath>, "tls.key", Text, "";

    /// The certificates (PEM) of the authorities that sign client certificates.
    ///
    /// A client is who its certificate's URI SAN says: `spiffe://<trust domain>/lepton/<role>/<name>`, exactly one, with
    /// the role `admin`, `compute`, `agent`, `member` or `reader`. The name of a `compute` or `agent` certificate is its host,
    /// that of a `member` certificate the project whose tenant it is.
    tls_client_ca: Optional<AbsolutePath>, "tls.client_ca", Text, "";

    /// How long a connection with TLS may last, 1 second to 24 hours; then the client is told to connect anew.
    ///
    /// A client's certificate is looked at when it connects, so this is how long one may work on after it has expired or
    /// its authority was removed. Calls under way come to their ends first; a watch of the events ends a second later, and its
    /// follower goes on over a new connection. What is left after 11 minutes more is cut.
    tls_max_connection_age: ConnectionAge, "tls.max_connection_age", Text, "1h";

    /// The role over the unix socket of users other than root and leptond's own: `admin`, `compute`, `agent` or `reader`.
    /// Empty: they are refused, even if the socket file's mode lets them connect. A tenant (`member`) needs a certificate.
    unix_role: Optional<LocalRole>, "auth.unix_role", Text, "";

    /// The role of callers over loopback TCP without TLS. Empty: they are refused.
    ///
    /// Every user of this machine, and every container that shares its network, is such a caller. Where that is too much,
    /// name a lesser role, or set `listen.tcp` to an empty text and use the unix socket.
    loopback_role: Optional<LocalRole>, "auth.loopback_role", Text, "admin";

    /// The only SPIFFE trust domain to accept in client certificates, for example `example.org`. Empty: any that
    /// `tls.client_ca` vouches for.
    trust_domain: Optional<TrustDomain>, "auth.trust_domain", Text, "";

    /// Which hosts a client may act for whose certificate has the role `compute` or `agent`: `own`, the host that the name in
    /// the certificate is, or `any`.
    ///
    /// With `own` such a client allocates on its host, which is also its choice when it names none, and deallocates what
    /// lives there; anything else is `PERMISSION_DENIED` / `HOST_NOT_ALLOWED`. Choose `any` for one compute service that
    /// acts for many hosts, or where host names have other characters than letters, digits, `.`, `-` and `_`.
    certificate_hosts: CertificateHosts, "auth.certificate_hosts", Text, "own";

    /// What plugs the ports: `linux` (bridges, taps, veth pairs and nftables of this kernel) or `fake` (nothing; for tests).
    agent_backend: Backend, "agent.backend", Text, "linux";

    /// The octets that the MAC of a new port starts with, three to five of them, as long as there is no range of MACs
    /// (`lepton mac-range create`).
    ///
    /// Managers of one ledger must all have the same, and one that starts with another says so in its log: a range is refused for
    /// the base of the manager that was asked alone. No MAC is ever two ports'.
    mac_base: MacBase, "network.mac_base", Text, "fa:16:3e";

    /// What the names of guests end with in the texts for DHCP servers.
    dhcp_domain: DomainName, "dhcp.domain", Text, "novalocal";

    /// How long a guest may use an address without asking again, 2 seconds to 30 days, in the texts for DHCP servers.
    ///
    /// A leased address that is given up and not released rests for as long. One that was never leased does not wait for it.
    dhcp_lease_time: LeaseTime, "dhcp.lease_time", Text, "2m";

    /// Whether only an instance's first vNIC is given a default route by DHCP.
    dhcp_single_default_gateway: Switch, "dhcp.single_default_gateway", Boolean, "false";

    /// The DNS domain in which every instance gets names, its UUID and its `hostname`, for its first address of each family.
    /// Empty: none.
    ///
    /// A domain that is not there comes to be, private, with the first instance. `lepton dns domain create DOMAIN --private
    /// --availability-zone ZONE` keeps it for the instances of one zone. Tenants do not see private domains.
    dns_instance_domain: Optional<DomainName>, "dns.instance_domain", Text, "";

    /// The pool of floating IPs that is meant when a request names none.
    floating_default_pool: Name, "floating.default_pool", Text, "nova";

    /// Whether every instance gets a floating IP of that pool with its allocation, for its first IPv4 address: `true` or `false`.
    ///
    /// It goes back to its pool with the instance. While the pool is missing or has none left, no instance with an IPv4 address
    /// is allocated (`FLOATING_POOL_NOT_FOUND`, `NO_MORE_FLOATING_IPS`).
    floating_auto_assign: Switch, "floating.auto_assign", Boolean, "false";

    /// Which hosts ports may be asked for, and networks be given to: `any`, also one whose agent is still to come, or `known`:
    /// only those whose agent has asked this ledger for its ports before, so that a mistyped name is refused
    /// (`HOST_NOT_FOUND`).
    accept_hosts: AcceptHosts, "hosts.accept", Text, "any";

    /// How many networks a project may own whose quota nobody has set; -1: as many as it likes.
    ///
    /// What is beyond it is refused (`QUOTA_EXCEEDED`). A limit below what a project has takes nothing away. Managers that share
    /// a ledger are to have the same limits, and one that starts with others says so in its log.
    quota_networks: MostOf, "quota.networks", Integer, "-1";

    /// The same of ports, released ones included until their hosts have unplugged them.
    quota_ports: MostOf, "quota.ports", Integer, "-1";

    /// The same of addresses of ports.
    quota_fixed_ips: MostOf, "quota.fixed_ips", Integer, "-1";

    /// The same of floating IPs.
    quota_floating_ips: MostOf, "quota.floating_ips", Integer, "10";

    /// How many requests may wait for the ledger, 1 to 1000000; the next one is answered `QUEUE_FULL`.
    ///
    /// That many changes, and apart from them that many questions and dry runs for each of the two readers that answer those
    /// in turn, and for the one that answers what takes long, such as a network's DHCP hosts.
    queue_limit: QueueLimit, "queue.limit", Integer, "4096";

    /// How long the answer to a `request_id` is remembered, 24 hours to 365 days.
    request_ids_keep: KeepTime, "request_ids.keep", Text, "24h";

    /// How long the ledger remembers what has ended, 1 to 3650 days: networks, instances, ports, and who had which address
    /// when.
    history_keep: HistoryTime, "history.keep", Text, "90d";

    /// How long events are kept for those who follow the ledger and were away (`WatchEvents`), 1 hour to 365 days.
    events_keep: EventsTime, "events.keep", Text, "7d";

    /// How often the ledger is audited, up to 24 hours: whether what it keeps twice agrees, such as who has an address and which are
    /// taken. `0s`: not at all.
    ///
    /// What is found is logged and told in the metrics, and not mended: `lepton audit --repair` does that. An audit takes turns with
    /// questions that take long, and holds nobody up that changes something.
    audit_period: AuditPeriod, "audit.period", Text, "10m";

    /// How log lines, which go to standard error, look: `human` or `json`.
    log_format: LogFormat, "log.format", Text, "human";

    /// Which log lines are written: `error`, `warn`, `info`, `debug` or `trace`, also for single parts of the program, as in
    /// `info,lepton_store=debug`.
    log_level: LogFilter, "log.level", Text, "info";

    /// Where traces are sent, by OTLP over gRPC: the `http://` URL of a collector, for example `http://127.0.0.1:4317`. Empty: nowhere.
    ///
    /// A trace tells what a call took its time for: its wait for the ledger, the batch that decided it, and its ports. It goes on with the
    /// trace that the caller sends along (`traceparent`). What is sent is not encrypted.
    traces_endpoint: Optional<TracesEndpoint>, "traces.endpoint", Text, "";

    /// Which part of the traces that begin here is sent, from `0` to `1`. Of a trace that a caller sends along, the caller has said so.
    traces_ratio: TracesRatio, "traces.ratio", Text, "1";

    /// How long a stop waits for calls that are under way, at most 10 minutes. All of it ends within 10 seconds more.
    shutdown_drain: DrainTime, "shutdown.drain", Text, "10s";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_variables_and_flags_are_unique() {
        for name in [|setting: &Setting| setting.key.to_owned(), Setting::variable, Setting::flag] {
            let names: BTreeSet<_> = SETTINGS.iter().map(name).collect();
            assert_eq!(names.len(), SETTINGS.len());
        }
    }

    #[test]
    fn the_settings_of_a_section_stand_together() {
        let mut sections: Vec<_> = SETTINGS.iter().map(Setting::section).collect();
        sections.dedup();
        assert_eq!(sections.len(), sections.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(sections[0], "", "TOML has no way back to the top level");
    }

    #[test]
    fn every_default_is_shown_as_it_is_written() {
        let mut values = Values::default();
        let settings = Settings::read(&mut values);
        let defaults: Vec<_> = SETTINGS.iter().map(|setting| setting.default).collect();
        assert_eq!(settings.texts(), defaults);
    }
}
