//! `lepton instance find`: which instances have an address.

use std::num::NonZeroUsize;

use lepton_proto::v1::{self as pb, find_instances_request::Which};

use crate::{
    client::Client,
    error::Error,
    follow::WatchOptions,
    number,
    output::{FoundInstancesView, Output},
    pages,
    settings::Settings,
};

/// `instance find`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FindOptions {
    #[command(flatten)]
    which: WhichOptions,

    /// Only instances of this project [default: of every project that you see]
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// Only IPv4 (4) or IPv6 (6) addresses, with --prefix or --regex [default: both]
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true, allow_negative_numbers = true, value_parser = number::number::<u32>("4 or 6"))]
    ip_version: u32,

    /// At most so many addresses [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(super) watch: WatchOptions,
}

/// Which addresses.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct WhichOptions {
    /// This address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,

    /// Addresses in this prefix, for example 10.1.0.0/24
    #[arg(long, value_name = "CIDR")]
    cidr: Option<String>,

    /// Addresses whose text begins so, for example 10.1., or to which floating IPs lead whose text does
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,

    /// Addresses at the beginning of whose text this regular expression matches, or of that of floating IPs that lead to them
    #[arg(long, value_name = "PATTERN")]
    regex: Option<String>,

    /// The fixed IP that this floating IP leads to
    #[arg(long, value_name = "ADDRESS")]
    floating: Option<String>,
}

impl WhichOptions {
    fn into_wire(self) -> Option<Which> {
        let Self { ip, cidr, prefix, regex, floating } = self;
        let by_text = prefix.map(Which::Prefix).or(regex.map(Which::Pattern));
        let exact = ip.map(Which::Address).or(floating.map(Which::FloatingIp));
        exact.or(cidr.map(Which::Cidr)).or(by_text)
    }
}

pub(super) async fn run(options: FindOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let is_floating = options.which.floating.is_some();
    let question = pb::FindInstancesRequest {
        project_id: options.project,
        which: options.which.into_wire(),
        ip_version: options.ip_version,
        ..pb::FindInstancesRequest::default()
    };
    let client = Client::connect(settings).await?;
    let page = async |page_size, page_token| {
        let request = pb::FindInstancesRequest { page_size, page_token, ..question.clone() };
        let page =
            client.ask(request, async |mut calls, request| calls.queries.find_instances(request).await);
        page.await.map(|page| (page.found, page.next_page_token))
    };
    let (found, has_more) = pages::fetch(options.limit, page).await?;
    let count = found.len();
    let nowhere = "The floating IP leads to no instance.";
    let none = if is_floating { nowhere } else { "No instance has such an address." };
    output.print_list(&FoundInstancesView::new(found, has_more), count, has_more, none)
}
