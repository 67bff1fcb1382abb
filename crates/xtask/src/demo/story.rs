//! The story, step by step.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient};
use lepton_sim::{Boot, Hypervisor, KernelInstance, connect};
use nix::unistd::Uid;
use tokio::time;
use tonic::{Code, transport::Channel};

use super::{cli::Cli, kernel, pings, spoof, steps::Steps, tables, voice::say};
use crate::{
    daemon::Daemon,
    packages::{IP, NFT},
    table::Table,
    workspace::Workspace,
};

/// The project that the instances belong to.
const PROJECT: &str = "demo";

/// Longest that a port may take to be plugged.
const PLUG_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that an address may take to return to its pool, and how often that is asked.
const RETURN_TIMEOUT: Duration = Duration::from_secs(10);
const RETURN_INTERVAL: Duration = Duration::from_millis(5);

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Story {
    daemon: Daemon,
    cli: Cli,
    guest_program: PathBuf,
    client: NetworkManagerClient<Channel>,
    hypervisor: Hypervisor,
    instances: Vec<(String, KernelInstance)>,
    steps: Steps,
}

impl Story {
    /// Starts leptond.
    pub(super) async fn begin(folder: &Path) -> Result<Self> {
        let workspace = Workspace::find()?;
        let mut steps = Steps::default();
        let mut started = None;
        let title = "leptond starts on its embedded SQLite, with its embedded agent";
        steps
            .take(title, async || {
                let settings = "agent.backend = \"linux\"\nhost = \"demo-host\"\n";
                let daemon = Daemon::start(&workspace.release("leptond"), folder, settings).await?;
                let channel = connect(&daemon.endpoint()).await?;
                let said = format!("process {}, ready, listens on {}", daemon.pid()?, daemon.endpoint());
                started = Some((daemon, channel));
                Ok(said)
            })
            .await?;
        let (daemon, channel) = started.context("leptond did not start")?;
        Ok(Self {
            cli: Cli::new(workspace.release("lepton"), daemon.endpoint(), folder)?,
            guest_program: workspace.release("lepton-sim"),
            client: NetworkManagerClient::new(channel.clone()),
            hypervisor: Hypervisor::new(None, channel, u64::from(std::process::id())),
            instances: Vec::new(),
            daemon,
            steps,
        })
    }

    /// Tells it to its end; an error when anything is not as it must be.
    pub(super) async fn tell(&mut self) -> Result<()> {
        self.create_networks().await?;
        for name in ["one", "two", "three"] {
            self.boot(name).await?;
        }
        self.show_network_info().await?;
        self.ping().await?;
        self.spoof().await?;
        self.replace("three", "four").await?;
        self.show_what_exists().await?;
        say(self.steps.table())
    }

    /// Says how to talk to it from another terminal.
    pub(super) fn say_how_to_talk_to_it(&self) -> Result<()> {
        let pid = self.daemon.pid()?;
        let enter = if Uid::effective().is_root() && !is_in_user_namespace() {
            format!("nsenter --net --target {pid}")
        } else {
            format!("nsenter --user --preserve-credentials --net --target {pid}")
        };
        let lepton = format!("  {} --endpoint {}", self.cli.program.display(), self.cli.endpoint);
        say("It stays up until Ctrl-C. To talk to it from another terminal:")?;
        say(format_args!("{lepton} network list"))?;
        for (name, instance) in &self.instances {
            say(format_args!("{lepton} instance show {}   # {name}", instance.id))?;
        }
        say("To look at its kernel:")?;
        say(format_args!("  {enter} {} link", IP.path().display()))?;
        say(format_args!("  {enter} {} list ruleset", NFT.path().display()))
    }

    /// Kills what lives and stops leptond.
    pub(super) async fn end(self) -> Result<()> {
        for (name, instance) in self.instances {
            instance.kill(&self.hypervisor).await.with_context(|| format!("cannot kill {name}"))?;
        }
        self.daemon.stop().await
    }

    async fn create_networks(&mut self) -> Result<()> {
        let Self { steps, cli, .. } = self;
        steps
            .take("Two networks are made with the CLI", async || {
                let blue = "network create blue --cidr 10.1.0.0/24 --cidr fd00:1::/64";
                let green =
                    "network create green --cidr 10.2.0.0/24 --cidr fd00:2::/64 --mtu 1400 --priority 10";
                Ok([cli.run(blue).await?, cli.run(green).await?].join("\n"))
            })
            .await
            .map(drop)
    }

    async fn boot(&mut self, name: &str) -> Result<()> {
        let Self { steps, hypervisor, guest_program, instances, .. } = self;
        steps
            .take(
                &format!("Instance {name} boots: AllocateForInstance, ports plugged, interfaces configured"),
                async || {
                    let boot = Boot { wait_for_active: Some(PLUG_TIMEOUT), ..Boot::new(PROJECT.parse()?) };
                    let instance = KernelInstance::boot(hypervisor, guest_program, boot).await?;
                    let mut table = Table::new(["vNIC", "MAC", "addresses", "device"]);
                    for vif in &instance.info.vifs {
                        let network = vif.network.as_ref().context("a vNIC without a network")?;
                        let addresses = tables::addresses(network).join(" ");
                        table.row([
                            network.label.clone(),
                            vif.mac_address.clone(),
                            addresses,
                            vif.device.clone(),
                        ]);
                    }
                    instances.push((name.to_owned(), instance));
                    Ok(table)
                },
            )
            .await
            .map(drop)
    }

    async fn show_network_info(&mut self) -> Result<()> {
        let Self { steps, cli, instances, .. } = self;
        let id = instances.first().context("no instance")?.1.id;
        steps
            .take("The NetworkInfo of instance one", async || cli.run(&format!("instance show {id}")).await)
            .await
            .map(drop)
    }

    async fn ping(&mut self) -> Result<()> {
        let Self { steps, instances, .. } = self;
        steps
            .take("They ping each other over IPv4 and IPv6 on both networks", async || {
                pings::all_pairs(instances).await
            })
            .await
            .map(drop)
    }

    async fn spoof(&mut self) -> Result<()> {
        let Self { steps, instances, .. } = self;
        steps
            .take("Instance one lies about its addresses and its MAC, and is dropped", async || {
                let [(_, liar), (_, victim), ..] = instances.as_mut_slice() else {
                    bail!("too few instances")
                };
                spoof::is_dropped(liar, &victim.info).await
            })
            .await
            .map(drop)
    }

    /// Kills an instance and boots another one, which gets its addresses.
    async fn replace(&mut self, name: &str, next: &str) -> Result<()> {
        let position =
            self.instances.iter().position(|(other, _)| other == name).context("no such instance")?;
        let (_, instance) = self.instances.remove(position);
        let before = instance.info.clone();
        let Self { steps, hypervisor, client, .. } = self;
        steps
            .take(&format!("Instance {name} is deallocated: its ports and addresses are gone"), async || {
                gone(client, hypervisor, instance).await
            })
            .await?;
        self.boot(next).await?;
        let (_, instance) = self.instances.last().context("no instance")?;
        ensure!(
            ipv4(&instance.info) == ipv4(&before),
            "{next} has {:?} instead of {:?}, which was free",
            ipv4(&instance.info),
            ipv4(&before)
        );
        let addresses = ipv4(&before).join(" ");
        say(format_args!("   {next} has the IPv4 addresses that {name} had: {addresses}\n"))
    }

    async fn show_what_exists(&mut self) -> Result<()> {
        let Self { steps, instances, client, .. } = self;
        steps
            .take("What exists, by gRPC and by the kernel", async || {
                let mut infos = Vec::new();
                for (name, instance) in instances.iter() {
                    let request = v1::GetInstanceNwInfoRequest { instance_id: instance.id.to_string() };
                    infos.push((name.clone(), client.get_instance_nw_info(request).await?.into_inner()));
                }
                tables::existing(&infos, &kernel::links().await?)
            })
            .await
            .map(drop)
    }
}

/// Kills an instance, and waits until its addresses can be given out again.
async fn gone(
    client: &mut NetworkManagerClient<Channel>,
    hypervisor: &Hypervisor,
    instance: KernelInstance,
) -> Result<String> {
    let info = instance.info.clone();
    let released = instance.kill(hypervisor).await?;
    let request = v1::GetInstanceNwInfoRequest { instance_id: info.instance_id.clone() };
    let answer = client.get_instance_nw_info(request).await;
    ensure!(answer.is_err_and(|status| status.code() == Code::NotFound), "the instance is still known");
    time::timeout(RETURN_TIMEOUT, until_free(client, &info))
        .await
        .context("its addresses did not come back")??;
    let links = kernel::links().await?;
    for vif in &info.vifs {
        ensure!(links.iter().all(|link| link.ifname != vif.device), "the kernel still has {}", vif.device);
    }
    Ok(format!("released {} ports; free again: {}", released.len(), ipv4(&info).join(" ")))
}

/// Asks whether the instance's IPv4 addresses could be given out, until they can: when the host has unplugged them.
async fn until_free(client: &mut NetworkManagerClient<Channel>, info: &v1::NetworkInfo) -> Result<()> {
    let networks: Vec<_> = info.vifs.iter().filter_map(|vif| vif.network.as_ref()).map(wish).collect();
    let mut interval = time::interval(RETURN_INTERVAL);
    loop {
        interval.tick().await;
        let (project_id, networks) = (PROJECT.to_owned(), networks.clone());
        let request = v1::ValidateNetworksRequest { project_id, networks, allow_duplicate_networks: false };
        match client.validate_networks(request).await {
            Ok(_) => return Ok(()),
            Err(status) if lepton_sim::reason(&status) == "FIXED_IP_ALREADY_IN_USE" => {}
            Err(status) => return Err(status.into()),
        }
    }
}

/// The wish for the same network with the same IPv4 addresses.
fn wish(network: &v1::VifNetwork) -> v1::RequestedNetwork {
    let fixed_ips = tables::addresses(network).into_iter().filter(|address| !address.contains(':'));
    v1::RequestedNetwork { network_id: network.id.clone(), fixed_ips: fixed_ips.map(str::to_owned).collect() }
}

fn ipv4(info: &v1::NetworkInfo) -> Vec<&str> {
    let networks = info.vifs.iter().filter_map(|vif| vif.network.as_ref());
    networks.flat_map(tables::addresses).filter(|address| !address.contains(':')).collect()
}

/// Whether root is root in here alone: the first user namespace maps every uid to itself.
fn is_in_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}
