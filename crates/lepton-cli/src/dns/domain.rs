//! `lepton dns domain`: make, list and delete domains.

use std::num::NonZeroUsize;

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{DeletedView, DnsDomainView, DnsDomainsView, Output},
    pages,
    settings::Settings,
};

/// What can be done with domains.
#[derive(Debug, Subcommand)]
pub(crate) enum DomainCommand {
    /// Make a domain, or change whom it is for when it is there
    ///
    /// For example: lepton dns domain create example.org --project p1
    Create(CreateOptions),
    /// List domains in the order of their names
    List {
        /// At most so many domains [default: all]
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
        limit: Option<NonZeroUsize>,

        #[command(flatten)]
        watch: WatchOptions,
    },
    /// Delete a domain with its names
    Delete {
        /// The domain
        domain: String,

        #[command(flatten)]
        change: ChangeOptions,
    },
}

/// `dns domain create`.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateOptions {
    /// The domain, for example example.org
    domain: String,

    /// The project whose tenants change its names [default: none; operators alone do]
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// Make it a domain of guests' own names, which tenants do not see
    #[arg(long)]
    private: bool,

    /// The only availability zone whose instances a private domain has [default: any]
    #[arg(long, value_name = "ZONE", default_value = "", hide_default_value = true)]
    availability_zone: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the command says.
pub(super) async fn run(command: DomainCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        DomainCommand::Create(options) => create(options, settings, output).await,
        DomainCommand::List { limit, watch } => {
            let list = async |output| list(limit, settings, output).await;
            watch.show(&["dns_domain."], settings, output, list).await
        }
        DomainCommand::Delete { domain, change } => delete(domain, change.into(), settings, output).await,
    }
}

async fn create(options: CreateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let scope = if options.private { pb::DnsDomainScope::Private } else { pb::DnsDomainScope::Public };
    let request = pb::CreateDnsDomainRequest {
        domain: options.domain,
        scope: scope.into(),
        project_id: options.project,
        availability_zone: options.availability_zone,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.dns.create_dns_domain(request).await;
    change.make(request, call, DnsDomainView::from, settings, output).await
}

async fn list(limit: Option<NonZeroUsize>, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListDnsDomainsRequest { page_size, page_token };
        let page = client.ask(request, async |mut calls, request| calls.dns.list_dns_domains(request).await);
        page.await.map(|page| (page.domains, page.next_page_token))
    };
    let (domains, has_more) = pages::fetch(limit, page).await?;
    let count = domains.len();
    let none = "There are none; `lepton dns domain create DOMAIN` makes one.";
    output.print_list(&DnsDomainsView::new(domains, has_more), count, has_more, none)
}

async fn delete(domain: String, change: Change, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::DeleteDnsDomainRequest {
        domain: domain.clone(),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.dns.delete_dns_domain(request).await;
    change
        .make(request, call, |_| DeletedView::new("Domain", domain, change.is_dry_run), settings, output)
        .await
}
