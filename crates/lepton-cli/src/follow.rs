//! [`Follow`]: what happens in the ledger, from connection to connection; and [`WatchOptions`], which shows a list again with
//! every change.

use std::{future::Future, io, time::Duration};

use lepton_proto::v1 as pb;
use tokio::{signal, time};
use tonic::Streaming;

use crate::{client::Client, error::Error, output::Output, settings::Settings};

/// How long a server may be silent; it says something every 15 seconds, so one that is silent for three times as long is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// The pause before a server that was lost is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows what happens, and resumes behind the last revision that it heard of when the connection breaks.
pub(crate) struct Follow<'s> {
    settings: &'s Settings,
    output: Output,
    request: pb::WatchEventsRequest,
    /// None: the connection is lost.
    stream: Option<Streaming<pb::WatchEventsResponse>>,
}

impl<'s> Follow<'s> {
    /// Begins to follow.
    ///
    /// # Errors
    ///
    /// Those of a call: at first the server must be there.
    pub(crate) async fn start(
        settings: &'s Settings,
        output: Output,
        request: pb::WatchEventsRequest,
    ) -> Result<Self, Error> {
        let stream = Some(open(settings, &request).await?);
        Ok(Self { settings, output, request, stream })
    }

    /// What happens next; the events may be none in a message that only tells how far the ledger is. It waits for a server that
    /// was lost for as long as that takes.
    ///
    /// # Errors
    ///
    /// The refusal to resume, when the ledger does not reach back any more.
    pub(crate) async fn next(&mut self) -> Result<pb::WatchEventsResponse, Error> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.resume().await?;
                continue;
            };
            match time::timeout(SILENCE, stream.message()).await {
                Ok(Ok(Some(message))) => {
                    self.request.after_revision = Some(message.revision);
                    return Ok(message);
                }
                // The server ends every watch after an hour.
                Ok(Ok(None)) => self.stream = None,
                Ok(Err(status)) => {
                    let error = Error::of_call(&self.settings.endpoint, &status);
                    if !error.is_unreachable() {
                        return Err(error);
                    }
                    self.lost();
                }
                Err(_) => self.lost(),
            }
        }
    }

    fn lost(&mut self) {
        self.stream = None;
        self.output.remark("The connection is lost; going on as soon as leptond is back.");
    }

    /// Looks for the server once, and after a pause if it was not there.
    async fn resume(&mut self) -> Result<(), Error> {
        match open(self.settings, &self.request).await {
            Ok(stream) => self.stream = Some(stream),
            Err(error) if error.is_unreachable() => time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

async fn open(
    settings: &Settings,
    request: &pb::WatchEventsRequest,
) -> Result<Streaming<pb::WatchEventsResponse>, Error> {
    let client = Client::connect(settings).await?;
    client.ask(request.clone(), async |mut calls, request| calls.events.watch_events(request).await).await
}

/// Whether a list is shown once, or again with every change.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct WatchOptions {
    /// Show the list again whenever something of it may have changed, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl WatchOptions {
    /// Shows a list by `show`, and, if asked to, again whenever there are events of these kinds (none: of any).
    pub(crate) async fn show(
        self,
        kinds: &[&str],
        settings: &Settings,
        output: Output,
        show: impl AsyncFn(Output) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.watch {
            return show(output).await;
        }
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let request = pb::WatchEventsRequest { kinds, ..pb::WatchEventsRequest::default() };
        until_interrupted(async {
            let output = output.screens();
            let mut events = Follow::start(settings, output, request).await?;
            // The first message says from where on is told: what happens while the list is fetched is not missed.
            events.next().await?;
            loop {
                let is_shown = match show(output).await {
                    Err(error) if error.is_unreachable() => false,
                    shown => shown.map(|()| true)?,
                };
                while events.next().await?.events.is_empty() && is_shown {}
            }
        })
        .await
    }
}

/// Does what never ends by itself, until Ctrl-C.
pub(crate) async fn until_interrupted(command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::select! {
        done = command => done,
        interrupted = signal::ctrl_c() => {
            interrupted.map_err(|cause: io::Error| Error::failed(format!("cannot listen for Ctrl-C: {cause}")))
        }
    }
}
