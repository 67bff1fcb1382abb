//! [`Caller`]: a compute agent without VMs. It boots, looks after, moves and kills instances of its own, and holds Lepton to what it
//! was told.

mod addresses;
mod moving;

use std::{future::Future, sync::Arc, time::Duration};

use lepton_proto::v1::{
    self, fixed_ips_client::FixedIpsClient, floating_ips_client::FloatingIpsClient,
    network_manager_client::NetworkManagerClient,
};
use lepton_sim::{is_worth_repeating, reason};
use tokio::time;
use tonic::{Code, Response, Status};

use crate::{
    chance::Chance,
    check::Checker,
    network::{Cable, Network, Wire},
    trace::Trace,
};

/// Most instances of one caller at once.
const MOST_ALIVE: usize = 6;

/// Pause between two things that a caller does, at most.
const THINKS: Duration = Duration::from_secs(6);

/// Longest pause before a call is repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// By then whatever a caller sent has arrived, or never will.
const QUIET: Duration = Duration::from_secs(90);

/// A compute agent that has instances on any host.
#[derive(Debug)]
pub(crate) struct Caller {
    number: usize,
    project: &'static str,
    hosts: Arc<[String]>,
    networks: NetworkManagerClient<Wire>,
    fixed_ips: FixedIpsClient<Wire>,
    floating_ips: FloatingIpsClient<Wire>,
    chance: Chance,
    checker: Checker,
    trace: Trace,
    guests: Vec<Guest>,
    done: Done,
}

/// How often something was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) boots: u64,
    pub(crate) refused: u64,
    pub(crate) kills: u64,
    pub(crate) moves: u64,
    pub(crate) visits: u64,
    pub(crate) others: u64,
    pub(crate) abandoned: u64,
}

impl Done {
    pub(crate) fn add(&mut self, other: Self) {
        self.boots += other.boots;
        self.refused += other.refused;
        self.kills += other.kills;
        self.moves += other.moves;
        self.visits += other.visits;
        self.others += other.others;
        self.abandoned += other.abandoned;
    }
}

/// An instance, as its caller was told of it.
#[derive(Clone, Debug)]
struct Guest {
    boot: v1::AllocateForInstanceRequest,
    /// What its boot was answered.
    booted: v1::NetworkInfo,
    /// What it has had since.
    info: v1::NetworkInfo,
    floating: Option<String>,
}

impl Guest {
    fn new(boot: v1::AllocateForInstanceRequest, booted: v1::NetworkInfo) -> Self {
        Self { boot, info: booted.clone(), booted, floating: None }
    }
}

/// Why a caller cannot go on: what it was told is not true.
pub(crate) struct Broken(String);

type Outcome<T> = Result<T, Broken>;

impl Caller {
    pub(crate) fn new(
        number: usize,
        hosts: Arc<[String]>,
        network: &Network,
        chance: Chance,
        checker: Checker,
        trace: Trace,
    ) -> Self {
        let wire = Wire::new(network.clone(), Cable::default(), chance.fork());
        Self {
            number,
            project: ["blue", "green"][number % 2],
            hosts,
            networks: NetworkManagerClient::new(wire.clone()),
            fixed_ips: FixedIpsClient::new(wire.clone()),
            floating_ips: FloatingIpsClient::new(wire),
            chance,
            checker,
            trace,
            guests: Vec::new(),
            done: Done::default(),
        }
    }

    /// Does one thing after another as long as `goes_on`, then looks whether all is as it was told; answers what it did.
    pub(crate) async fn run(mut self, goes_on: impl Fn() -> bool) -> Done {
        if let Err(Broken(problem)) = self.live(goes_on).await {
            self.checker.fail(format_args!("caller {}: {problem}", self.number));
        }
        self.done
    }

    async fn live(&mut self, goes_on: impl Fn() -> bool) -> Outcome<()> {
        while goes_on() {
            time::sleep(self.chance.time(Duration::ZERO..THINKS)).await;
            self.step().await?;
        }
        for guest in self.guests.clone() {
            self.look(&guest).await?;
        }
        // Some stay, so that the end is looked at both ways.
        while self.guests.len() > MOST_ALIVE / 3 {
            self.kill().await?;
        }
        Ok(())
    }

    async fn step(&mut self) -> Outcome<()> {
        if self.guests.is_empty() {
            return self.boot().await;
        }
        match self.chance.number(0..20) {
            0..6 if self.guests.len() < MOST_ALIVE => self.boot().await,
            0..9 => self.kill().await,
            9..12 => self.migrate().await,
            12..14 => {
                let guest = self.chance.one(&self.guests).clone();
                self.look(&guest).await
            }
            14 => self.repeat().await,
            15..17 => self.float().await,
            17..19 => self.change_addresses().await,
            _ => self.give_up().await,
        }
    }

    /// Boots an instance, on all networks of its project, and waits for its ports or not.
    async fn boot(&mut self) -> Outcome<()> {
        let request = self.boot_request();
        let instance = request.instance_id.clone();
        self.trace.note(format_args!("caller {} boots {instance} on {}", self.number, request.host));
        let booted = self.insist(
            || (self.networks.clone(), request.clone()),
            |(mut client, request)| async move { client.allocate_for_instance(request).await },
        );
        match booted.await {
            Ok(info) => {
                self.done.boots += 1;
                self.guests.push(Guest::new(request, info));
                Ok(())
            }
            Err(status) => {
                let known =
                    ["NO_MORE_FIXED_IPS", "PORT_PLUG_FAILED", "PORT_PLUG_TIMEOUT", "INSTANCE_DEALLOCATED"];
                if !known.contains(&&*reason(&status)) {
                    return Err(Broken(format!("a boot of {instance} is refused: {status:?}")));
                }
                self.done.refused += 1;
                // What was refused is not remembered, and done after all when it arrives once more.
                time::sleep(QUIET).await;
                self.deallocate(&instance, 0).await?;
                self.is_gone(&instance).await
            }
        }
    }

    fn boot_request(&self) -> v1::AllocateForInstanceRequest {
        let waits = self.chance.strikes(300);
        let seconds = i64::try_from(self.chance.number(1..30)).expect("small");
        v1::AllocateForInstanceRequest {
            instance_id: self.chance.uuid().to_string(),
            project_id: self.project.to_owned(),
            host: self.chance.one(&self.hosts).clone(),
            wait_for_active: waits.then_some(prost_types::Duration { seconds, nanos: 0 }),
            request_id: self.chance.uuid().to_string(),
            ..v1::AllocateForInstanceRequest::default()
        }
    }

    /// Takes an instance's vNICs back.
    async fn kill(&mut self) -> Outcome<()> {
        let guest = self.guests.swap_remove(self.chance.number(0..self.guests.len()));
        let (instance, incarnation) = (&guest.info.instance_id, guest.info.incarnation);
        self.trace.note(format_args!("caller {} kills {instance}", self.number));
        self.deallocate(instance, incarnation).await?;
        self.done.kills += 1;
        self.is_gone(instance).await?;
        if let Some(address) = guest.floating {
            self.release(address).await?;
        }
        Ok(())
    }

    async fn deallocate(&self, instance: &str, incarnation: u64) -> Outcome<()> {
        let request = v1::DeallocateForInstanceRequest {
            instance_id: instance.to_owned(),
            incarnation,
            request_id: self.chance.uuid().to_string(),
            validate_only: false,
        };
        let ended = self.insist(
            || (self.networks.clone(), request.clone()),
            |(mut client, request)| async move { client.deallocate_for_instance(request).await },
        );
        match ended.await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound && incarnation == 0 => Ok(()),
            Err(status) => Err(Broken(format!("{instance} is not deallocated: {status:?}"))),
        }
    }

    /// What was deallocated is not there, and what was refused never was.
    async fn is_gone(&self, instance: &str) -> Outcome<()> {
        match self.info(instance).await {
            Err(status) if status.code() == Code::NotFound => Ok(()),
            other => Err(Broken(format!("{instance} is gone, and yet {other:?}"))),
        }
    }

    /// What an instance has is what its caller was told.
    async fn look(&mut self, guest: &Guest) -> Outcome<()> {
        let instance = &guest.info.instance_id;
        let info = self.info(instance).await;
        let info =
            info.map_err(|status| Broken(format!("{instance} was acknowledged, and yet: {status:?}")))?;
        self.done.visits += 1;
        same(&guest.info, &info)?;
        let links = subnets(&info).flat_map(|subnet| &subnet.floating_ips);
        let lead_to_it: Vec<&String> = links.map(|link| &link.floating_ip).collect();
        if lead_to_it.iter().copied().eq(&guest.floating) {
            Ok(())
        } else {
            Err(Broken(format!("{:?} must lead to {instance}, and {lead_to_it:?} do", guest.floating)))
        }
    }

    async fn info(&self, instance: &str) -> Result<v1::NetworkInfo, Status> {
        let request = v1::GetInstanceNwInfoRequest { instance_id: instance.to_owned() };
        self.insist(
            || (self.networks.clone(), request.clone()),
            |(mut client, request)| async move { client.get_instance_nw_info(request).await },
        )
        .await
    }

    /// The same request once more: the same answer, and nothing is changed.
    async fn repeat(&mut self) -> Outcome<()> {
        let guest = self.chance.one(&self.guests).clone();
        let request = v1::AllocateForInstanceRequest { wait_for_active: None, ..guest.boot.clone() };
        let again = self.insist(
            || (self.networks.clone(), request.clone()),
            |(mut client, request)| async move { client.allocate_for_instance(request).await },
        );
        let instance = &guest.info.instance_id;
        let again =
            again.await.map_err(|status| Broken(format!("{instance} is not answered again: {status:?}")))?;
        self.done.others += 1;
        same(&guest.booted, &again)?;
        self.look(&guest).await
    }

    /// Begins to boot an instance and dies over it. Later it is there in whole, or not at all.
    async fn give_up(&mut self) -> Outcome<()> {
        let request = self.boot_request();
        let patience = self.chance.time(Duration::ZERO..Duration::from_secs(2));
        let mut client = self.networks.clone();
        let _ = time::timeout(patience, client.allocate_for_instance(request.clone())).await;
        self.trace.note(format_args!("caller {} abandons {}", self.number, request.instance_id));
        time::sleep(QUIET).await;
        self.done.abandoned += 1;
        match self.info(&request.instance_id).await {
            Ok(info) => {
                self.guests.push(Guest::new(request, info));
                Ok(())
            }
            Err(status) if status.code() == Code::NotFound => Ok(()),
            Err(status) => Err(Broken(format!("nobody knows of {}: {status:?}", request.instance_id))),
        }
    }

    /// Repeats a call, with the same request id, until it is answered or refused.
    async fn insist<P, T, F>(&self, prepare: impl Fn() -> P, call: impl Fn(P) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut pause = Duration::from_millis(50);
        loop {
            match call(prepare()).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) if is_worth_repeating(&status) => {
                    self.trace.note(format_args!("caller {} hears: {}", self.number, status.message()));
                }
                Err(status) => return Err(status),
            }
            time::sleep(self.chance.time(Duration::ZERO..pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

/// Its vNICs' subnets, in order.
fn subnets(info: &v1::NetworkInfo) -> impl Iterator<Item = &v1::VifSubnet> {
    info.vifs.iter().filter_map(|vif| vif.network.as_ref()).flat_map(|network| &network.subnets)
}

/// What lasts of an instance's vNICs.
fn same(told: &v1::NetworkInfo, now: &v1::NetworkInfo) -> Outcome<()> {
    let lasting = |info: &v1::NetworkInfo| {
        let mut info = info.clone();
        info.destination.clear();
        for vif in &mut info.vifs {
            (vif.destination, vif.status) = (None, v1::PortStatus::Unspecified.into());
            vif.error.clear();
            for subnet in vif.network.iter_mut().flat_map(|network| &mut network.subnets) {
                subnet.floating_ips.clear(); // `look` looks at them
            }
        }
        info
    };
    if lasting(told) == lasting(now) {
        Ok(())
    } else {
        Err(Broken(format!("told {told:?}, and now {now:?}")))
    }
}
