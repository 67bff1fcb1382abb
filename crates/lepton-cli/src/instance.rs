//! `lepton instance`: give instances their vNICs, look at them, take them back.

mod find;
mod migrate;

use std::{str::FromStr, time::Duration};

use clap::{Subcommand, ValueEnum};
use lepton_proto::v1::{
    self as pb,
    port_binding::{Kind, Veth},
};

use self::migrate::MigrateOptions;
use crate::{
    change::{Change, ChangeOptions},
    client::Client,
    duration,
    error::Error,
    number::number,
    output::{DeallocatedView, DocumentView, NetworkInfoView, Output, ValidatedView},
    settings::Settings,
};
use find::FindOptions;

/// What can be done with instances.
#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// Give an instance a vNIC on each of its networks, or nothing at all
    ///
    /// For example: lepton instance allocate $(cat /proc/sys/kernel/random/uuid) --project p1 --wait
    Allocate(Box<AllocateOptions>),
    /// Show an instance's vNICs, in order, and whether they are plugged
    Show {
        /// UUID of the instance
        instance: String,

        /// Print one JSON document that other programs read instead
        #[arg(long, value_name = "FORM", value_enum)]
        form: Option<Form>,
    },
    /// Find the instances that have an address
    ///
    /// For example: lepton instance find --cidr 10.1.0.0/24
    Find(FindOptions),
    /// Take an instance's vNICs back; does no harm to one that has none
    Deallocate(DeallocateOptions),
    /// Move an instance to another host: its vNICs are plugged there too, and stay active where they are until the move is
    /// finished
    ///
    /// For example: lepton instance migrate INSTANCE --to node-2 --wait, and then lepton instance migrate INSTANCE --finish
    Migrate(MigrateOptions),
    /// Say whether an instance could have these networks and addresses now
    Validate {
        #[command(flatten)]
        networks: NetworkOptions,
    },
}

/// A form in which other programs read an instance's vNICs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    /// The model of Nova's compute agents
    Model,
    /// The pairs that Nova's hypervisor drivers knew before the model
    Legacy,
    /// cloud-init's network_data.json
    NetworkData,
}

/// `instance allocate`.
#[derive(Debug, clap::Args)]
pub(crate) struct AllocateOptions {
    /// UUID of the instance
    instance: String,

    #[command(flatten)]
    networks: NetworkOptions,

    /// The host that plugs the vNICs [default: the host of leptond's own agent]
    #[arg(long, value_name = "HOST", default_value = "", hide_default_value = true)]
    host: String,

    /// What the instance calls itself; DHCP and DNS use it [default: nothing]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    hostname: String,

    /// The availability zone that it is in; a DNS domain may be for the instances of one [default: none]
    #[arg(long, value_name = "ZONE", default_value = "", hide_default_value = true)]
    availability_zone: String,

    /// Plug veth pairs whose inner ends are in this network namespace, such as /run/netns/web1 [default: taps]
    #[arg(long, value_name = "PATH")]
    netns: Option<String>,

    /// Name of the inner ends; %d is the vNIC's position [default: eth%d]
    #[arg(long, value_name = "NAME", requires = "netns", default_value = "", hide_default_value = true)]
    guest_device: String,

    /// Answer when the host has plugged every vNIC, and undo everything if it cannot in time [default: answer at
    /// once; with --wait alone: 30s]
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "30s",
        value_parser = duration::parse,
    )]
    wait: Option<Duration>,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Which networks an instance is to have.
#[derive(Debug, clap::Args)]
pub(crate) struct NetworkOptions {
    /// The instance's project
    #[arg(long, value_name = "PROJECT")]
    project: String,

    /// A network to plug into, with the addresses to have there; repeat it for more vNICs, in their order [default:
    /// the project's own and the global networks]
    #[arg(long = "network", value_name = "UUID[,ip=ADDRESS]...")]
    networks: Vec<RequestedNetwork>,

    /// Let a network be named more than once
    #[arg(long)]
    allow_duplicate_networks: bool,
}

/// `instance deallocate`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeallocateOptions {
    /// UUID of the instance
    instance: String,

    /// Which life of the instance to end, as `instance show` tells it [default: whichever lives]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true, allow_negative_numbers = true, value_parser = number::<u64>("the number that `instance show` tells"))]
    incarnation: u64,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `--network`'s value.
#[derive(Clone, Debug, PartialEq)]
struct RequestedNetwork(pb::RequestedNetwork);

impl FromStr for RequestedNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let network_id = parts.next().unwrap_or_default().to_owned();
        let fixed_ip = |part: &str| match part.strip_prefix("ip=") {
            Some(address) => Ok(address.to_owned()),
            None => Err(format!("expected ip=ADDRESS after the network, not {part:?}")),
        };
        let fixed_ips = parts.map(fixed_ip).collect::<Result<_, _>>()?;
        Ok(Self(pb::RequestedNetwork { network_id, fixed_ips }))
    }
}

/// Does what the command says.
pub(crate) async fn run(command: InstanceCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        InstanceCommand::Allocate(options) => allocate(*options, settings, output).await,
        InstanceCommand::Show { instance, form: None } => show(instance, settings, output).await,
        InstanceCommand::Show { instance, form: Some(form) } => tell(instance, form, settings, output).await,
        InstanceCommand::Find(options) => {
            let list = async |output| find::run(options.clone(), settings, output).await;
            options
                .watch
                .show(&["instance.", "port.", "fixed_ip.", "floating_ip."], settings, output, list)
                .await
        }
        InstanceCommand::Deallocate(options) => deallocate(options, settings, output).await,
        InstanceCommand::Migrate(options) => migrate::run(options, settings, output).await,
        InstanceCommand::Validate { networks } => validate(networks, settings, output).await,
    }
}

async fn allocate(options: AllocateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let guest_device = options.guest_device;
    let veth = options.netns.map(|netns_path| Kind::Veth(Veth { netns_path, guest_device }));
    let request = pb::AllocateForInstanceRequest {
        instance_id: options.instance,
        project_id: options.networks.project,
        host: options.host,
        networks: options.networks.networks.into_iter().map(|network| network.0).collect(),
        allow_duplicate_networks: options.networks.allow_duplicate_networks,
        binding: veth.map(|kind| pb::PortBinding { kind: Some(kind) }),
        wait_for_active: options.wait.map(duration::to_wire),
        hostname: options.hostname,
        availability_zone: options.availability_zone,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let client = Client::connect(settings).await?.allowing(options.wait.unwrap_or_default());
    let info = client
        .change(&change, request, async |mut calls, request| {
            calls.manager.allocate_for_instance(request).await
        })
        .await?;

    if info.vifs.is_empty() {
        output.remark("The instance has no vNIC: its project may use no network.");
    }
    change.print(&NetworkInfoView::from(info), output)
}

async fn show(instance_id: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetInstanceNwInfoRequest { instance_id };
    let info = client
        .ask(request, async |mut calls, request| calls.manager.get_instance_nw_info(request).await)
        .await?;
    output.print(&NetworkInfoView::from(info))
}

async fn tell(instance_id: String, form: Form, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let form = pb::NetworkInfoForm::from(form).into();
    let request = pb::GetInstanceNwInfoJsonRequest { instance_id, form };
    let answer = client
        .ask(request, async |mut calls, request| calls.manager.get_instance_nw_info_json(request).await)
        .await?;
    output.print(&DocumentView::try_from(answer)?)
}

impl From<Form> for pb::NetworkInfoForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Model => Self::Model,
            Form::Legacy => Self::Legacy,
            Form::NetworkData => Self::NetworkData,
        }
    }
}

async fn deallocate(options: DeallocateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::DeallocateForInstanceRequest {
        instance_id: options.instance,
        incarnation: options.incarnation,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let client = Client::connect(settings).await?;
    let released = client
        .change(&change, request, async |mut calls, request| {
            calls.manager.deallocate_for_instance(request).await
        })
        .await?;

    let view = DeallocatedView::from(released);
    if view.is_empty() {
        output.remark("The instance has no vNICs; there is nothing to release.");
    }
    change.print(&view, output)
}

async fn validate(networks: NetworkOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::ValidateNetworksRequest {
        project_id: networks.project.clone(),
        networks: networks.networks.into_iter().map(|network| network.0).collect(),
        allow_duplicate_networks: networks.allow_duplicate_networks,
    };
    let client = Client::connect(settings).await?;
    client.ask(request, async |mut calls, request| calls.manager.validate_networks(request).await).await?;
    output.print(&ValidatedView::new(networks.project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_followed_by_the_addresses_to_have_there() {
        let network = |network_id: &str, fixed_ips: &[&str]| {
            let fixed_ips = fixed_ips.iter().map(ToString::to_string).collect();
            Ok(RequestedNetwork(pb::RequestedNetwork { network_id: network_id.to_owned(), fixed_ips }))
        };
        assert_eq!("n1".parse(), network("n1", &[]));
        assert_eq!("n1,ip=10.1.0.5,ip=fd00::5".parse(), network("n1", &["10.1.0.5", "fd00::5"]));
        // Whether it is an address is for the server to say.
        assert_eq!("n1,ip=bananas".parse(), network("n1", &["bananas"]));
    }

    #[test]
    fn what_follows_a_network_must_be_an_address() {
        let error = "n1,10.1.0.5".parse::<RequestedNetwork>().unwrap_err();
        assert!(error.contains("\"10.1.0.5\""), "{error}");
    }
}
