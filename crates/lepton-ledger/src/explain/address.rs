//! `ExplainAddress`: what an address is, and why.

use std::net::IpAddr;

use lepton_types::{AddressMode, FixedIpInfo, FixedIpState, FloatingIp, Subnet};

use super::{Cause, Explained, Explanation};
use crate::{Command, GetFixedIp, Place, PortRef, Refusal, Scope, Stop, View};

/// Explains an address: as a fixed IP of a network, or as a floating IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainAddress {
    /// In which network or subnet, whether anybody has it there or not; none: wherever it is not free.
    pub place: Option<Place>,
    /// Which address.
    pub address: IpAddr,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for ExplainAddress {
    type Answer = Explanation;

    const NAME: &'static str = "ExplainAddress";

    fn decide(&self, ledger: &mut View) -> Result<Explanation, Stop> {
        let (place, address) = (self.place, self.address);
        if place.is_none()
            && let Some(row) = ledger.floating_ip(address)?.filter(|row| self.scope.owns(Some(&row.project)))
        {
            return Ok(of_floating_ip(&row.clone()));
        }
        let info = GetFixedIp { place, address, scope: self.scope.clone() }.decide(ledger)?;
        let subnet = ledger.subnet(info.subnet)?.cloned();
        let subnet = subnet.ok_or(Refusal::SubnetNotFound { subnet: info.subnet })?;
        let mut parts = Vec::new();
        if let Some(owner) = &info.owner {
            let port = ledger.seen_port(PortRef::Id(owner.port), &self.scope)?;
            parts.push(ledger.explain_port(&port)?);
        }
        Ok(Explanation {
            of: Explained::Address(subnet.id, address),
            causes: of_fixed_ip(&info, &subnet),
            parts,
        })
    }
}

fn of_fixed_ip(info: &FixedIpInfo, subnet: &Subnet) -> Vec<Cause> {
    let (cidr, since, reason) = (subnet.cidr, info.since, info.reason.clone());
    let state = match (info.state, &info.owner) {
        (FixedIpState::Free, _) if subnet.is_next_hop(info.address) => Cause::FreeNextHop { cidr },
        (FixedIpState::Free, _) => {
            let is_in_pool = subnet.mode == AddressMode::Pool
                && subnet.pools.iter().any(|pool| pool.contains(info.address));
            Cause::Free { cidr, is_in_pool }
        }
        // What the subnet keeps has no row, and so no moment since which it is kept.
        (FixedIpState::Reserved, _) => match (reason, since) {
            (Some(reason), None) => Cause::KeptBySubnet { cidr, reason },
            (reason, since) => Cause::Reserved { reason, since },
        },
        (FixedIpState::Resting, _) => Cause::Resting { since, until: info.resting_until },
        (FixedIpState::Allocated | FixedIpState::Leased | FixedIpState::Leaving, Some(owner)) => {
            Cause::HeldByPort { port: owner.port, since: since.unwrap_or_default() }
        }
        (FixedIpState::Allocated | FixedIpState::Leased | FixedIpState::Leaving, None) => {
            Cause::HeldByAnother
        }
    };
    let lease = info.lease.map(|lease| Cause::Leased {
        mac: lease.mac,
        at: lease.at,
        until: lease.at.after(lease.time),
    });
    std::iter::once(state).chain(lease).collect()
}

fn of_floating_ip(row: &FloatingIp) -> Explanation {
    let allocated = Cause::FloatingOf {
        project: row.project.clone(),
        pool: row.pool,
        is_auto_assigned: row.is_auto_assigned,
        at: row.allocated_at,
    };
    let leads = match row.target {
        Some(target) => {
            Cause::FloatingWithoutRouter { fixed_ip: target.address, port: target.port, since: row.since }
        }
        None => Cause::FloatingLeadsNowhere,
    };
    Explanation {
        of: Explained::Address(row.subnet, row.address),
        causes: vec![allocated, leads],
        parts: Vec::new(),
    }
}
