//! `lepton floating pool`: where floating IPs come from.

use std::num::NonZeroUsize;

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{DeletedView, FloatingPoolView, FloatingPoolsView, Output},
    pages,
    settings::Settings,
};

/// What can be done with pools.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Make a pool, or give one more ranges; what it has already changes nothing
    ///
    /// For example: lepton floating pool create nova --range 172.24.4.0/24
    Create(CreateOptions),
    /// List pools with their ranges
    List {
        /// At most so many pools [default: all]
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
        limit: Option<NonZeroUsize>,

        #[command(flatten)]
        watch: WatchOptions,
    },
    /// Delete a pool, or take addresses from it, of which no project has one
    Delete(DeleteOptions),
}

/// `floating pool create`.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateOptions {
    /// Name of the pool
    pool: String,

    /// Addresses: a prefix such as 172.24.4.0/24, whose hosts they are, FIRST-LAST, or one; may be repeated
    #[arg(long = "range", value_name = "RANGE")]
    ranges: Vec<String>,

    /// The device that routers shall put them on [default: the router's]
    #[arg(long, value_name = "DEVICE", default_value = "", hide_default_value = true)]
    interface: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `floating pool delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteOptions {
    /// Name of the pool
    pool: String,

    /// Only these addresses, written as for `create`; may be repeated [default: the pool with all of them]
    #[arg(long = "range", value_name = "RANGE")]
    ranges: Vec<String>,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the command says.
pub(super) async fn run(command: PoolCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        PoolCommand::Create(options) => create(options, settings, output).await,
        PoolCommand::List { limit, watch } => {
            let list = async |output| list(limit, settings, output).await;
            watch.show(&["network.", "subnet.", "floating_ip."], settings, output, list).await
        }
        PoolCommand::Delete(options) if options.ranges.is_empty() => delete(options, settings, output).await,
        PoolCommand::Delete(options) => delete_ranges(options, settings, output).await,
    }
}

async fn create(options: CreateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::CreateFloatingPoolRequest {
        name: options.pool,
        ranges: options.ranges,
        interface: options.interface,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.create_floating_pool(request).await;
    change.make(request, call, FloatingPoolView::from, settings, output).await
}

async fn delete(options: DeleteOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::DeleteFloatingPoolRequest {
        name: options.pool.clone(),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.delete_floating_pool(request).await;
    change
        .make(request, call, |_| DeletedView::new("Pool", options.pool, change.is_dry_run), settings, output)
        .await
}

async fn delete_ranges(options: DeleteOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::DeleteFloatingRangesRequest {
        name: options.pool,
        ranges: options.ranges,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.delete_floating_ranges(request).await;
    change.make(request, call, FloatingPoolView::from, settings, output).await
}

async fn list(limit: Option<NonZeroUsize>, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListFloatingPoolsRequest { page_size, page_token };
        let page =
            client.ask(request, async |mut calls, request| calls.floating.list_floating_pools(request).await);
        page.await.map(|page| (page.pools, page.next_page_token))
    };
    let (pools, has_more) = pages::fetch(limit, page).await?;
    let count = pools.len();
    let none = "There are none; `lepton floating pool create POOL --range RANGE` makes one.";
    output.print_list(&FloatingPoolsView::new(pools, has_more), count, has_more, none)
}
