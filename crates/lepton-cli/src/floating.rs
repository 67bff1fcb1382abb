//! `lepton floating`: addresses of pools that projects have, and that lead to fixed IPs.

mod pool;

use std::{net::IpAddr, num::NonZeroUsize};

use clap::Subcommand;
use lepton_proto::v1::{self as pb, list_floating_ips_request::Selection};

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{AssociationView, DeletedView, FloatingIpView, FloatingIpsView, Output},
    pages,
    settings::Settings,
};
use pool::PoolCommand;

/// What can be done with floating IPs.
#[derive(Debug, Subcommand)]
pub(crate) enum FloatingCommand {
    /// Make, list and delete pools
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Give a project an address of a pool
    Allocate(AllocateOptions),
    /// Give an address back to its pool
    Release(ReleaseOptions),
    /// Make an address lead to a fixed IP, wherever it led before
    ///
    /// For example: lepton floating associate 172.24.4.10 --instance 99999999-0001-4000-8000-000000000001
    Associate(AssociateOptions),
    /// Let an address lead nowhere; its project keeps it
    Disassociate(DisassociateOptions),
    /// List addresses that projects have, in their order
    List(ListOptions),
    /// Show an address and where it leads
    Show {
        /// The floating IP
        address: String,
    },
}

/// `floating allocate`.
#[derive(Debug, clap::Args)]
pub(crate) struct AllocateOptions {
    /// The project that shall have it [default for a tenant: its own]
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// The pool [default: the server's `floating.default_pool`]
    #[arg(long, value_name = "POOL", default_value = "", hide_default_value = true)]
    pool: String,

    /// This very address [default: the lowest that is free]
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    address: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `floating release`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseOptions {
    /// The floating IP
    address: String,

    /// Even if it leads to a fixed IP
    #[arg(long)]
    disassociate: bool,

    #[command(flatten)]
    auto: AutoOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Whether to touch what allocations assigned.
#[derive(Debug, clap::Args)]
pub(crate) struct AutoOptions {
    /// Even if an allocation assigned it by itself
    #[arg(long)]
    affect_auto_assigned: bool,
}

/// `floating associate`.
#[derive(Debug, clap::Args)]
pub(crate) struct AssociateOptions {
    /// The floating IP
    address: String,

    /// The fixed IP [default: the instance's first IPv4 address]
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    fixed_ip: String,

    /// UUID of the instance that has it
    #[arg(
        long,
        value_name = "INSTANCE",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "fixed_ip"
    )]
    instance: String,

    /// UUID of the network that it is on
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    network: String,

    #[command(flatten)]
    auto: AutoOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `floating disassociate`.
#[derive(Debug, clap::Args)]
pub(crate) struct DisassociateOptions {
    /// The floating IP
    address: String,

    #[command(flatten)]
    auto: AutoOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `floating list`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListOptions {
    /// Only this project's
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    #[command(flatten)]
    selection: SelectionOptions,

    /// Also those that allocations assigned by themselves
    #[arg(long)]
    auto_assigned: bool,

    /// At most so many addresses [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,

    #[command(flatten)]
    watch: WatchOptions,
}

/// Which floating IPs to list.
#[derive(Clone, Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct SelectionOptions {
    /// Only those of this pool
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,

    /// Only those that lead to this fixed IP
    #[arg(long, value_name = "ADDRESS")]
    fixed_ip: Option<String>,

    /// Only those that lead to this instance
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,

    /// Only those that this host is to carry
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

impl From<SelectionOptions> for Option<Selection> {
    fn from(options: SelectionOptions) -> Self {
        let SelectionOptions { pool, fixed_ip, instance, host } = options;
        pool.map(Selection::Pool)
            .or(fixed_ip.map(Selection::FixedIp))
            .or(instance.map(Selection::InstanceId))
            .or(host.map(Selection::Host))
    }
}

/// Does what the command says.
pub(crate) async fn run(command: FloatingCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        FloatingCommand::Pool(command) => pool::run(command, settings, output).await,
        FloatingCommand::Allocate(options) => allocate(options, settings, output).await,
        FloatingCommand::Release(options) => release(options, settings, output).await,
        FloatingCommand::Associate(options) => associate(options, settings, output).await,
        FloatingCommand::Disassociate(options) => disassociate(options, settings, output).await,
        FloatingCommand::List(options) => {
            let list = async |output| list(options.clone(), settings, output).await;
            options.watch.show(&["floating_ip.", "port.", "network."], settings, output, list).await
        }
        FloatingCommand::Show { address } => show(address, settings, output).await,
    }
}

async fn allocate(options: AllocateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::AllocateFloatingIpRequest {
        project_id: options.project,
        pool: options.pool,
        address: options.address,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.allocate_floating_ip(request).await;
    change.make(request, call, FloatingIpView::from, settings, output).await
}

async fn release(options: ReleaseOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::ReleaseFloatingIpRequest {
        address: options.address.clone(),
        disassociate: options.disassociate,
        affect_auto_assigned: options.auto.affect_auto_assigned,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.release_floating_ip(request).await;
    change
        .make(
            request,
            call,
            |_| DeletedView::released("Floating IP", options.address, change.is_dry_run),
            settings,
            output,
        )
        .await
}

async fn associate(options: AssociateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::AssociateFloatingIpRequest {
        address: options.address,
        fixed_ip: options.fixed_ip,
        instance_id: options.instance,
        network_id: options.network,
        affect_auto_assigned: options.auto.affect_auto_assigned,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.associate_floating_ip(request).await;
    change
        .make(
            request,
            call,
            |done| AssociationView::new(done.floating_ip, done.previous_instance_id),
            settings,
            output,
        )
        .await
}

async fn disassociate(
    options: DisassociateOptions,
    settings: &Settings,
    output: Output,
) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::DisassociateFloatingIpRequest {
        address: options.address,
        affect_auto_assigned: options.auto.affect_auto_assigned,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.floating.disassociate_floating_ip(request).await;
    change
        .make(
            request,
            call,
            |done| AssociationView::new(done.floating_ip, done.previous_instance_id),
            settings,
            output,
        )
        .await
}

async fn show(address: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetFloatingIpRequest { address };
    let floating_ip =
        client.ask(request, async |mut calls, request| calls.floating.get_floating_ip(request).await).await?;
    output.print(&FloatingIpView::from(floating_ip))
}

async fn list(options: ListOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::ListFloatingIpsRequest {
        project_id: options.project,
        selection: options.selection.into(),
        show_auto_assigned: options.auto_assigned,
        ..pb::ListFloatingIpsRequest::default()
    };
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListFloatingIpsRequest { page_size, page_token, ..request.clone() };
        let page =
            client.ask(request, async |mut calls, request| calls.floating.list_floating_ips(request).await);
        page.await.map(|page| (page.floating_ips, page.next_page_token))
    };
    // What is no address, which only a newer server can say, comes first.
    let key = |floating_ip: &pb::FloatingIp| {
        (floating_ip.address.parse::<IpAddr>().ok(), floating_ip.address.clone())
    };
    let (floating_ips, has_more) = pages::fetch_distinct(options.limit, key, page).await?;
    let count = floating_ips.len();
    let none = "There are none; `lepton floating allocate` gives a project one.";
    output.print_list(&FloatingIpsView::new(floating_ips, has_more), count, has_more, none)
}
