//! One engine, (a) to (e) and (h): allocations, deallocations, reads, floating IPs, memory.

use std::{fmt, path::Path};

use anyhow::{Context, Result};
use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient};
use lepton_sim::connect;
use lepton_testkit::{Durability, PrivatePostgres};
use serde::Serialize;

use super::{
    loads::{Loads, POOL, Scale},
    raw,
    report::EngineReport,
};
use crate::{
    daemon::{self, Daemon},
    workspace::Workspace,
};

/// Where the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Engine {
    /// Embedded, `synchronous=FULL`.
    Sqlite,
    /// A server of our own on the same machine, `fsync=on`.
    Postgres,
}

/// Two ledgers of one engine, which end with this.
pub(super) struct Ledgers {
    /// The URLs of the databases, when they are on a server, and the server.
    server: Option<([String; 2], PrivatePostgres)>,
}

/// vNICs of each instance: one on each of the two networks.
pub(super) const VNICS: u64 = 2;

/// Ports alive in (b).
const PORTS: u64 = 100_000;

/// Two dual-stack networks, each with room for millions of addresses.
const NETWORKS: [(&str, &str, &str); 2] =
    [("left", "10.0.0.0/9", "fd00:1::/64"), ("right", "10.128.0.0/9", "fd00:2::/64")];

/// Measures one engine: on a leptond whose ledger is empty at first, and on one that has many ports.
pub(super) async fn measure(engine: Engine, scale: Scale, workspace: &Workspace) -> Result<EngineReport> {
    eprintln!("bench: {engine}");
    let folders = [daemon::folder("lepton-bench-")?, daemon::folder("lepton-bench-")?];
    let ledgers = engine.prepare()?;
    let program = workspace.release("leptond");
    let empty = Daemon::start(&program, folders[0].path(), &ledgers.settings(0)).await?;
    let full = Daemon::start(&program, folders[1].path(), &ledgers.settings(1)).await?;
    let outcome = run(engine, scale, workspace, &empty, &full).await;
    let mut report = outcome.with_context(|| {
        let logs = folders.each_ref().map(|folder| daemon::log(folder.path()));
        format!("{engine}; the logs of leptond:\n{}", logs.join("\n"))
    })?;
    empty.stop().await?;
    full.stop().await?;
    eprintln!("bench: raw inserts");
    report.raw = Some(raw::measure(workspace, &ledgers.location(0, folders[0].path()))?);
    Ok(report)
}

async fn run(
    engine: Engine,
    scale: Scale,
    workspace: &Workspace,
    empty: &Daemon,
    full: &Daemon,
) -> Result<EngineReport> {
    let idle_bytes = empty.resident_bytes()?;
    let mut with_few = start(workspace, empty, scale).await?;
    let health = with_few.health().await?;
    let mut with_many = start(workspace, full, scale).await?;
    let ports = scale.of(PORTS);
    with_many.fill(ports / VNICS).await?;
    let full_bytes = full.resident_bytes()?;
    let [allocate, allocate_full] = with_few.allocate_in_turns_with(&mut with_many).await?;
    Ok(EngineReport {
        engine,
        allocate,
        ports,
        allocate_full,
        nw_info: with_many.nw_info().await?,
        associate: with_many.associate().await?,
        deallocate: with_many.deallocate().await?,
        health,
        idle_bytes,
        full_bytes,
        raw: None,
        growth: None,
    })
}

/// A client of a leptond that has the networks.
async fn start(workspace: &Workspace, daemon: &Daemon, scale: Scale) -> Result<Loads> {
    create_networks(&daemon.endpoint()).await?;
    Ok(Loads::new(workspace.release("lepton-sim"), daemon.endpoint(), scale))
}

/// Makes the networks that every instance is plugged into.
pub(super) async fn create_networks(endpoint: &str) -> Result<()> {
    let mut client = NetworkManagerClient::new(connect(endpoint).await?);
    let subnet = |cidr: &str| v1::SubnetSpec { cidr: cidr.to_owned(), ..Default::default() };
    let networks = NETWORKS.map(|(label, ipv4, ipv6)| v1::NetworkSpec {
        label: label.to_owned(),
        subnets: vec![subnet(ipv4), subnet(ipv6)],
        ..Default::default()
    });
    client
        .create_networks(v1::CreateNetworksRequest { networks: networks.into(), ..Default::default() })
        .await?;
    Ok(())
}

impl Engine {
    /// Two ledgers that leptond makes when it starts.
    pub(super) fn prepare(self) -> Result<Ledgers> {
        let server = match self {
            Self::Sqlite => None,
            Self::Postgres => {
                let postgres = PrivatePostgres::start(Durability::On)?;
                Some(([postgres.create_database("few")?, postgres.create_database("many")?], postgres))
            }
        };
        Ok(Ledgers { server })
    }
}

impl Ledgers {
    /// The settings that make a leptond use one of them.
    pub(super) fn settings(&self, which: usize) -> String {
        let common = format!(
            "agent.backend = \"fake\"\nhost = \"bench-host\"\nlog.level = \"warn\"\n\
             floating.default_pool = \"{POOL}\"\nquota.floating_ips = -1\n"
        );
        match &self.server {
            None => common,
            Some((urls, _)) => format!("{common}database.url = \"{}\"\n", urls[which]),
        }
    }

    /// The file or the URL of one of them, whose leptond has its state in `folder`.
    fn location(&self, which: usize, folder: &Path) -> String {
        match &self.server {
            None => folder.join("lepton.db").display().to_string(),
            Some((urls, _)) => urls[which].clone(),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}
