//! `lepton dns`: names in domains, and where they lead.

mod domain;

use std::num::NonZeroUsize;

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    error::Error,
    follow::WatchOptions,
    number,
    output::{DeletedView, DnsEntriesView, DnsEntryView, Output},
    pages,
    settings::Settings,
};
use domain::DomainCommand;

/// What can be done with DNS.
#[derive(Debug, Subcommand)]
pub(crate) enum DnsCommand {
    /// Make, list and delete domains
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Give a name in a domain an address
    ///
    /// For example: lepton dns add example.org www 172.24.4.10
    Add(AddOptions),
    /// Let a name lead to another address of the same family
    Modify(ModifyOptions),
    /// Take a name from a domain
    Remove(RemoveOptions),
    /// List a domain's names, or those that lead to an address
    List(ListOptions),
    /// Show where a name leads
    Show {
        #[command(flatten)]
        name: NameOptions,
    },
}

/// Which name.
#[derive(Debug, clap::Args)]
pub(crate) struct NameOptions {
    /// The domain, for example example.org
    domain: String,

    /// The name within it, for example www
    name: String,
}

/// `dns add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddOptions {
    #[command(flatten)]
    name: NameOptions,

    /// Where it leads
    address: String,

    /// A or AAAA [default: by the address]
    #[arg(long = "type", value_name = "TYPE", default_value = "", hide_default_value = true)]
    record_type: String,

    #[command(flatten)]
    bond: BondOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// With what a name ends.
#[derive(Debug, clap::Args)]
pub(crate) struct BondOptions {
    /// UUID of an instance that has the address: the name ends when it loses it [default: none, the name stays]
    #[arg(long, value_name = "INSTANCE", default_value = "", hide_default_value = true)]
    instance: String,
}

/// `dns modify`.
#[derive(Debug, clap::Args)]
pub(crate) struct ModifyOptions {
    #[command(flatten)]
    name: NameOptions,

    /// Where it is to lead
    address: String,

    #[command(flatten)]
    bond: BondOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `dns remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveOptions {
    #[command(flatten)]
    name: NameOptions,

    /// Only its address of this type, A or AAAA [default: of either]
    #[arg(long = "type", value_name = "TYPE", default_value = "", hide_default_value = true)]
    record_type: String,

    #[command(flatten)]
    change: ChangeOptions,
}

/// `dns list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    /// The domain [default: all of them, with --address]
    #[arg(default_value = "", hide_default_value = true)]
    domain: String,

    /// Only names that lead to this address
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    address: String,

    /// At most so many names [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,

    #[command(flatten)]
    watch: WatchOptions,
}

/// Does what the command says.
pub(crate) async fn run(command: DnsCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        DnsCommand::Domain(command) => domain::run(command, settings, output).await,
        DnsCommand::Add(options) => add(options, settings, output).await,
        DnsCommand::Modify(options) => modify(options, settings, output).await,
        DnsCommand::Remove(options) => remove(options, settings, output).await,
        DnsCommand::List(options) => {
            let request = pb::ListDnsEntriesRequest {
                domain: options.domain,
                address: options.address,
                ..pb::ListDnsEntriesRequest::default()
            };
            let list = async |output| list(request.clone(), options.limit, settings, output).await;
            options.watch.show(&["dns_entry.", "dns_domain."], settings, output, list).await
        }
        DnsCommand::Show { name: NameOptions { domain, name } } => {
            let request = pb::ListDnsEntriesRequest { domain, name, ..pb::ListDnsEntriesRequest::default() };
            list(request, None, settings, output).await
        }
    }
}

async fn add(options: AddOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::AddDnsEntryRequest {
        domain: options.name.domain,
        name: options.name.name,
        address: options.address,
        r#type: options.record_type,
        instance_id: options.bond.instance,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.dns.add_dns_entry(request).await;
    change.make(request, call, DnsEntryView::from, settings, output).await
}

async fn modify(options: ModifyOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let request = pb::ModifyDnsEntryRequest {
        domain: options.name.domain,
        name: options.name.name,
        address: options.address,
        instance_id: options.bond.instance,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.dns.modify_dns_entry(request).await;
    change.make(request, call, DnsEntryView::from, settings, output).await
}

async fn remove(options: RemoveOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let NameOptions { domain, name } = options.name;
    let full_name = format!("{name}.{domain}");
    let request = pb::DeleteDnsEntryRequest {
        domain,
        name,
        r#type: options.record_type,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };

    let call = async |mut calls: Calls, request| calls.dns.delete_dns_entry(request).await;
    change
        .make(request, call, |_| DeletedView::new("Name", full_name, change.is_dry_run), settings, output)
        .await
}

async fn list(
    request: pb::ListDnsEntriesRequest,
    limit: Option<NonZeroUsize>,
    settings: &Settings,
    output: Output,
) -> Result<(), Error> {
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::ListDnsEntriesRequest { page_size, page_token, ..request.clone() };
        let page = client.ask(request, async |mut calls, request| calls.dns.list_dns_entries(request).await);
        page.await.map(|page| (page.entries, page.next_page_token))
    };
    let (entries, has_more) = pages::fetch(limit, page).await?;
    let count = entries.len();
    let none = "There are none; `lepton dns add DOMAIN NAME ADDRESS` gives a name an address.";
    output.print_list(&DnsEntriesView::new(entries, has_more), count, has_more, none)
}
