//! `lepton route`: static routes for the guests of a subnet.

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    output::{Output, RoutesView},
    settings::Settings,
};

/// What can be done with routes.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Give the guests of a subnet a static route
    ///
    /// For example: lepton route add SUBNET 192.168.50.0/24 --gateway 10.1.0.254
    Add(AddOptions),
    /// Take a static route away
    Remove(RemoveOptions),
    /// List a subnet's static routes, by destination
    List {
        /// UUID of the subnet
        subnet: String,

        #[command(flatten)]
        watch: WatchOptions,
    },
}

/// Which route.
#[derive(Debug, clap::Args)]
pub(crate) struct RouteOptions {
    /// UUID of the subnet
    subnet: String,

    /// Where the route leads, for example 192.168.50.0/24
    destination: String,

    /// The destination's netmask, for example 255.255.255.0, when it is no prefix
    #[arg(long, value_name = "NETMASK", default_value = "", hide_default_value = true)]
    netmask: String,
}

/// `route add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddOptions {
    #[command(flatten)]
    route: RouteOptions,

    /// The next hop, an address of the subnet
    #[arg(long, value_name = "ADDRESS")]
    gateway: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `route remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveOptions {
    #[command(flatten)]
    route: RouteOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the command says.
pub(crate) async fn run(command: RouteCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        RouteCommand::Add(options) => add(options, settings, output).await,
        RouteCommand::Remove(options) => remove(options, settings, output).await,
        RouteCommand::List { subnet, watch } => {
            let list = async |output| list(subnet.clone(), settings, output).await;
            watch.show(&["subnet.", "network."], settings, output, list).await
        }
    }
}

async fn add(options: AddOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::AddRouteRequest {
        subnet_id: options.route.subnet,
        destination: options.route.destination,
        netmask: options.route.netmask,
        gateway: options.gateway,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.subnets.add_route(request).await;
    change.make(request, call, RoutesView::from, settings, output).await
}

async fn remove(options: RemoveOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::RemoveRouteRequest {
        subnet_id: options.route.subnet,
        destination: options.route.destination,
        netmask: options.route.netmask,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.subnets.remove_route(request).await;
    change.make(request, call, RoutesView::from, settings, output).await
}

async fn list(subnet_id: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetSubnetRequest { subnet_id };
    let subnet =
        client.ask(request, async |mut calls, request| calls.subnets.get_subnet(request).await).await?;
    let (routes, none) = (subnet.routes.len(), "There are no static routes; `lepton route add` adds one.");
    output.print_list(&RoutesView::from(subnet), routes, false, none)
}
