//! `lepton subnet`: add subnets to networks that exist, look at them, change them, take them away.

use clap::{Subcommand, builder::NonEmptyStringValueParser};
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    output::{DeletedView, Output, SubnetView},
    settings::Settings,
    subnet_options::SubnetOptions,
};

/// What can be done with subnets.
#[derive(Debug, Subcommand)]
pub(crate) enum SubnetCommand {
    /// Add a subnet to a network; vNICs that are there already get no address in it
    ///
    /// For example: lepton subnet add NETWORK --cidr 10.2.0.0/24 --dns 10.2.0.53
    Add(Box<AddOptions>),
    /// Show a subnet
    Show {
        /// UUID of the subnet
        subnet: String,
    },
    /// Change what is given of a subnet and leave the rest as it is
    Modify(ModifyOptions),
    /// Delete a subnet whose addresses no port has
    Delete {
        /// UUID of the subnet
        subnet: String,
        #[command(flatten)]
        change: ChangeOptions,
    },
}

/// `subnet add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddOptions {
    /// UUID of the network
    network: String,

    #[command(flatten)]
    subnet: SubnetOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `subnet modify`.
#[derive(Debug, clap::Args)]
pub(crate) struct ModifyOptions {
    /// UUID of the subnet
    subnet: String,

    /// Router that guests shall use, on an address that is free
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_gateway", value_parser = NonEmptyStringValueParser::new())]
    gateway: Option<String>,

    /// No router
    #[arg(long)]
    no_gateway: bool,

    /// Name server for guests, in the order to ask them; replaces those that there are
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_dns", value_parser = NonEmptyStringValueParser::new())]
    dns: Vec<String>,

    /// No name server
    #[arg(long)]
    no_dns: bool,

    /// Who shall answer the guests' DHCP requests: the gateway's address, or one outside the pools
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_dhcp_server", value_parser = NonEmptyStringValueParser::new())]
    dhcp_server: Option<String>,

    /// Nobody answers DHCP requests
    #[arg(long)]
    no_dhcp_server: bool,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the command says.
pub(crate) async fn run(command: SubnetCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        SubnetCommand::Add(options) => add(*options, settings, output).await,
        SubnetCommand::Show { subnet } => show(subnet, settings, output).await,
        SubnetCommand::Modify(options) => modify(options, settings, output).await,
        SubnetCommand::Delete { subnet, change } => delete(subnet, change.into(), settings, output).await,
    }
}

async fn add(options: AddOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::AddSubnetRequest {
        network_id: options.network,
        subnet: Some(options.subnet.into_spec()?),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.subnets.add_subnet(request).await;
    change.make(request, call, SubnetView::from, settings, output).await
}

async fn show(subnet_id: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetSubnetRequest { subnet_id };
    let subnet =
        client.ask(request, async |mut calls, request| calls.subnets.get_subnet(request).await).await?;
    output.print(&SubnetView::from(subnet))
}

async fn modify(options: ModifyOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let has_dns = options.no_dns || !options.dns.is_empty();
    let request = pb::ModifySubnetRequest {
        subnet_id: options.subnet,
        gateway: given(options.gateway, options.no_gateway),
        dns: has_dns.then_some(pb::DnsServers { addresses: options.dns }),
        dhcp_server: given(options.dhcp_server, options.no_dhcp_server),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.subnets.modify_subnet(request).await;
    change.make(request, call, SubnetView::from, settings, output).await
}

async fn delete(subnet_id: String, change: Change, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::DeleteSubnetRequest {
        subnet_id: subnet_id.clone(),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.subnets.delete_subnet(request).await;
    change
        .make(request, call, |_| DeletedView::new("Subnet", subnet_id, change.is_dry_run), settings, output)
        .await
}

/// A value to set, the wire's empty text to take what is there away, or nothing to leave it.
pub(crate) fn given(value: Option<String>, is_none: bool) -> Option<String> {
    value.or(is_none.then(String::new))
}
