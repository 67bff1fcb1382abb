//! `lepton network modify`, `associate` and `disassociate`.

use clap::builder::NonEmptyStringValueParser;
use lepton_proto::v1::{self as pb, associate_network_request::With};

use crate::{
    change::{Change, ChangeOptions},
    client::Calls,
    error::Error,
    number,
    output::{NetworkView, Output},
    settings::Settings,
    subnet::given,
};

/// `network modify`.
#[derive(Debug, clap::Args)]
pub(crate) struct ModifyOptions {
    /// UUID of the network
    network: String,

    /// What people shall call it
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// Where its vNIC shall stand among the vNICs of instances to come: smaller first
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::priority)]
    priority: Option<i32>,

    /// The project that shall own it
    #[arg(long, value_name = "PROJECT", conflicts_with = "no_project", value_parser = NonEmptyStringValueParser::new())]
    project: Option<String>,

    /// Every project may use it
    #[arg(long)]
    no_project: bool,

    /// The host whose router its traffic shall go through
    #[arg(long, value_name = "HOST", conflicts_with = "no_host", value_parser = NonEmptyStringValueParser::new())]
    host: Option<String>,

    /// Its traffic goes through each instance's own host
    #[arg(long)]
    no_host: bool,

    /// Whether compute agents shall write the guest's network configuration into its disk
    #[arg(long, value_name = "true|false")]
    injected: Option<bool>,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `network associate`.
#[derive(Debug, clap::Args)]
pub(crate) struct AssociateOptions {
    /// UUID of the network
    network: String,

    #[command(flatten)]
    with: WithOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// With whom a network is to be associated.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WithOptions {
    /// The project that is to own it
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,

    /// The host whose router its traffic is to go through
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

/// `network disassociate`.
#[derive(Debug, clap::Args)]
pub(crate) struct DisassociateOptions {
    /// UUID of the network
    network: String,

    #[command(flatten)]
    from: FromOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// From whom a network is to be disassociated.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct FromOptions {
    /// From its project: every project may use it
    #[arg(long)]
    project: bool,

    /// From its host: its traffic goes through each instance's own host
    #[arg(long)]
    host: bool,
}

pub(super) async fn modify(options: ModifyOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::ModifyNetworkRequest {
        network_id: options.network,
        label: options.label,
        priority: options.priority,
        project_id: given(options.project, options.no_project),
        host: given(options.host, options.no_host),
        injected: options.injected,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.manager.modify_network(request).await;
    change.make(request, call, NetworkView::from, settings, output).await
}

pub(super) async fn associate(
    options: AssociateOptions,
    settings: &Settings,
    output: Output,
) -> Result<(), Error> {
    let change = Change::from(options.change);
    let WithOptions { project, host } = options.with;
    let request = pb::AssociateNetworkRequest {
        network_id: options.network,
        with: project.map(With::ProjectId).or(host.map(With::Host)),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.manager.associate_network(request).await;
    change.make(request, call, NetworkView::from, settings, output).await
}

pub(super) async fn disassociate(
    options: DisassociateOptions,
    settings: &Settings,
    output: Output,
) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::DisassociateNetworkRequest {
        network_id: options.network,
        project: options.from.project,
        host: options.from.host,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.manager.disassociate_network(request).await;
    change.make(request, call, NetworkView::from, settings, output).await
}
