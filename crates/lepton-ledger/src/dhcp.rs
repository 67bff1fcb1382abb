//! What dnsmasq is told about a network's guests: its hosts, leases and options as text (specification §5).
//!
//! Two programs wrote these files, and both forms are kept byte for byte: [`Style::Quantum`] for the QuantumManager's, and
//! [`Style::LinuxNet`] for the other managers'. A MAC with several addresses of a network is told the lowest only
//! (B32), since dnsmasq gives a client one.

use std::{collections::BTreeMap, fmt::Write, net::Ipv4Addr, time::Duration};

use lepton_types::{DomainName, Hostname, MacAddr, Timestamp};
use serde::{Deserialize, Serialize};

mod guests;

pub use guests::{DhcpGuests, GetDhcpGuests};

/// Whose form the texts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The QuantumManager's: guests are called after their addresses, and every line ends with a newline.
    Quantum,
    /// The other managers': guests have their own names, and lines are joined by newlines.
    LinuxNet,
}

/// A guest's address, as a DHCP server must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpGuest {
    /// The port's MAC.
    pub mac: MacAddr,
    /// Its address.
    pub address: Ipv4Addr,
    /// The instance's name, if it told one.
    pub hostname: Option<Hostname>,
    /// The port's number, by which options find it: unique among the network's guests, and the same in every text.
    pub tag: u64,
    /// Whether the port is its instance's first.
    pub is_first: bool,
    /// When the instance was made.
    pub created_at: Timestamp,
}

impl DhcpGuest {
    /// The address of a port at this position among its instance's. No other live port has the MAC, so the MAC's number
    /// tells ports apart as well as any that is counted.
    pub fn new(
        mac: MacAddr,
        address: Ipv4Addr,
        hostname: Option<Hostname>,
        position: u16,
        created_at: Timestamp,
    ) -> Self {
        Self { mac, address, hostname, tag: mac.to_bits(), is_first: position == 0, created_at }
    }
}

/// What the texts are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpView {
    /// Whose form.
    pub style: Style,
    /// What names end with, such as `novalocal`.
    pub domain: DomainName,
    /// How long a lease is good.
    pub lease_time: Duration,
    /// Whether only an instance's first vNIC gets a default route.
    pub has_single_gateway: bool,
    /// The guests; the texts have them in the order of their addresses.
    guests: BTreeMap<Ipv4Addr, DhcpGuest>,
}

impl DhcpView {
    /// The view of a network with these guests.
    pub fn new(style: Style, domain: DomainName, lease_time: Duration, guests: Vec<DhcpGuest>) -> Self {
        let mut lowest: BTreeMap<MacAddr, DhcpGuest> = BTreeMap::new();
        for guest in guests {
            match lowest.get(&guest.mac) {
                Some(known) if known.address <= guest.address => {}
                _ => drop(lowest.insert(guest.mac, guest)),
            }
        }
        let guests = lowest.into_values().map(|guest| (guest.address, guest)).collect();
        Self { style, domain, lease_time, has_single_gateway: false, guests }
    }

    /// `--dhcp-hostsfile`: which MAC gets which address and name.
    pub fn hosts(&self) -> String {
        self.lines(self.guests.values().map(|guest| {
            let DhcpGuest { mac, address, .. } = guest;
            match self.style {
                Style::Quantum => format!("{mac},host-{address}.{},{address}", self.domain),
                Style::LinuxNet => {
                    let name = guest
                        .hostname
                        .as_ref()
                        .map_or_else(|| format!("host-{address}"), ToString::to_string);
                    let mut line = format!("{mac},{name}.{},{address}", self.domain);
                    if self.has_single_gateway {
                        let _ = write!(line, ",net:NW-{}", guest.tag);
                    }
                    line
                }
            }
        }))
    }

    /// The lease file that a restarted dnsmasq takes over. The QuantumManager's are over already at `now`.
    pub fn leases(&self, now: Timestamp) -> String {
        let secs = |moment: Timestamp| moment.micros().div_euclid(1_000_000);
        let lease = i64::try_from(self.lease_time.as_secs()).unwrap_or(i64::MAX);
        self.lines(self.guests.values().map(|DhcpGuest { mac, address, hostname, created_at, .. }| {
            match self.style {
                Style::Quantum => format!("{} {mac} {address} * *", secs(now).saturating_sub(lease)),
                Style::LinuxNet => {
                    let name = hostname.as_ref().map_or("*", Hostname::as_str);
                    format!("{} {mac} {address} {name} *", secs(*created_at).saturating_add(lease))
                }
            }
        }))
    }

    /// `--dhcp-optsfile`: an empty option 3, no default route, for every vNIC that is not its instance's first (B34).
    /// Empty without a single gateway, and in the QuantumManager's form.
    pub fn options(&self) -> String {
        let is_telling = self.has_single_gateway && self.style == Style::LinuxNet;
        let others = self.guests.values().filter(|guest| is_telling && !guest.is_first);
        self.lines(others.map(|guest| format!("NW-{},3", guest.tag)))
    }

    fn lines(&self, lines: impl Iterator<Item = String>) -> String {
        match self.style {
            Style::Quantum => lines.map(|line| line + "\n").collect(),
            Style::LinuxNet => lines.collect::<Vec<_>>().join("\n"),
        }
    }
}

#[cfg(test)]
mod tests;
