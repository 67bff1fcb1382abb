//! [`Lookups`]: looks at files whose file system may never answer.
//!
//! Each has a thread of its own: where there is no answer it stays for ever, and of those that the runtime has for blocking
//! calls there are only so many, and the runtime waits for them when it ends. So there is one for each path at most.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use lepton_types::NetnsPath;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout_at},
};

/// Longest that a look may take; it takes 20 µs where there is an answer, and whatever is done together waits for it.
const LONGEST: Duration = Duration::from_secs(1);

/// Most looks that have not ended: each is a thread.
const MOST: usize = 256;

/// Looks that have not ended, by their paths. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups {
    under_way: Arc<Mutex<BTreeMap<NetnsPath, UnderWay>>>,
}

/// What others may know of a look.
#[derive(Clone, Debug)]
struct UnderWay {
    /// When it is late.
    until: Instant,
    /// Says nothing, and closes when the look ends.
    end: watch::Receiver<()>,
}

/// A look's place among the others, until it ends.
struct Place {
    lookups: Lookups,
    path: NetnsPath,
    until: Instant,
    /// Dropped after the place is given up.
    _end: watch::Sender<()>,
}

/// Whose turn it is to look at a path.
enum Turn {
    Now(Place),
    After(UnderWay),
}

impl Lookups {
    /// What `work` finds under the path.
    ///
    /// Errors: those of `work`; it is late, or another one under the same path is late and has not ended, which is said at
    /// once; there are too many that have not ended.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        path: &NetnsPath,
        work: impl FnOnce(&NetnsPath) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = self.begin(path).await?;
        let until = place.until;
        let (sender, found) = oneshot::channel();
        thread::Builder::new().name("netns".to_owned()).spawn(move || {
            let found = work(&place.path);
            drop(place); // who has the answer may look again at once
            drop(sender.send(found));
        })?;
        let Ok(found) = timeout_at(until, found).await else {
            tracing::warn!(%path, "the file system does not answer; until it does, nobody is plugged into this namespace");
            return Err(no_answer());
        };
        found.map_err(io::Error::other)?
    }

    /// Takes the path's place, after whoever has it.
    async fn begin(&self, path: &NetnsPath) -> io::Result<Place> {
        loop {
            let mut other = match self.enter(path)? {
                Turn::Now(place) => return Ok(place),
                Turn::After(other) => other,
            };
            // One that was late is not waited for again.
            let Ok(Err(_)) = timeout_at(other.until, other.end.changed()).await else {
                return Err(no_answer());
            };
        }
    }

    fn enter(&self, path: &NetnsPath) -> io::Result<Turn> {
        let mut under_way = self.lock();
        if let Some(other) = under_way.get(path) {
            return Ok(Turn::After(other.clone()));
        }
        if under_way.len() >= MOST {
            return Err(io::Error::other(format!("{MOST} others wait for file systems that do not answer")));
        }
        let (sender, end) = watch::channel(());
        let until = Instant::now() + LONGEST;
        under_way.insert(path.clone(), UnderWay { until, end });
        Ok(Turn::Now(Place { lookups: self.clone(), path: path.clone(), until, _end: sender }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NetnsPath, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lookups.lock().remove(&self.path);
    }
}

/// The same for the first who waited and for those that are told at once, so that it is news once.
fn no_answer() -> io::Error {
    io::Error::other("its file system does not answer")
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    fn path(name: &str) -> NetnsPath {
        format!("/run/netns/{name}").parse().unwrap()
    }

    /// Looks that have no answer before this is dropped.
    struct Stuck {
        lookups: Lookups,
        begun: Arc<AtomicUsize>,
        gates: Vec<mpsc::Sender<()>>,
    }

    impl Stuck {
        async fn look(&mut self, name: &str) -> String {
            let (gate, wait) = mpsc::channel::<()>();
            self.gates.push(gate);
            let begun = self.begun.clone();
            let look = move |_: &NetnsPath| {
                begun.fetch_add(1, Ordering::Relaxed);
                let _ = wait.recv();
                Ok(())
            };
            self.lookups.run(&path(name), look).await.unwrap_err().to_string()
        }
    }

    fn stuck() -> Stuck {
        Stuck { lookups: Lookups::default(), begun: Arc::default(), gates: Vec::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_without_an_answer_costs_a_second_and_a_thread_however_often_it_is_tried() {
        let (mut stuck, start) = (stuck(), Instant::now());
        for _ in 0..100 {
            assert_eq!(stuck.look("a").await, "its file system does not answer");
            assert_eq!(start.elapsed(), LONGEST);
        }
        assert_eq!(stuck.lookups.lock().len(), 1);
        assert!(stuck.begun.load(Ordering::Relaxed) <= 1);
    }

    #[tokio::test]
    async fn a_path_is_tried_again_when_its_file_system_has_answered_late() {
        let mut stuck = stuck();
        stuck.look("a").await;
        let mut end = stuck.lookups.lock()[&path("a")].end.clone();
        stuck.gates.clear();
        end.changed().await.unwrap_err();
        assert_eq!(stuck.lookups.run(&path("a"), |_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn two_ports_of_one_namespace_take_turns() {
        let lookups = Lookups::default();
        let path = path("a");
        let both = tokio::join!(lookups.run(&path, |_| Ok(1)), lookups.run(&path, |_| Ok(2)));
        assert_eq!((both.0.unwrap(), both.1.unwrap()), (1, 2));
        assert!(lookups.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_only_so_many_threads() {
        let mut stuck = stuck();
        for number in 0..MOST {
            stuck.look(&number.to_string()).await;
        }
        assert_eq!(stuck.look("more").await, "256 others wait for file systems that do not answer");
        assert!(stuck.begun.load(Ordering::Relaxed) <= MOST);
    }
}
