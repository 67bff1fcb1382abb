//! One engine, (a) to (e) and (h): allocations, deallocations, reads, floating IPs, memory.

use std::fmt;

use anyhow::{Context, Result};
use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient};
use lepton_sim::connect;
use lepton_testkit::{Durability, PrivatePostgres};
use serde::Serialize;

use super::{
    loads::{Loads, POOL, Scale},
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

/// vNICs of each instance: one on each of the two networks.
const VNICS: u64 = 2;

/// Ports alive in (b).
const PORTS: u64 = 100_000;

/// Two dual-stack networks, each with room for millions of addresses.
const NETWORKS: [(&str, &str, &str); 2] =
    [("left", "10.0.0.0/9", "fd00:1::/64"), ("right", "10.128.0.0/9", "fd00:2::/64")];

/// Measures one engine, from an empty ledger on.
pub(super) async fn measure(engine: Engine, scale: Scale, workspace: &Workspace) -> Result<EngineReport> {
    eprintln!("bench: {engine}");
    let folder = daemon::folder("lepton-bench-")?;
    let (settings, _postgres) = engine.prepare()?;
    let daemon = Daemon::start(&workspace.release("leptond"), folder.path(), &settings).await?;
    let outcome = run(engine, scale, workspace, &daemon).await;
    let outcome =
        outcome.with_context(|| format!("{engine}; leptond's log:\n{}", daemon::log(folder.path())))?;
    daemon.stop().await?;
    Ok(outcome)
}

async fn run(engine: Engine, scale: Scale, workspace: &Workspace, daemon: &Daemon) -> Result<EngineReport> {
    let idle_bytes = daemon.resident_bytes()?;
    create_networks(&daemon.endpoint()).await?;
    let mut loads = Loads::new(workspace.release("lepton-sim"), daemon.endpoint(), scale);
    let health = loads.health().await?;
    let allocate = loads.allocate().await?;
    let ports = scale.of(PORTS);
    loads.fill(ports / VNICS).await?;
    let full_bytes = daemon.resident_bytes()?;
    let allocate_full = loads.allocate().await?;
    let nw_info = loads.nw_info().await?;
    let associate = loads.associate().await?;
    let deallocate = loads.deallocate().await?;
    Ok(EngineReport {
        engine,
        allocate,
        ports,
        allocate_full,
        deallocate,
        nw_info,
        associate,
        health,
        idle_bytes,
        full_bytes,
    })
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
    /// The settings that make leptond use it, and the server that must live as long.
    fn prepare(self) -> Result<(String, Option<PrivatePostgres>)> {
        let common = format!(
            "agent.backend = \"fake\"\nhost = \"bench-host\"\nlog.level = \"warn\"\n\
             floating.default_pool = \"{POOL}\"\nquota.floating_ips = -1\n"
        );
        match self {
            Self::Sqlite => Ok((common, None)),
            Self::Postgres => {
                let postgres = PrivatePostgres::start(Durability::On)?;
                let url = postgres.create_database("lepton")?;
                Ok((format!("{common}database.url = \"{url}\"\n"), Some(postgres)))
            }
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
