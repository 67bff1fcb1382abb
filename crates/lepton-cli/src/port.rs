//! `lepton port`: instances' vNICs, one by one.

use std::num::NonZeroUsize;

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    client::Client,
    error::Error,
    follow::WatchOptions,
    number,
    output::{Output, PortView, PortsView},
    pages,
    settings::Settings,
};

/// What can be done with ports.
#[derive(Debug, Subcommand)]
pub(crate) enum PortCommand {
    /// List ports, by network and id
    List(ListOptions),
    /// Show a port
    Show {
        /// UUID of the port, or the MAC of its vNIC
        port: String,
    },
}

/// `port list`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListOptions {
    /// Only ports of this project
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// Only ports of this network, by its UUID
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    network: String,

    /// Only ports of this instance, by its UUID
    #[arg(
        long,
        value_name = "INSTANCE",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "network"
    )]
    instance: String,

    /// Only ports that are active on this host; with a limit those that have not changed for longest
    #[arg(
        long,
        value_name = "HOST",
        default_value = "",
        hide_default_value = true,
        conflicts_with_all = ["network", "instance"],
    )]
    host: String,

    /// At most so many ports [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,

    #[command(flatten)]
    watch: WatchOptions,
}

/// Does what the command says.
pub(crate) async fn run(command: PortCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        PortCommand::List(options) => {
            let list = async |output| list(options.clone(), settings, output).await;
            options.watch.show(&["port.", "fixed_ip.", "network."], settings, output, list).await
        }
        PortCommand::Show { port } => show(port, settings, output).await,
    }
}

async fn show(port: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = if port.contains(':') {
        pb::GetPortRequest { mac_address: port, ..pb::GetPortRequest::default() }
    } else {
        pb::GetPortRequest { port_id: port, ..pb::GetPortRequest::default() }
    };
    let client = Client::connect(settings).await?;
    let port = client.ask(request, async |mut calls, request| calls.ports.get_port(request).await).await?;
    output.print(&PortView::from(port))
}

async fn list(options: ListOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let ListOptions { project, network, instance, host, limit, watch: _ } = options;
    let request = pb::ListPortsRequest {
        project_id: project,
        network_id: network,
        instance_id: instance,
        host,
        ..pb::ListPortsRequest::default()
    };
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListPortsRequest { page_size, page_token, ..request.clone() };
        let page = client.ask(request, async |mut calls, request| calls.ports.list_ports(request).await);
        page.await.map(|page| (page.ports, page.next_page_token))
    };
    let key = |port: &pb::Port| (port.network_id.clone(), port.id.clone());
    let (ports, has_more) = pages::fetch_distinct(limit, key, page).await?;
    let count = ports.len();
    let none = "There are none; `lepton instance allocate` gives an instance its ports.";
    output.print_list(&PortsView::new(ports, has_more), count, has_more, none)
}
