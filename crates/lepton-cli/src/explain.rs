//! `lepton explain`: why things are as they are.

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    client::Client,
    error::Error,
    fixed::PlaceOptions,
    output::{ExplanationView, Output},
    settings::Settings,
};

/// What can be explained.
#[derive(Debug, Subcommand)]
pub(crate) enum ExplainCommand {
    /// Why an instance has these vNICs, each with its network, its place, its MAC and its addresses
    Instance {
        /// UUID of the instance
        instance: String,
    },
    /// Why a port is on its network, with its MAC and its addresses, and what its hosts say of it
    Port {
        /// UUID of the port, or the MAC of its vNIC
        port: String,
    },
    /// What an address is, a fixed IP or a floating IP that a project has, and why who has it has it
    Address {
        /// The address
        address: String,

        #[command(flatten)]
        place: PlaceOptions,
    },
}

/// Does what the command says.
pub(crate) async fn run(command: ExplainCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let explanation = match command {
        ExplainCommand::Instance { instance } => {
            let request = pb::ExplainInstanceRequest { instance_id: instance };
            client
                .ask(request, async |mut calls, request| calls.explain.explain_instance(request).await)
                .await?
        }
        ExplainCommand::Port { port } => {
            let (port_id, mac_address) =
                if port.contains(':') { (String::new(), port) } else { (port, String::new()) };
            let request = pb::ExplainPortRequest { port_id, mac_address };
            client.ask(request, async |mut calls, request| calls.explain.explain_port(request).await).await?
        }
        ExplainCommand::Address { address, place: PlaceOptions { network, subnet } } => {
            let request = pb::ExplainAddressRequest { address, network_id: network, subnet_id: subnet };
            client
                .ask(request, async |mut calls, request| calls.explain.explain_address(request).await)
                .await?
        }
    };
    let explanation = ExplanationView::from(explanation);
    output.print(&explanation)?;
    output.remark(&match explanation.differences() {
        0 => "Everything is as it should be.".to_owned(),
        1 => "What is marked with ! is not as it should be, or not yet.".to_owned(),
        more => format!("{more} things, marked with !, are not as they should be, or not yet."),
    });
    Ok(())
}
