//! `lepton quota`: what projects have and may have.

use std::num::NonZeroUsize;

use clap::Subcommand;
use lepton_proto::v1::{self as pb, quota_limit::Limit};

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{Output, QuotaView, QuotasView},
    pages,
    settings::Settings,
};

/// What can be done with quotas.
#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// Show what a project has and may have
    Show {
        /// The project [default for a tenant: its own]
        #[arg(default_value = "", hide_default_value = true)]
        project: String,
    },
    /// Set what a project may have; a limit below what it has takes nothing away
    ///
    /// For example: lepton quota set p1 --ports 100 --floating-ips default
    Set(SetOptions),
    /// List what projects have and may have
    List {
        /// At most so many projects [default: all]
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
        limit: Option<NonZeroUsize>,

        #[command(flatten)]
        watch: WatchOptions,
    },
}

/// `quota set`.
#[derive(Debug, clap::Args)]
pub(crate) struct SetOptions {
    /// The project
    project: String,

    #[command(flatten)]
    limits: LimitOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// What a project may have. A limit is a number, `unlimited`, or `default`: what the server's configuration says.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct LimitOptions {
    /// How many networks it may own: a number, `unlimited`, or `default` for the server's configuration
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = limit)]
    networks: Option<Limit>,

    /// How many ports its instances may have
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = limit)]
    ports: Option<Limit>,

    /// How many addresses its ports may have
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = limit)]
    fixed_ips: Option<Limit>,

    /// How many floating IPs it may have
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = limit)]
    floating_ips: Option<Limit>,
}

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "unlimited" => Ok(Limit::Unlimited(())),
        "default" => Ok(Limit::Configured(())),
        number => number
            .parse()
            .map(Limit::AtMost)
            .map_err(|_| format!("expected a number from 0 to {}, `unlimited` or `default`", u32::MAX)),
    }
}

/// Does what the command says.
pub(crate) async fn run(command: QuotaCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        QuotaCommand::Show { project } => show(project, settings, output).await,
        QuotaCommand::Set(options) => set(options, settings, output).await,
        QuotaCommand::List { limit, watch } => {
            let list = async |output| list(limit, settings, output).await;
            watch
                .show(&["quota.", "network.", "port.", "fixed_ip.", "floating_ip."], settings, output, list)
                .await
        }
    }
}

async fn show(project: String, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let request = pb::GetQuotaRequest { project_id: project };
    let quota = client.ask(request, async |mut calls, request| calls.quotas.get_quota(request).await).await?;
    output.print(&QuotaView::from(quota))
}

async fn set(options: SetOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let given = |limit: Option<Limit>| limit.map(|limit| pb::QuotaLimit { limit: Some(limit) });
    let request = pb::SetQuotaRequest {
        project_id: options.project,
        networks: given(options.limits.networks),
        ports: given(options.limits.ports),
        fixed_ips: given(options.limits.fixed_ips),
        floating_ips: given(options.limits.floating_ips),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.quotas.set_quota(request).await;
    change.make(request, call, QuotaView::from, settings, output).await
}

async fn list(limit: Option<NonZeroUsize>, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListQuotasRequest { page_size, page_token };
        let page = client.ask(request, async |mut calls, request| calls.quotas.list_quotas(request).await);
        page.await.map(|page| (page.quotas, page.next_page_token))
    };
    let (quotas, has_more) = pages::fetch(limit, page).await?;
    let count = quotas.len();
    let none = "No project has anything yet; `lepton quota show PROJECT` shows what one may have.";
    output.print_list(&QuotasView::new(quotas, has_more), count, has_more, none)
}
