//! `lepton event`: what happens in the ledger.

use std::{cell::Cell, num::NonZeroUsize};

use clap::Subcommand;
use lepton_proto::v1 as pb;

use crate::{
    client::Client,
    error::Error,
    follow::{Follow, until_interrupted},
    number,
    output::{EventView, EventsView, Output},
    pages,
    settings::Settings,
};

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// List what happened
    List(ListOptions),
    /// Follow what happens, until Ctrl-C
    ///
    /// A connection that breaks is made again, and nothing between is missed. With `-o json` each event is a line.
    ///
    /// For example: lepton event watch --kind port. --kind instance.migrated
    Watch(FollowOptions),
}

/// `event list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    filter: FilterOptions,

    /// Only what happened behind this revision; 0 is the beginning [default: only the newest are looked at, as many as --limit
    /// says, else 1000]
    #[arg(long, value_name = "REVISION", allow_negative_numbers = true, value_parser = number::revision)]
    after: Option<u64>,

    /// At most so many events [default: 10000]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::limit)]
    limit: Option<NonZeroUsize>,
}

/// `event watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct FollowOptions {
    #[command(flatten)]
    filter: FilterOptions,

    /// Begin with what happened behind this revision; 0 is the beginning [default: with what happens from now on]
    #[arg(long, value_name = "REVISION", allow_negative_numbers = true, value_parser = number::revision)]
    after: Option<u64>,
}

/// Which events.
#[derive(Debug, clap::Args)]
pub(crate) struct FilterOptions {
    /// Only what happens to this project's things
    #[arg(long, value_name = "PROJECT", default_value = "", hide_default_value = true)]
    project: String,

    /// Only kinds that begin so, for example port. or network.created; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
}

/// Does what the command says.
pub(crate) async fn run(command: EventCommand, settings: &Settings, output: Output) -> Result<(), Error> {
    match command {
        EventCommand::List(options) => list(options, settings, output).await,
        EventCommand::Watch(options) => until_interrupted(follow(options, settings, output.lines())).await,
    }
}

/// How many events one list has at most where nobody says: a journal may be longer than what fits into memory.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");

async fn list(options: ListOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let ListOptions { filter: FilterOptions { project, kinds }, after, limit } = options;
    let client = Client::connect(settings).await?;
    let revision = Cell::new(0);
    let page = async |page_size, page_token: String| {
        // The token says where the next page starts, instead.
        let after_revision = after.filter(|_| page_token.is_empty());
        let (project_id, kinds) = (project.clone(), kinds.clone());
        let request = pb::ListEventsRequest { after_revision, project_id, kinds, page_size, page_token };
        let page =
            client.ask(request, async |mut calls, request| calls.events.list_events(request).await).await?;
        revision.set(page.revision);
        Ok((page.events, page.next_page_token))
    };
    let (events, has_more) = pages::fetch(limit.or(Some(MOST)), page).await?;
    if events.is_empty() {
        output.remark("Nothing of that happened; `--after 0` looks at everything that is kept.");
    }
    let last = events.last().map(|event| event.revision);
    output.print(&EventsView::new(events, has_more, revision.get()))?;
    if let Some(last) = last.filter(|_| has_more) {
        output.remark(&format!("There are more; go on with `--after {last}`, or raise `--limit`."));
    }
    Ok(())
}

async fn follow(options: FollowOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let request = pb::WatchEventsRequest {
        after_revision: options.after,
        project_id: options.filter.project,
        kinds: options.filter.kinds,
    };
    let mut events = Follow::start(settings, output, request).await?;
    loop {
        for event in events.next().await?.events {
            output.print(&EventView::from(event))?;
        }
    }
}
