//! `lepton dhcp`: what a DHCP server is told of a network's guests, as dnsmasq reads it.

use clap::{Subcommand, ValueEnum};
use lepton_proto::v1 as pb;
use tonic::{Response, Status, Streaming};

use crate::{
    client::Client,
    error::Error,
    output::{DhcpTextView, Output},
    settings::Settings,
};

/// Which text.
#[derive(Debug, Subcommand)]
pub(crate) enum DhcpCommand {
    /// Print which MAC gets which address and name: dnsmasq's --dhcp-hostsfile
    ///
    /// For example: lepton dhcp hosts NETWORK >hosts
    Hosts(TextOptions),
    /// Print the lease file that a restarted dnsmasq takes over
    Leases(TextOptions),
    /// Print which vNICs get no default route: dnsmasq's --dhcp-optsfile, for hosts of the style linux-net
    Options {
        /// UUID of the network
        network: String,
    },
}

/// `dhcp hosts` and `dhcp leases`.
#[derive(Debug, clap::Args)]
pub(crate) struct TextOptions {
    /// UUID of the network
    network: String,

    /// Whose form the text has
    #[arg(long, value_name = "STYLE", value_enum, default_value_t = Style::Quantum)]
    style: Style,
}

/// Whose form a text has.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Style {
    /// The QuantumManager's: guests are called after their addresses
    Quantum,
    /// The other managers': guests have their own names
    LinuxNet,
}

impl From<Style> for pb::DhcpStyle {
    fn from(style: Style) -> Self {
        match style {
            Style::Quantum => Self::Quantum,
            Style::LinuxNet => Self::LinuxNet,
        }
    }
}

/// Does what the command says.
pub(crate) async fn run(command: DhcpCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    let (text, empty) = match command {
        DhcpCommand::Hosts(options) => (hosts(options, settings).await?, NO_GUESTS),
        DhcpCommand::Leases(options) => (leases(options, settings).await?, NO_GUESTS),
        DhcpCommand::Options { network } => (options(network, settings).await?, NO_OPTIONS),
    };
    if text.text.is_empty() {
        output.remark(empty);
    }
    output.print(&DhcpTextView::from(text))
}

const NO_GUESTS: &str = "No guest has an IPv4 address on the network.";

const NO_OPTIONS: &str = "Every vNIC gets a default route: each is its instance's first, or leptond's \
                          `dhcp.single_default_gateway` is false.";

async fn hosts(options: TextOptions, settings: &Settings) -> Result<pb::DhcpText, Error> {
    let TextOptions { network, style } = options;
    let request = pb::GetDhcpHostsRequest { network_id: network, style: pb::DhcpStyle::from(style).into() };
    let client = Client::connect(settings).await?;
    client
        .ask(request, async |mut calls, request| whole(calls.dhcp.get_dhcp_hosts(request).await?).await)
        .await
}

async fn leases(options: TextOptions, settings: &Settings) -> Result<pb::DhcpText, Error> {
    let TextOptions { network, style } = options;
    let request = pb::GetDhcpLeasesRequest { network_id: network, style: pb::DhcpStyle::from(style).into() };
    let client = Client::connect(settings).await?;
    client
        .ask(request, async |mut calls, request| whole(calls.dhcp.get_dhcp_leases(request).await?).await)
        .await
}

/// Only one style has options.
async fn options(network_id: String, settings: &Settings) -> Result<pb::DhcpText, Error> {
    let request = pb::GetDhcpOptionsRequest { network_id, style: pb::DhcpStyle::LinuxNet.into() };
    let client = Client::connect(settings).await?;
    client
        .ask(request, async |mut calls, request| whole(calls.dhcp.get_dhcp_options(request).await?).await)
        .await
}

/// Puts a text's parts together, all of them or none: half a file is worse than none.
async fn whole(parts: Response<Streaming<pb::DhcpText>>) -> Result<Response<pb::DhcpText>, Status> {
    let mut parts = parts.into_inner();
    let mut whole = pb::DhcpText::default();
    while let Some(pb::DhcpText { text, revision }) = parts.message().await? {
        whole.text += &text;
        whole.revision = revision;
    }
    Ok(Response::new(whole))
}
