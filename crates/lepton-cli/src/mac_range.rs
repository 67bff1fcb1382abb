//! `lepton mac-range`: the MACs that ports are given.

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    output::{DeletedView, MacRangeView, MacRangesView, Output},
    settings::Settings,
};

/// What can be done with ranges of MACs.
#[derive(Debug, Subcommand)]
pub(crate) enum MacRangeCommand {
    /// Make a range: from then on ports are given MACs of the ranges, not of leptond's configured base
    ///
    /// For example: lepton mac-range create 02:16:3e:00:00:00/24
    Create {
        /// The lowest MAC and how many bits all have in common, 24 to 47
        range: String,

        #[command(flatten)]
        change: ChangeOptions,
    },
    /// List ranges in the order in which they are drawn from
    List {
        #[command(flatten)]
        watch: WatchOptions,
    },
    /// Show a range
    Show {
        /// UUID of the range
        mac_range: String,
    },
    /// Delete a range that no port has a MAC of
    Delete {
        /// UUID of the range
        mac_range: String,

        #[command(flatten)]
        change: ChangeOptions,
    },
}

/// Does what the command says.
pub(crate) async fn run(command: MacRangeCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        MacRangeCommand::Create { range, change } => create(range, change.into(), settings, output).await,
        MacRangeCommand::List { watch } => {
            let list = async |output| list(settings, output).await;
            watch.show(&["mac_range.", "port."], settings, output, list).await
        }
        MacRangeCommand::Show { mac_range } => show(mac_range, settings, output).await,
        MacRangeCommand::Delete { mac_range, change } => {
            delete(mac_range, change.into(), settings, output).await
        }
    }
}

async fn create(range: String, change: Change, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::CreateMacRangeRequest {
        range,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.mac_ranges.create_mac_range(request).await;
    change.make(request, call, MacRangeView::from, settings, output).await
}

async fn delete(mac_range: String, change: Change, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::DeleteMacRangeRequest {
        mac_range_id: mac_range.clone(),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.mac_ranges.delete_mac_range(request).await;
    let view = |_| DeletedView::new("Range", mac_range, change.is_dry_run);
    change.make(request, call, view, settings, output).await
}

async fn show(mac_range: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetMacRangeRequest { mac_range_id: mac_range };
    let range = client.ask(request, async |mut calls, request| calls.mac_ranges.get_mac_range(request).await);
    output.print(&MacRangeView::from(range.await?))
}

async fn list(settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::ListMacRangesRequest {};
    let call = async |mut calls: Calls, request| calls.mac_ranges.list_mac_ranges(request).await;
    let ranges = client.ask(request, call).await?.mac_ranges;
    let (count, none) = (ranges.len(), "There are none: ports have MACs of leptond's configured base.");
    output.print_list(&MacRangesView::from(ranges), count, false, none)
}
