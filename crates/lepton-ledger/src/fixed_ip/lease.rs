//! `LeaseFixedIp` and `ReleaseFixedIp`: what a DHCP server says that it has done.
//!
//! ```text
//!                 leased to its MAC
//!   a port's  ─────────────────────▶  a port's, leased
//!      │      ◀─────────────────────      │
//!      │        released by its MAC       │ unplugged
//!      │ unplugged                        ▼
//!      │                            rests as long as its subnet wants, and as the lease may be in use
//!      ▼                                  │ released by its MAC
//!   rests as long as its subnet wants ◀───┘
//! ```
//!
//! One that was never leased needs no time-out of its own: the unplugging alone begins its rest (B24), and the sweep of what
//! has rested ends it. Of a leased one whose release never comes, the lease's end is the time-out.
//!
//! What does not fit is left alone, and the answer says why: a DHCP server's script can do nothing about it. Nothing that
//! a server says frees an address which a port has.

use std::{net::IpAddr, time::Duration};

use lepton_types::{FixedIpInfo, HostId, Lease, MacAddr, NetworkId, Port};
use serde::{Deserialize, Serialize};

use crate::{Command, FixedIp, Holder, Key, Scope, Stop, View};

/// A DHCP server has given an address to a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseFixedIp {
    /// Which address.
    pub address: IpAddr,
    /// Who asked for it.
    pub mac: MacAddr,
    /// How long the guest may use it: the manager's setting, not part of the request.
    pub lease_time: Duration,
    /// The only host whose guests the caller may speak of; none: any. Follows from its credentials, so it is not part of the
    /// request.
    pub only_on: Option<HostId>,
}

/// A DHCP server has taken an address back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFixedIp {
    /// Which address.
    pub address: IpAddr,
    /// Who had it.
    pub mac: MacAddr,
    /// The only host whose guests the caller may speak of; none: any. Follows from its credentials, so it is not part of the
    /// request.
    pub only_on: Option<HostId>,
}

/// What a DHCP server's word has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseOutcome {
    /// The address, if the word fits.
    pub fixed_ip: Option<FixedIpInfo>,
    /// Why it was ignored, or what is strange about it.
    pub warning: Option<String>,
}

impl LeaseOutcome {
    fn ignored(warning: String) -> Self {
        Self { fixed_ip: None, warning: Some(warning) }
    }
}

impl Command for LeaseFixedIp {
    type Answer = LeaseOutcome;

    const NAME: &'static str = "LeaseFixedIp";

    fn keys(&self) -> Vec<Key> {
        vec![Key::PortOfMac(self.mac)]
    }

    fn decide(&self, ledger: &mut View) -> Result<LeaseOutcome, Stop> {
        let row = match had_by(ledger, self.mac, self.address, self.only_on.as_ref())? {
            Ok(row) => row,
            Err(warning) => return Ok(LeaseOutcome::ignored(warning)),
        };
        let lease = Lease { mac: self.mac, at: ledger.now(), time: self.lease_time };
        let row = FixedIp { lease: Some(lease), ..row };
        ledger.replace(row.clone());
        told(ledger, row, None)
    }
}

impl Command for ReleaseFixedIp {
    type Answer = LeaseOutcome;

    const NAME: &'static str = "ReleaseFixedIp";

    fn keys(&self) -> Vec<Key> {
        vec![Key::PortOfMac(self.mac)]
    }

    fn decide(&self, ledger: &mut View) -> Result<LeaseOutcome, Stop> {
        let ignored = match had_by(ledger, self.mac, self.address, self.only_on.as_ref())? {
            Ok(row) => {
                let warning = row.lease.is_none().then(|| format!("{} was not leased", self.address));
                let row = FixedIp { lease: None, ..row };
                ledger.replace(row.clone());
                return told(ledger, row, warning);
            }
            Err(warning) => LeaseOutcome::ignored(warning),
        };
        // Looked for behind the port: what the port has lost meanwhile rests by now.
        let leased: Vec<FixedIp> = ledger.leased_to(self.mac, self.address)?;
        let resting = leased.into_iter().find(|row| matches!(row.holder, Holder::Quarantine(_)));
        resting.map_or(Ok(ignored), |row| self.end_of_lease(ledger, &row))
    }
}

impl ReleaseFixedIp {
    /// An address that rests because of its lease rests now only as long as its subnet wants. Which host its port was on is
    /// forgotten, so of hosts only the one with the network's router may say so. One that rests for another reason as well, such as
    /// that guests were told to send to it, has no lease any more.
    fn end_of_lease(&self, ledger: &mut View, row: &FixedIp) -> Result<LeaseOutcome, Stop> {
        let Some(subnet) = ledger.subnet(row.subnet)?.cloned() else {
            return Ok(LeaseOutcome::ignored(format!("{} is in no subnet any more", row.address)));
        };
        if let Some(host) = &self.only_on
            && !is_router_of(ledger, host, subnet.network)?
        {
            let address = row.address;
            return Ok(LeaseOutcome::ignored(format!(
                "host {host} has not the router of {address}'s network"
            )));
        }
        // Of what becomes free its network's owner hears.
        ledger.need([Key::Network(subnet.network)])?;
        let until = row.since.after(subnet.quarantine);
        ledger.let_rest(&subnet, &FixedIp { lease: None, ..row.clone() }, until)?;
        let fixed_ip = Some(ledger.info_of(&subnet, row.address, &Scope::Everything)?);
        Ok(LeaseOutcome { fixed_ip, warning: None })
    }
}

/// The row of the address, if the port with this MAC has it and the caller may speak of that port; else why not.
fn had_by(
    ledger: &mut View,
    mac: MacAddr,
    address: IpAddr,
    only_on: Option<&HostId>,
) -> Result<Result<FixedIp, String>, Stop> {
    let Some(port) = ledger.port_of_mac(mac)?.cloned() else {
        return Ok(Err(format!("no port has MAC {mac}")));
    };
    let row = ledger.fixed_ips_of(port.id).into_iter().find(|row| row.address == address);
    let Some(row) = row else {
        return Ok(Err(format!("port {} with MAC {mac} does not have {address}", port.id)));
    };
    ledger.want([Key::Subnet(row.subnet), Key::Network(port.network)]);
    if let Some(host) = only_on
        && !serves(ledger, host, &port)?
    {
        return Ok(Err(format!("host {host} neither has port {} nor the router of its network", port.id)));
    }
    Ok(Ok(row))
}

/// Whether a host may answer the port's DHCP requests: the port is there, or its network's router is.
fn serves(ledger: &mut View, host: &HostId, port: &Port) -> Result<bool, Stop> {
    let is_there = port.host == *host || port.target.as_ref().is_some_and(|target| target.host == *host);
    Ok(is_there || is_router_of(ledger, host, port.network)?)
}

fn is_router_of(ledger: &mut View, host: &HostId, network: NetworkId) -> Result<bool, Stop> {
    Ok(ledger.network(network)?.is_some_and(|network| network.host.as_ref() == Some(host)))
}

fn told(ledger: &mut View, row: FixedIp, warning: Option<String>) -> Result<LeaseOutcome, Stop> {
    let fixed_ip = match ledger.subnet(row.subnet)?.cloned() {
        Some(subnet) => Some(ledger.info_of_row(&subnet, row)?),
        None => None,
    };
    Ok(LeaseOutcome { fixed_ip, warning })
}
