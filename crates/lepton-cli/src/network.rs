//! `lepton network`: make, list, look at, change and delete networks.

mod carve;
mod modify;

use std::num::NonZeroUsize;

use clap::{Subcommand, builder::NonEmptyStringValueParser};
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{DeletedView, NetworkView, NetworksView, Output},
    pages,
    settings::Settings,
    subnet_options::SubnetOptions,
};
use carve::CarveOptions;
use modify::{AssociateOptions, DisassociateOptions, ModifyOptions};

/// What can be done with networks.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Make a network
    ///
    /// For example: lepton network create private --cidr 10.1.0.0/24 --cidr fd00:1::/64 --dns 10.1.0.53
    Create(Box<CreateOptions>),
    /// Make networks of one size from a range, around the prefixes that are occupied
    ///
    /// For example: lepton network carve private --range 10.0.0.0/16 --count 4
    Carve(Box<CarveOptions>),
    /// List networks in the order of their creation
    List(ListOptions),
    /// Show a network with its subnets
    Show {
        /// UUID of the network
        network: String,
    },
    /// Change what is given of a network and leave the rest as it is
    Modify(ModifyOptions),
    /// Associate a network with a project or a host, if it has none yet; the answer tells whose it is
    Associate(AssociateOptions),
    /// End a network's association with its project, its host, or both
    Disassociate(DisassociateOptions),
    /// Delete a network that no port uses
    Delete {
        /// UUID of the network
        network: String,
        #[command(flatten)]
        change: ChangeOptions,
    },
}

/// `network create`.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateOptions {
    #[command(flatten)]
    network: SpecOptions,

    /// UUID of a network without subnets that was made beforehand and is to become this one [default: make a new one]
    #[arg(long, value_name = "UUID", default_value = "", hide_default_value = true)]
    id: String,

    #[command(flatten)]
    subnets: SubnetOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// What a new network is to be, but for its subnets.
#[derive(Debug, clap::Args)]
pub(crate) struct SpecOptions {
    /// What people call it; need not be unique
    label: String,

    /// The project that owns it [default: none; every project may use it]
    #[arg(long, value_name = "PROJECT", value_parser = NonEmptyStringValueParser::new())]
    project: Option<String>,

    /// Where its vNIC stands among an instance's vNICs: smaller first
    #[arg(long, value_name = "NUMBER", default_value_t = 0, allow_negative_numbers = true, value_parser = number::priority)]
    priority: i32,

    /// Largest IP packet that it carries, in bytes [default: 1500]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = number::mtu)]
    mtu: Option<u32>,

    /// The host whose router its traffic goes through [default: each instance's own host]
    #[arg(long, value_name = "HOST", value_parser = NonEmptyStringValueParser::new())]
    host: Option<String>,

    /// Have compute agents write the guest's network configuration into its disk
    #[arg(long)]
    injected: bool,
}

impl From<SpecOptions> for pb::NetworkSpec {
    fn from(options: SpecOptions) -> Self {
        Self {
            label: options.label,
            project_id: options.project.unwrap_or_default(),
            priority: options.priority,
            mtu: options.mtu.unwrap_or_default(),
            host: options.host.unwrap_or_default(),
            injected: options.injected,
            ..Self::default()
        }
    }
}

/// `network list`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListOptions {
    /// Only the networks that this project may use: its own and the global ones
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// At most so many networks [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,

    #[command(flatten)]
    watch: WatchOptions,
}

/// Does what the command says.
pub(crate) async fn run(command: NetworkCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        NetworkCommand::Create(options) => create(*options, settings, output).await,
        NetworkCommand::Carve(options) => carve::run(*options, settings, output).await,
        NetworkCommand::List(options) => {
            let list = async |output| list(options.clone(), settings, output).await;
            options.watch.show(&["network.", "subnet."], settings, output, list).await
        }
        NetworkCommand::Show { network } => show(network, settings, output).await,
        NetworkCommand::Modify(options) => modify::modify(options, settings, output).await,
        NetworkCommand::Associate(options) => modify::associate(options, settings, output).await,
        NetworkCommand::Disassociate(options) => modify::disassociate(options, settings, output).await,
        NetworkCommand::Delete { network, change } => delete(network, change.into(), settings, output).await,
    }
}

async fn create(options: CreateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let spec =
        pb::NetworkSpec { id: options.id, subnets: options.subnets.into_specs()?, ..options.network.into() };
    let request = pb::CreateNetworksRequest {
        networks: vec![spec],
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let client = Client::connect(settings).await?;
    let made = client
        .change(&change, request, async |mut calls, request| calls.manager.create_networks(request).await)
        .await?;

    let network = made
        .networks
        .into_iter()
        .next()
        .ok_or_else(|| Error::failed("the answer holds no network".into()))?;
    change.print(&NetworkView::from(network), output)
}

async fn list(options: ListOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let project_id = options.project.clone();
        let request = pb::ListNetworksRequest { project_id, page_size, page_token };
        let page = client.ask(request, async |mut calls, request| calls.manager.list_networks(request).await);
        page.await.map(|page| (page.networks, page.next_page_token))
    };
    let (networks, has_more) = pages::fetch(options.limit, page).await?;
    let count = networks.len();
    let none = "There are none; `lepton network create LABEL --cidr CIDR` makes one.";
    output.print_list(&NetworksView::new(networks, has_more), count, has_more, none)
}

async fn show(network_id: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetNetworkRequest { network_id };
    let network =
        client.ask(request, async |mut calls, request| calls.manager.get_network(request).await).await?;
    output.print(&NetworkView::from(network))
}

async fn delete(
    network_id: String,
    change: Change,
    settings: &Settings,
    output: Output,
) -> Result<(), Error> {
    let request = pb::DeleteNetworkRequest {
        network_id: network_id.clone(),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.manager.delete_network(request).await;
    change
        .make(request, call, |_| DeletedView::new("Network", network_id, change.is_dry_run), settings, output)
        .await
}
