//! [`Voice`]: tells the other managers of a shared ledger what this one has written, and hears what they have (ADR 21).
//!
//! It speaks on a connection of its own, when the batch is durable. What is lost, with a connection say, is made up for by those who
//! wait: they look by themselves from time to time.

use std::{io, mem, sync::Arc, time::Duration};

use lepton_types::HostId;
use serde::{Deserialize, Serialize};
use sqlx::{
    Error,
    postgres::{PgListener, PgNotification},
};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    claim::Claimant,
    engine::Engine,
    failure::words,
    news::{News, Observer, Untold, call},
};

/// What PostgreSQL calls what they speak on. Each database has its own.
const CHANNEL: &str = "lepton_news";

/// After what silence the connection is tried: nobody else would notice a network that fails without a word.
const SILENCE: Duration = Duration::from_secs(15);

/// The pause before a connection that was lost is made anew.
const PAUSE: Duration = Duration::from_secs(1);

/// Most hosts and instances of one notice, of which PostgreSQL takes 7,999 bytes. A host's name has up to 255 characters, in JSON
/// twice as many, and its revision 20 digits.
const HOSTS: usize = 10;
const INSTANCES: usize = 50;

/// Sends each of an array of texts.
const TELL: &str = "select pg_notify($1, notice) from unnest($2::text[]) as notices (notice)";

/// The task that speaks and hears.
pub(crate) struct Voice {
    pub(crate) engine: Arc<Engine>,
    /// Whose voice it is: it hears itself, too.
    pub(crate) own: Claimant,
    pub(crate) untold: Arc<Untold>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) closing: CancellationToken,
}

/// What is sent.
#[derive(Debug, Serialize, Deserialize)]
struct Notice {
    from: Claimant,
    #[serde(flatten)]
    news: News,
}

impl Voice {
    /// Speaks and hears until the store closes, on one connection after the other.
    pub(crate) async fn run(self) {
        let mut is_lost = false;
        loop {
            let lost = tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                lost = self.converse(&mut is_lost) => lost,
            };
            if !is_lost {
                let error = words(&lost);
                tracing::warn!(
                    error,
                    "other managers are not heard: what waits for them looks once a second"
                );
            }
            is_lost = true;
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                () = time::sleep(PAUSE) => {}
            }
        }
    }

    /// Speaks and hears until the connection is lost; answers how.
    async fn converse(&self, is_lost: &mut bool) -> Error {
        let connections = self.engine.connections();
        let mut server = match self.in_time(connections.listen(CHANNEL)).await {
            Ok(server) => server,
            Err(error) => return error,
        };
        if mem::take(is_lost) {
            tracing::info!("other managers are heard again");
        }
        loop {
            let done = tokio::select! {
                heard = server.try_recv() => self.hear(heard), // cancel-safe while it is connected
                news = self.untold.take() => self.in_time(tell(&mut server, notices(self.own, &news))).await, // cancel-safe
                () = time::sleep(SILENCE) => self.in_time(tell(&mut server, Vec::new())).await,
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    /// Passes on what another manager has said; none was said by whom the connection was lost to.
    fn hear(&self, heard: Result<Option<PgNotification>, Error>) -> Result<(), Error> {
        let heard = heard?.ok_or_else(|| Error::Io(io::ErrorKind::ConnectionAborted.into()))?;
        if let Some(news) = of_another(heard.payload(), self.own) {
            call(|| self.observer.hear(&news));
        }
        Ok(())
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let late = |_| Error::Io(io::ErrorKind::TimedOut.into());
        time::timeout(self.engine.connections().patience(), work).await.map_err(late)?
    }
}

async fn tell(server: &mut PgListener, notices: Vec<String>) -> Result<(), Error> {
    sqlx::query(TELL).bind(CHANNEL).bind(notices).execute(server).await.map(drop)
}

/// The news as texts that PostgreSQL takes.
fn notices(from: Claimant, news: &News) -> Vec<String> {
    let (hosts, instances) = (Vec::from_iter(&news.hosts), Vec::from_iter(&news.instances));
    let (mut hosts, mut instances) = (hosts.chunks(HOSTS), instances.chunks(INSTANCES));
    let (mut journal, mut notices) = (news.journal, Vec::new());
    loop {
        let part = News {
            journal: mem::take(&mut journal),
            hosts: hosts.next().into_iter().flatten().map(|(host, at)| (HostId::clone(host), **at)).collect(),
            instances: instances.next().into_iter().flatten().map(|instance| **instance).collect(),
        };
        if part.is_empty() {
            return notices;
        }
        notices
            .push(serde_json::to_string(&Notice { from, news: part }).expect("names and numbers are JSON"));
    }
}

/// What a notice tells, unless one has sent it oneself.
fn of_another(notice: &str, own: Claimant) -> Option<News> {
    match serde_json::from_str::<Notice>(notice) {
        Ok(notice) => Some(notice.news).filter(|_| notice.from != own),
        // Of another version, or of somebody else's: what it would tell is found without it.
        Err(error) => {
            tracing::debug!(%error, notice, "what another manager says is not understood");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Whoever has this number.
    fn claimant(number: u128) -> Claimant {
        Uuid::from_u128(number).into()
    }

    #[test]
    fn however_much_there_is_each_notice_is_short_enough_and_together_they_tell_all() {
        // The longest names, in JSON twice as long.
        let host = |number: u8| format!("{number:02}{}", "\"".repeat(253)).parse().unwrap();
        let news = News {
            journal: true,
            hosts: (0..25).map(|number| (host(number), u64::MAX.into())).collect(),
            instances: (0..320).map(|number| Uuid::from_u128(u128::MAX - number).into()).collect(),
        };
        let mut together = News::default();
        for notice in notices(claimant(1), &news) {
            assert!(notice.len() < 8_000, "{} bytes", notice.len());
            let part = of_another(&notice, claimant(2)).unwrap();
            together.journal |= part.journal;
            together.hosts.extend(part.hosts);
            together.instances.extend(part.instances);
        }
        assert_eq!(together, news);
    }

    #[test]
    fn what_one_has_said_oneself_is_no_news() {
        let news = News { journal: true, ..News::default() };
        let [notice] = &notices(claimant(1), &news)[..] else { panic!("it is one notice") };
        assert_eq!((of_another(notice, claimant(1)), of_another(notice, claimant(2))), (None, Some(news)));
        assert_eq!(of_another("what?", claimant(2)), None);
    }
}
