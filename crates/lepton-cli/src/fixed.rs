//! `lepton fixed`: addresses of networks one by one, for an instance or kept back.

use std::{net::IpAddr, num::NonZeroUsize};

use clap::{Subcommand, ValueEnum};
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{FixedIpView, FixedIpsView, NetworkInfoView, Output},
    pages,
    settings::Settings,
};

/// What can be done with fixed IPs.
#[derive(Debug, Subcommand)]
pub(crate) enum FixedCommand {
    /// List addresses that are not free: whose they are, or why nobody's
    ///
    /// Those of a network or a subnet with its gateway and what else it keeps for itself, which are RESERVED with what for.
    List(ListOptions),
    /// Show what an address is
    Show(ShowOptions),
    /// Keep an address from being given to anybody
    ///
    /// For example: lepton fixed reserve 10.1.0.9 --network 11111111-1111-4111-8111-111111111111 --reason "name server"
    Reserve(ReserveOptions),
    /// Let a reserved address be given out again
    Unreserve(UnreserveOptions),
    /// Give an instance one more address
    Add(AddOptions),
    /// Take an address from an instance
    Remove(RemoveOptions),
}

/// `fixed list`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    selection: SelectionOptions,

    /// Only those that this project's instances have
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// Only those in this state
    #[arg(long, value_name = "STATE")]
    state: Option<State>,

    /// At most so many addresses [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,

    #[command(flatten)]
    watch: WatchOptions,
}

/// Which addresses to list.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SelectionOptions {
    /// Those of this network, by its UUID
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    network: String,

    /// Those of this subnet, by its UUID
    #[arg(long, value_name = "SUBNET", default_value = "", hide_default_value = true)]
    subnet: String,

    /// Those of this instance, by its UUID
    #[arg(long, value_name = "INSTANCE", default_value = "", hide_default_value = true)]
    instance: String,

    /// Those of the ports that are active on this host
    #[arg(long, value_name = "HOST", default_value = "", hide_default_value = true)]
    host: String,
}

/// In which state an address is that is not free.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// An operator keeps it, or its subnet for itself
    Reserved,
    /// A port has it, without a lease
    Allocated,
    /// A port has it, and a DHCP server has leased it to the port
    Leased,
    /// Taken from a port whose host has not followed yet
    Leaving,
    /// Nobody's, and not to be given out yet
    Resting,
}

impl From<State> for pb::FixedIpState {
    fn from(state: State) -> Self {
        match state {
            State::Reserved => Self::Reserved,
            State::Allocated => Self::Allocated,
            State::Leased => Self::Leased,
            State::Leaving => Self::Leaving,
            State::Resting => Self::Resting,
        }
    }
}

/// `fixed show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowOptions {
    /// The address
    address: String,

    #[command(flatten)]
    place: PlaceOptions,
}

/// Where an address is.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct PlaceOptions {
    /// UUID of the network [default: whichever has the address]
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    pub(crate) network: String,

    /// UUID of the subnet, instead of the network
    #[arg(long, value_name = "SUBNET", default_value = "", hide_default_value = true)]
    pub(crate) subnet: String,
}

/// Where an address is, which must be said.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NamedPlaceOptions {
    /// UUID of the network
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    network: String,

    /// UUID of the subnet, instead of the network
    #[arg(long, value_name = "SUBNET", default_value = "", hide_default_value = true)]
    subnet: String,
}

/// `fixed reserve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReserveOptions {
    /// The address
    address: String,

    #[command(flatten)]
    place: NamedPlaceOptions,

    /// What it is kept for
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `fixed unreserve`.
#[derive(Debug, clap::Args)]
pub(crate) struct UnreserveOptions {
    /// The address
    address: String,

    #[command(flatten)]
    place: NamedPlaceOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `fixed add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddOptions {
    /// UUID of the instance
    instance: String,

    /// This very address [default: the lowest that is free]
    #[arg(default_value = "", hide_default_value = true, required_unless_present_any = ["network", "subnet"])]
    address: String,

    #[command(flatten)]
    place: PlaceOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `fixed remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveOptions {
    /// UUID of the instance
    instance: String,

    /// The address
    address: String,

    /// UUID of the network, for an instance that has the address on several
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    network: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the command says.
pub(crate) async fn run(command: FixedCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        FixedCommand::List(options) => {
            let list = async |output| list(options.clone(), settings, output).await;
            options.watch.show(&["fixed_ip.", "port.", "subnet.", "network."], settings, output, list).await
        }
        FixedCommand::Show(options) => show(options, settings, output).await,
        FixedCommand::Reserve(options) => reserve(options, settings, output).await,
        FixedCommand::Unreserve(options) => unreserve(options, settings, output).await,
        FixedCommand::Add(options) => add(options, settings, output).await,
        FixedCommand::Remove(options) => remove(options, settings, output).await,
    }
}

async fn reserve(options: ReserveOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::ReserveFixedIpRequest {
        network_id: options.place.network,
        subnet_id: options.place.subnet,
        address: options.address,
        reason: options.reason,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.fixed.reserve_fixed_ip(request).await;
    change.make(request, call, FixedIpView::from, settings, output).await
}

async fn unreserve(options: UnreserveOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::UnreserveFixedIpRequest {
        network_id: options.place.network,
        subnet_id: options.place.subnet,
        address: options.address,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.fixed.unreserve_fixed_ip(request).await;
    change.make(request, call, FixedIpView::from, settings, output).await
}

async fn add(options: AddOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::AddFixedIpRequest {
        instance_id: options.instance,
        network_id: options.place.network,
        subnet_id: options.place.subnet,
        address: options.address,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.fixed.add_fixed_ip(request).await;
    change.make(request, call, NetworkInfoView::from, settings, output).await
}

async fn remove(options: RemoveOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::RemoveFixedIpRequest {
        instance_id: options.instance,
        address: options.address,
        network_id: options.network,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.fixed.remove_fixed_ip(request).await;
    change.make(request, call, NetworkInfoView::from, settings, output).await
}

async fn show(options: ShowOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let ShowOptions { address, place: PlaceOptions { network, subnet } } = options;
    let request = pb::GetFixedIpRequest { network_id: network, subnet_id: subnet, address };
    let client = Client::connect(settings).await?;
    let fixed_ip =
        client.ask(request, async |mut calls, request| calls.fixed.get_fixed_ip(request).await).await?;
    output.print(&FixedIpView::from(fixed_ip))
}

async fn list(options: ListOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let SelectionOptions { network, subnet, instance, host } = options.selection;
    let request = pb::ListFixedIpsRequest {
        network_id: network,
        subnet_id: subnet,
        instance_id: instance,
        host,
        project_id: options.project,
        state: options.state.map(pb::FixedIpState::from).unwrap_or_default().into(),
        ..pb::ListFixedIpsRequest::default()
    };
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListFixedIpsRequest { page_size, page_token, ..request.clone() };
        let page = client.ask(request, async |mut calls, request| calls.fixed.list_fixed_ips(request).await);
        page.await.map(|page| (page.fixed_ips, page.next_page_token))
    };
    // What is no address, which only a newer server can say, comes first.
    let key = |fixed_ip: &pb::FixedIp| {
        let address = fixed_ip.address.parse::<IpAddr>().ok();
        (address, fixed_ip.address.clone(), fixed_ip.subnet_id.clone())
    };
    let (fixed_ips, has_more) = pages::fetch_distinct(options.limit, key, page).await?;
    let count = fixed_ips.len();
    let none = "There are none; what is free is not listed.";
    output.print_list(&FixedIpsView::new(fixed_ips, has_more), count, has_more, none)
}
