//! `lepton host`: hosts as the ledger knows them.

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::Client,
    error::Error,
    output::{FencedView, Output},
    settings::Settings,
};

/// What can be done with hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Say that a host is gone for good: what was released on it becomes free
    ///
    /// Only when nothing on the host can send packets any more: its addresses may be given to others at once.
    Fence {
        /// The host, as `instance show` names it
        host: String,

        #[command(flatten)]
        change: ChangeOptions,
    },
}

/// Does what the command says.
pub(crate) async fn run(command: HostCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        HostCommand::Fence { host, change } => fence(host, change.into(), settings, output).await,
    }
}

async fn fence(host: String, change: Change, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::FenceHostRequest {
        host,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let client = Client::connect(settings).await?;
    let fenced = client
        .change(&change, request, async |mut calls, request| calls.manager.fence_host(request).await)
        .await?;

    let view = FencedView::from(fenced);
    if view.has_live_ports() {
        output.remark(
            "Some ports of the host are not released: deallocate or move their instances, then fence the host again.",
        );
    }
    if view.has_more() {
        output.remark("Further ports wait for the host: fence it again.");
    }
    change.print(&view, output)
}
