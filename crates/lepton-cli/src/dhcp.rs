//! `lepton dhcp`: what a DHCP server is told of a network's guests, as dnsmasq reads it, and what it tells of them.

use clap::{Subcommand, ValueEnum};
use lepton_proto::v1 as pb;
use tonic::{Response, Status, Streaming};

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    output::{DhcpTextView, LeaseView, Output},
    settings::Settings,
};

/// What a DHCP server is told, and what it tells.
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
    /// Note that a DHCP server has given an address to a guest
    ///
    /// What fits no port is ignored with a warning, and is no error. As dnsmasq's --dhcp-script, called with an action, a MAC
    /// and an address: case "$1" in add|old) lepton dhcp lease "$3" --mac "$2" ;; del) lepton dhcp release "$3" --mac "$2" ;; esac
    Lease(WordOptions),
    /// Note that a DHCP server has taken an address back
    ///
    /// It frees nothing that a port has. What fits no port is ignored with a warning, and is no error.
    Release(WordOptions),
}

/// `dhcp lease` and `dhcp release`.
#[derive(Debug, clap::Args)]
pub(crate) struct WordOptions {
    /// The address
    address: String,

    /// The guest's hardware address
    #[arg(long, value_name = "MAC")]
    mac: String,

    #[command(flatten)]
    change: ChangeOptions,
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
        DhcpCommand::Lease(options) => return lease(options, settings, output).await,
        DhcpCommand::Release(options) => return release(options, settings, output).await,
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

async fn lease(options: WordOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::LeaseFixedIpRequest {
        address: options.address,
        mac_address: options.mac,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.fixed.lease_fixed_ip(request).await;
    change.make(request, call, LeaseView::from, settings, output).await
}

async fn release(options: WordOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::ReleaseFixedIpRequest {
        address: options.address,
        mac_address: options.mac,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.fixed.release_fixed_ip(request).await;
    change.make(request, call, LeaseView::from, settings, output).await
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
