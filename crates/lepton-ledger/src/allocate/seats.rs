//! Addresses for ports: first those that must be, then any.

use std::net::IpAddr;

use lepton_types::{MacAddr, PortId, Subnet};

use super::places::{Place, Wanted};
use crate::{Holder, Refusal, Stop, View, pool::Taker};

/// A port and what it is to get.
pub(crate) struct Seat<'w> {
    pub(crate) port: PortId,
    pub(crate) mac: MacAddr,
    pub(crate) wanted: &'w Wanted,
}

/// Gives each port its addresses: first to all ports the very addresses that they must have, lest another one of them be
/// given such an address by chance.
pub(crate) fn give_addresses(ledger: &mut View, seats: &[Seat<'_>]) -> Result<(), Stop> {
    let places = || seats.iter().flat_map(|seat| seat.wanted.places.iter().map(move |place| (seat, place)));
    for_all(places(), |(seat, place)| match place.must_have(&seat.wanted.project, seat.mac) {
        Some((subnet, address)) if !take(ledger, seat, place, subnet, address)? => {
            let (network, field) = (seat.wanted.network, place.field());
            Err(Refusal::FixedIpAlreadyInUse { address, network, field }.into())
        }
        Some(_) | None => Ok(()),
    })?;
    for_all(places(), |(seat, place)| match place {
        Place::Any(subnets) if place.must_have(&seat.wanted.project, seat.mac).is_none() => {
            give_any(ledger, seat, subnets)
        }
        Place::Any(_) | Place::Wished(..) => Ok(()),
    })
}

/// Gives the port an address that was asked for, or that follows from its MAC; answers whether it was free.
fn take(
    ledger: &mut View,
    seat: &Seat<'_>,
    place: &Place,
    subnet: &Subnet,
    address: IpAddr,
) -> Result<bool, Stop> {
    let is_asked_for = matches!(place, Place::Wished(..));
    ledger.take_for(subnet, address, Holder::Port(seat.port), is_asked_for)
}

/// Gives the port an address of the first of these subnets that has one left.
fn give_any(ledger: &mut View, seat: &Seat<'_>, subnets: &[Subnet]) -> Result<(), Stop> {
    for subnet in subnets {
        let taker = Taker { port: seat.port, project: &seat.wanted.project, mac: seat.mac };
        if ledger.take_for_port(subnet, taker)? {
            return Ok(());
        }
    }
    let (network, cidrs) = (seat.wanted.network, subnets.iter().map(|subnet| subnet.cidr).collect());
    Err(Refusal::NoMoreFixedIps { network, cidrs }.into())
}

/// Decides each thing even when one before it stopped for want of a row, so that one round loads what all of them miss.
/// A refusal counts only when nothing before it was missing: otherwise it may rest on what is not known yet.
fn for_all<T>(
    things: impl Iterator<Item = T>,
    mut decide: impl FnMut(T) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut so_far = Ok(());
    for thing in things {
        match decide(thing) {
            Ok(()) => {}
            Err(Stop::Missing) => so_far = Err(Stop::Missing),
            Err(stop @ (Stop::Refused(_) | Stop::Unreadable(_))) => so_far = so_far.and(Err(stop)),
        }
        if matches!(so_far, Err(Stop::Refused(_) | Stop::Unreadable(_))) {
            return so_far;
        }
    }
    so_far
}
