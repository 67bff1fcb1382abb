//! A call of each kind that is answered, what there is for them to be about, and who makes them; each file is about
//! the services of the `.proto` file of its name.

mod audit;
mod dhcp;
mod dns;
mod event;
mod explain;
mod fixed_ip;
mod floating_ip;
mod history;
mod mac_range;
mod network_manager;
mod plan;
mod port;
mod query;
mod quota;
mod subnet;

use prost::Message;

use super::{call::Call, world::Named};
use crate::{Seed, callers::ADMIN};

pub(super) use self::{
    dns::domains,
    floating_ip::pool,
    network_manager::{allocation, networks},
    plan::planned,
};

/// A host with an agent.
pub(super) const HOST: &str = "host-1";
/// Another one.
pub(super) const OTHER_HOST: &str = "host-2";

/// The project of the member among the callers.
const PROJECT: &str = "blue";
/// Another project.
const OTHER_PROJECT: &str = "red";

/// An instance of the project, on [`HOST`].
pub(super) const WEB: &str = "bbbbbbbb-0000-4000-8000-000000000001";
/// An instance of the project, on its way from [`OTHER_HOST`] to [`HOST`].
pub(super) const DATABASE: &str = "bbbbbbbb-0000-4000-8000-000000000002";
/// An instance of another project that has ended, and whose host has not said so.
pub(super) const GONE: &str = "bbbbbbbb-0000-4000-8000-000000000003";
/// An instance that is not there yet.
const NEW: &str = "bbbbbbbb-0000-4000-8000-000000000004";

/// The pool that is meant when none is named, and a floating IP of it that leads to [`WEB`], and one that leads nowhere.
const POOL: (&str, &str, &str) = ("nova", "203.0.113.1", "203.0.113.2");

/// A domain with a name in it.
const DOMAIN: (&str, &str) = ("example.org", "www");
/// A domain without one.
const SPARE_DOMAIN: &str = "spare.example";

/// An address that is kept back on the shared network.
const RESERVED: &str = "10.1.0.200";

/// A route of the shared network, and its next hop.
const ROUTE: (&str, &str) = ("10.99.0.0/16", "10.1.0.254");

/// A range of MACs.
pub(super) const MACS: &str = "02:16:3e:00:00:00/40";

/// A call that somebody may make.
#[derive(Clone)]
pub(super) struct Example {
    /// Its path.
    pub(super) path: &'static str,
    /// What an input has behind its mark.
    rest: Vec<u8>,
}

impl Example {
    /// Its message, encoded.
    pub(super) fn message(&self) -> &[u8] {
        &self.rest[1..]
    }

    /// The input that is kept.
    pub(super) fn seed(&self) -> Seed {
        let name = self.path.trim_start_matches("/lepton.v1.").replace('/', ".");
        Seed::new(name, self.path, &self.rest)
    }
}

/// What is done once the instances are there: paths and messages.
pub(super) fn rest(named: &Named) -> Vec<(&'static str, Vec<u8>)> {
    let examples = [
        floating_ip::floating_ip_of(PROJECT),
        floating_ip::floating_ip_of(PROJECT),
        call("/lepton.v1.FloatingIps/AssociateFloatingIp", &floating_ip::leading(POOL.1)),
        call("/lepton.v1.FloatingIps/CreateFloatingPool", &floating_ip::spare_pool()),
        call("/lepton.v1.FixedIps/ReserveFixedIp", &fixed_ip::reservation(named, RESERVED)),
        call("/lepton.v1.FixedIps/LeaseFixedIp", &fixed_ip::lease(named)),
        call("/lepton.v1.Subnets/AddRoute", &subnet::route(named, ROUTE.0)),
        call("/lepton.v1.Dns/AddDnsEntry", &dns::entry(DOMAIN.1)),
        call("/lepton.v1.Quotas/SetQuota", &quota::quota()),
        call(
            "/lepton.v1.NetworkManager/MigrateInstanceStart",
            &network_manager::migration(DATABASE, OTHER_HOST, HOST),
        ),
    ];
    examples.into_iter().map(|example| (example.path, example.message().to_vec())).collect()
}

/// A call of each kind.
pub(super) fn of(named: &Named) -> Vec<Example> {
    [
        network_manager::calls(named),
        subnet::calls(named),
        plan::calls(named),
        port::calls(named),
        query::calls(),
        history::calls(named),
        fixed_ip::calls(named),
        floating_ip::calls(named),
        dns::calls(),
        dhcp::calls(named),
        explain::calls(named),
        event::calls(),
        audit::calls(named),
        quota::calls(),
        mac_range::calls(named),
    ]
    .concat()
}

/// An admin's call.
fn call(path: &'static str, message: &impl Message) -> Example {
    call_by(ADMIN, path, message)
}

fn call_by(caller: &'static [u8], path: &'static str, message: &impl Message) -> Example {
    Example { path, rest: Call::rest(caller, message) }
}
