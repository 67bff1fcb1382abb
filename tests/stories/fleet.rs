//! [`Caller`]: boots, looks at and kills instances of its own, and knows what it was told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex},
};

use lepton_proto::v1;
use lepton_sim::is_worth_repeating;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tonic::Status;

use crate::{
    daemon::Client,
    words::{allocation, instance_id, nw_info, places, without_status},
};

/// Most instances that a caller has at once.
const MOST_ALIVE: usize = 8;
/// Numbers of a caller's instances start at a multiple of this.
const NUMBERS: u128 = 1_000_000;

/// A compute agent that never gives up: a request whose answer was lost is made again, under its id, before any other.
///
/// Nobody else touches its instances, so every answer is known beforehand, or wrong.
pub(crate) struct Caller {
    random: StdRng,
    /// The number of the next instance.
    next: u128,
    alive: BTreeMap<u128, v1::NetworkInfo>,
    unanswered: Option<Request>,
    held: Held,
    /// How many requests were answered.
    pub(crate) answered: usize,
}

/// What a caller asks.
#[derive(Clone, Copy, Debug)]
enum Request {
    Boot(u128),
    Look(u128),
    Kill(u128),
}

/// The addresses that callers were given and have not begun to give back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<BTreeSet<(String, IpAddr)>>>);

impl Caller {
    pub(crate) fn new(number: u64, held: &Held) -> Self {
        Self {
            random: StdRng::seed_from_u64(number),
            next: u128::from(number) * NUMBERS,
            alive: BTreeMap::new(),
            unanswered: None,
            held: held.clone(),
            answered: 0,
        }
    }

    /// Makes one request: the one that was not answered, or any.
    ///
    /// Fails when it was not answered. An answer that is not true, and a refusal, are panics.
    pub(crate) async fn step(&mut self, client: &mut Client) -> Result<(), Status> {
        let request = self.unanswered.take().unwrap_or_else(|| self.any_request());
        self.make(client, request).await
    }

    /// Kills all its instances.
    pub(crate) async fn kill_all(&mut self, client: &mut Client) -> Result<(), Status> {
        while let Some(request) = self.unanswered.take().or_else(|| self.kill_first()) {
            self.make(client, request).await?;
        }
        Ok(())
    }

    fn kill_first(&mut self) -> Option<Request> {
        let first = *self.alive.keys().next()?;
        Some(self.kill(first))
    }

    /// Makes the request that was not answered, if there is one, and looks at all its instances.
    pub(crate) async fn look_at_all(&mut self, client: &mut Client) -> Result<(), Status> {
        if let Some(request) = self.unanswered.take() {
            self.make(client, request).await?;
        }
        for number in self.alive.keys().copied().collect::<Vec<_>>() {
            self.make(client, Request::Look(number)).await?;
        }
        Ok(())
    }

    /// How many instances it has.
    pub(crate) fn alive(&self) -> usize {
        self.alive.len()
    }

    fn any_request(&mut self) -> Request {
        let any = self.random.random_range(0..self.alive.len().max(1));
        let number = self.alive.keys().nth(any).copied();
        match (self.random.random_range(0..10), number) {
            (0..5, _) | (_, None) if self.alive.len() < MOST_ALIVE => {
                self.next += 1;
                Request::Boot(self.next)
            }
            (0..8, Some(number)) => self.kill(number),
            (_, Some(number)) => Request::Look(number),
            (_, None) => unreachable!("none is fewer than the most"),
        }
    }

    /// From now on its addresses may be another's.
    fn kill(&mut self, number: u128) -> Request {
        self.held.release(&self.alive[&number]);
        Request::Kill(number)
    }

    async fn make(&mut self, client: &mut Client, request: Request) -> Result<(), Status> {
        let outcome = match request {
            Request::Boot(number) => self.boot(client, number).await,
            Request::Look(number) => self.look(client, number).await,
            Request::Kill(number) => self.end(client, number).await,
        };
        match outcome {
            Ok(()) => self.answered += 1,
            Err(status) => {
                assert!(is_worth_repeating(&status), "{request:?} was refused: {status}");
                self.unanswered = Some(request);
                return Err(status);
            }
        }
        Ok(())
    }

    async fn boot(&mut self, client: &mut Client, number: u128) -> Result<(), Status> {
        let request = allocation(number, &format!("boot-{number}"));
        let told = client.allocate_for_instance(request).await?.into_inner();
        assert_eq!(told.vifs.len(), 2, "an instance has all its ports: {told:?}");
        self.held.take(&told);
        self.alive.insert(number, told);
        Ok(())
    }

    async fn look(&self, client: &mut Client, number: u128) -> Result<(), Status> {
        let told = nw_info(client, number).await?;
        assert_eq!(without_status(&told), without_status(&self.alive[&number]));
        Ok(())
    }

    async fn end(&mut self, client: &mut Client, number: u128) -> Result<(), Status> {
        let known = &self.alive[&number];
        let request = v1::DeallocateForInstanceRequest {
            instance_id: instance_id(number),
            incarnation: known.incarnation,
            request_id: format!("kill-{number}"),
            ..Default::default()
        };
        let told = client.deallocate_for_instance(request).await?.into_inner();
        let released: BTreeSet<_> = told.released_port_ids.into_iter().collect();
        assert_eq!(released, known.vifs.iter().map(|vif| vif.id.clone()).collect(), "its ports and no other");
        self.alive.remove(&number);
        Ok(())
    }
}

impl Held {
    /// Checks that nobody has these addresses, and takes them.
    fn take(&self, info: &v1::NetworkInfo) {
        let mut held = self.0.lock().unwrap();
        for place in places(info) {
            assert!(held.insert(place.clone()), "{place:?} is held twice");
        }
    }

    fn release(&self, info: &v1::NetworkInfo) {
        let mut held = self.0.lock().unwrap();
        for place in places(info) {
            assert!(held.remove(&place), "{place:?} was given back twice");
        }
    }

    /// How many are held.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
