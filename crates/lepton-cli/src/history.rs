//! `lepton history`: who held an address or a MAC, and when; and what happened to an instance or a port.

use std::{cell::Cell, net::IpAddr, num::NonZeroUsize};

use clap::{ArgGroup, builder::NonEmptyStringValueParser};
use lepton_proto::v1::{self as pb, list_holders_request::What};
use lepton_types::MacAddr;
use prost_types::Timestamp;

use crate::{
    client::Client,
    error::Error,
    moment, number,
    output::{HoldingsView, Output},
    pages,
    settings::Settings,
};

/// `history`.
#[derive(Clone, Debug, clap::Args)]
#[command(group(ArgGroup::new("what").args(["held", "instance", "port"]).required(true)))]
pub(crate) struct HistoryOptions {
    /// An IP address, fixed or floating, or a MAC: who held it
    #[arg(value_name = "ADDRESS|MAC", value_parser = what)]
    held: Option<What>,

    /// What the ports of this instance held, in all of its lives, by its UUID
    #[arg(long, value_name = "INSTANCE", value_parser = NonEmptyStringValueParser::new())]
    instance: Option<String>,

    /// What this port held, by its UUID
    #[arg(long, value_name = "PORT", value_parser = NonEmptyStringValueParser::new())]
    port: Option<String>,

    /// Who held it, or what it held, at this moment, for example 2026-11-17T14:03Z
    #[arg(long, value_name = "TIME", value_parser = moment::parse, conflicts_with_all = ["since", "until"])]
    at: Option<Timestamp>,

    /// The same at this moment or later [default: as far back as the ledger remembers]
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Timestamp>,

    /// The same before this moment [default: up to now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Timestamp>,

    /// Only what this project held [default: whoever held it that you see]
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// At most so many, the oldest first [default: all]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,
}

/// What was held, as it is written.
fn what(text: &str) -> Result<What, String> {
    if text.parse::<IpAddr>().is_ok() {
        Ok(What::Address(text.to_owned()))
    } else if text.parse::<MacAddr>().is_ok() {
        Ok(What::Mac(text.to_owned()))
    } else {
        Err("expected an IP address or a MAC, for example 10.1.0.5 or 02:16:3e:00:00:01".to_owned())
    }
}

/// Does what the command says.
pub(crate) async fn run(options: HistoryOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let holder = options.instance.map(What::InstanceId).or(options.port.map(What::PortId));
    let is_of_holder = holder.is_some();
    let question = pb::ListHoldersRequest {
        what: options.held.or(holder),
        project_id: options.project,
        at: options.at,
        since: options.since,
        until: options.until,
        ..pb::ListHoldersRequest::default()
    };
    let client = Client::connect(settings).await?;
    let remembered_since = Cell::new(None);
    let page = async |page_size, page_token| {
        let request = pb::ListHoldersRequest { page_size, page_token, ..question.clone() };
        let call = client.ask(request, async |mut calls, request| calls.history.list_holders(request).await);
        let page = call.await?;
        remembered_since.set(page.remembered_since);
        Ok((page.holdings, page.next_page_token))
    };
    let (holdings, has_more) = pages::fetch(options.limit, page).await?;
    if holdings.is_empty() {
        let who = if is_of_holder { "It held nothing" } else { "Nobody held it" };
        output.remark(&format!("{who}, as far as you see and the ledger remembers."));
    }
    let view = HoldingsView::new(holdings, has_more, remembered_since.get(), is_of_holder);
    output.print(&view)?;
    if has_more {
        output.remark("There are more; raise `--limit` to see them.");
    }
    // What a question about a later time is answered with is all there is.
    let first = question.at.or(question.since).map(|moment| (moment.seconds, moment.nanos));
    let forgotten =
        remembered_since.get().filter(|known| first.is_none_or(|first| first < (known.seconds, known.nanos)));
    if let Some(known) = forgotten {
        output.remark(&format!(
            "What ended before {known} may be forgotten: leptond's `history.keep` says how long it is kept."
        ));
    }
    Ok(())
}
