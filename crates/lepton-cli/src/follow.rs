//! [`Follow`]: what happens in the ledger, from connection to connection; and [`WatchOptions`], which shows a list again with
//! every change.

use std::{future::Future, io, mem, time::Duration};

use lepton_proto::v1 as pb;
use tokio::{
    signal,
    time::{self, Instant},
};
use tonic::Streaming;

use crate::{client::Client, error::Error, output::Output, settings::Settings};

/// How long a server may be silent; it says something every 15 seconds, so one that is silent for three times as long is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// The pause before a server that was lost is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// The pause before a watch that ended soon after it began is begun again; it doubles as long as that goes on.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest such pause, and how long a watch lasts that did not end soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Follows what happens, and resumes behind the last revision that it heard of when the connection breaks.
pub(crate) struct Follow<'s> {
    settings: &'s Settings,
    output: Output,
    request: pb::WatchEventsRequest,
    /// What the server said first, which nobody has asked for yet.
    first: Option<pb::WatchEventsResponse>,
    /// None: the connection is lost.
    stream: Option<Streaming<pb::WatchEventsResponse>>,
    /// Whether the user was told that it does not go on for now.
    is_interrupted: bool,
    pauses: Pauses,
}

impl<'s> Follow<'s> {
    /// Begins to follow. The server has said from where on it tells: nothing that happens afterwards is missed, also when the
    /// connection breaks before the first event.
    ///
    /// # Errors
    ///
    /// Those of a call: at first the server must be there.
    pub(crate) async fn start(
        settings: &'s Settings,
        output: Output,
        request: pb::WatchEventsRequest,
    ) -> Result<Self, Error> {
        let (first, stream, is_interrupted, pauses) = (None, None, false, Pauses::default());
        let mut follow = Self { settings, output, request, first, stream, is_interrupted, pauses };
        while follow.first.is_none() {
            follow.stream = Some(open(settings, &follow.request).await?);
            follow.pauses.begun();
            follow.first = follow.message().await?;
        }
        Ok(follow)
    }

    /// What happens next; the events may be none in a message that only tells how far the ledger is. It waits for a server that
    /// was lost for as long as that takes.
    ///
    /// # Errors
    ///
    /// The refusal to resume, when the ledger does not reach back any more.
    pub(crate) async fn next(&mut self) -> Result<pb::WatchEventsResponse, Error> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        loop {
            if self.stream.is_none() {
                self.resume().await?;
            }
            match self.message().await {
                Ok(Some(message)) => {
                    self.is_interrupted = false;
                    return Ok(message);
                }
                Ok(None) => {}
                Err(error) => {
                    let is_unreachable = error.is_unreachable();
                    self.interrupt(error)?;
                    if !is_unreachable {
                        time::sleep(self.pauses.ended()).await;
                    }
                }
            }
        }
    }

    /// What the server says next; none if it ends the watch, as it does after an hour. Then, and after an error, there is no
    /// stream any more.
    async fn message(&mut self) -> Result<Option<pb::WatchEventsResponse>, Error> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let said = match time::timeout(SILENCE, stream.message()).await {
            Ok(said) => said.map_err(|status| Error::of_call(&self.settings.endpoint, &status)),
            Err(_) => Err(Error::no_answer(&self.settings.endpoint, SILENCE)),
        };
        match &said {
            Ok(Some(message)) => self.request.after_revision = Some(message.revision),
            Ok(None) => {
                self.stream = None;
                time::sleep(self.pauses.ended()).await;
            }
            Err(_) => self.stream = None,
        }
        said
    }

    /// Looks for the server once, and after a pause if it was not there.
    async fn resume(&mut self) -> Result<(), Error> {
        match open(self.settings, &self.request).await {
            Ok(stream) => {
                self.stream = Some(stream);
                self.pauses.begun();
            }
            Err(error) => {
                self.interrupt(error)?;
                time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Tells, once, that it will go on later, unless it cannot.
    fn interrupt(&mut self, error: Error) -> Result<(), Error> {
        if !error.may_pass() {
            return Err(error);
        }
        if !mem::replace(&mut self.is_interrupted, true) {
            self.output.remark(if error.is_unreachable() {
                "The connection is lost; going on as soon as leptond is back."
            } else {
                "leptond has too much to do; going on as soon as it has time."
            });
        }
        Ok(())
    }
}

/// How long to wait before a watch that has ended is begun again: not at all, unless it ends again and again.
#[derive(Debug, Default)]
struct Pauses {
    begun: Option<Instant>,
    last: Duration,
}

impl Pauses {
    fn begun(&mut self) {
        self.begun = Some(Instant::now());
    }

    fn ended(&mut self) -> Duration {
        let has_lasted = self.begun.is_some_and(|begun| begun.elapsed() >= LONGEST_PAUSE);
        self.last = match self.last {
            _ if has_lasted => Duration::ZERO,
            Duration::ZERO => FIRST_PAUSE,
            last => LONGEST_PAUSE.min(last * 2),
        };
        self.last
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
                    Err(error) if error.may_pass() => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_ends_at_once_is_begun_again_later_and_later_and_one_that_lasted_at_once() {
        let mut pauses = Pauses::default();
        let mut millis = Vec::new();
        for _ in 0..10 {
            pauses.begun();
            let pause = pauses.ended();
            millis.push(pause.as_millis());
            time::sleep(pause).await;
        }
        assert_eq!(millis, [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        pauses.begun();
        time::sleep(LONGEST_PAUSE).await;
        assert_eq!(pauses.ended(), Duration::ZERO);
        pauses.begun();
        assert_eq!(pauses.ended(), FIRST_PAUSE);
    }
}
