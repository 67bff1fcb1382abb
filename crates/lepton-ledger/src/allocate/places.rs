//! Which networks an instance gets, and which addresses on them: everything is looked at before anything is taken.

use std::net::IpAddr;

use lepton_ipam::derived;
use lepton_types::{AddressFamily, MacAddr, Network, NetworkId, ProjectId, Subnet};
use lepton_vnic::{Choice, OrderError, RequestedNetwork};

use crate::{Key, Refusal, Stop, View, pool};

/// Most vNICs of an instance.
pub const MOST_VNICS: usize = 64;

/// A vNIC to be: its network, and the addresses that it is to get.
pub(crate) struct Wanted {
    pub(super) network: NetworkId,
    /// Whose the port is to be.
    pub(super) project: ProjectId,
    pub(super) places: Vec<Place>,
}

/// An address that a vNIC is to get.
pub(super) enum Place {
    /// This very one.
    Wished(Box<Subnet>, Wish),
    /// Any of the first of these subnets, all of one family, that has one left.
    Any(Vec<Subnet>),
}

/// An address that was asked for.
pub(super) struct Wish {
    address: IpAddr,
    /// Its path in the request.
    field: String,
}

impl Wanted {
    /// Whether an address follows from its MAC.
    pub(super) fn has_derived(&self) -> bool {
        let first = |place: &Place| place.first().is_some_and(|subnet| subnet.mode.follows_from_port());
        self.places.iter().any(|place| matches!(place, Place::Any(_)) && first(place))
    }
}

impl Place {
    /// The one address that will do, and its subnet: the one that was asked for, or the one that follows from the project and the
    /// MAC.
    pub(super) fn must_have(&self, project: &ProjectId, mac: MacAddr) -> Option<(&Subnet, IpAddr)> {
        match self {
            Self::Wished(subnet, wish) => Some((subnet, wish.address)),
            Self::Any(subnets) => {
                let first = subnets.first()?;
                derived(first, project, mac).map(|address| (first, address))
            }
        }
    }

    /// What it needs whatever the MAC will be.
    pub(super) fn keys_without_mac(&self) -> Vec<Key> {
        match self {
            Self::Wished(subnet, wish) => pool::keys_of(subnet, wish.address).collect(),
            Self::Any(_) => {
                let first = self.first().filter(|subnet| !subnet.mode.follows_from_port());
                first.into_iter().flat_map(pool::keys_of_next).collect()
            }
        }
    }

    /// The subnet that is asked first.
    pub(super) fn first(&self) -> Option<&Subnet> {
        match self {
            Self::Wished(subnet, _) => Some(subnet),
            Self::Any(subnets) => subnets.first(),
        }
    }

    /// Where the request asks for it, if it does.
    pub(super) fn field(&self) -> Option<String> {
        match self {
            Self::Wished(_, wish) => Some(wish.field.clone()),
            Self::Any(_) => None,
        }
    }
}

/// What choosing the networks needs, for the round before it.
pub(crate) fn keys_of_networks(project: &ProjectId, requested: &[RequestedNetwork]) -> Vec<Key> {
    if requested.is_empty() {
        return vec![Key::NetworksOf(project.clone())];
    }
    requested.iter().map(|requested| Key::Network(requested.network)).collect()
}

/// Resolves and authorises every network and every requested address before anything is taken.
pub(crate) fn choose(
    ledger: &mut View,
    project: &ProjectId,
    requested: &[RequestedNetwork],
    allow_duplicates: bool,
) -> Result<Vec<Wanted>, Stop> {
    let candidates = candidates(ledger, project, requested)?;
    let choices = lepton_vnic::order(project, &candidates, requested, allow_duplicates)
        .map_err(|error| refusal(&error))?;
    let mut wanted = Vec::with_capacity(choices.len());
    for (index, choice) in choices.iter().enumerate() {
        let places = places(ledger, index, choice)?;
        wanted.push(Wanted { network: choice.network, project: project.clone(), places });
    }
    Ok(wanted)
}

fn candidates(
    ledger: &mut View,
    project: &ProjectId,
    requested: &[RequestedNetwork],
) -> Result<Vec<Network>, Stop> {
    ledger.need(keys_of_networks(project, requested))?;
    if requested.is_empty() {
        let found = ledger.networks_of(project)?;
        if found.len() > MOST_VNICS {
            let problem = format!(
                "an instance of project {project} would get {} vNICs, one on each network of the project's and each global one, \
                 and it can have {MOST_VNICS}; name the networks that it is to have",
                found.len()
            );
            return Err(Refusal::invalid_field("networks", problem).into());
        }
        return Ok(found);
    }
    let mut found = Vec::with_capacity(requested.len());
    for requested in requested {
        found.extend(ledger.network(requested.network)?.filter(|network| !network.is_external).cloned());
    }
    Ok(found)
}

fn refusal(error: &OrderError) -> Refusal {
    let (network, field) = (error.network(), format!("networks[{}].network_id", error.index()));
    match error {
        OrderError::NotFound { .. } => Refusal::NetworkNotFound { network, field: Some(field) },
        OrderError::Duplicate { .. } => Refusal::DuplicateNetwork { network, field },
    }
}

/// The addresses that the vNIC is to get: those that were asked for, and one of each family for which none was.
fn places(ledger: &View, index: usize, choice: &Choice) -> Result<Vec<Place>, Refusal> {
    let subnets = ledger.subnets_of(choice.network);
    let mut places = Vec::new();
    for family in [AddressFamily::V4, AddressFamily::V6] {
        let of_family: Vec<_> = subnets.iter().filter(|subnet| subnet.family() == family).cloned().collect();
        let is_wished = choice.fixed_ips.iter().any(|address| AddressFamily::of(*address) == family);
        if !is_wished && !of_family.is_empty() {
            places.push(Place::Any(of_family));
        }
    }
    for (address_index, &address) in choice.fixed_ips.iter().enumerate() {
        let field = format!("networks[{index}].fixed_ips[{address_index}]");
        let invalid = |problem: String| Refusal::FixedIpInvalid {
            address,
            network: choice.network,
            field: field.clone(),
            problem,
        };
        let subnet = pool::subnet_for_guest(&subnets, choice.network, address).map_err(invalid)?;
        let earlier = places.iter().find_map(|place| match place {
            Place::Wished(other, wish) if other.id == subnet.id => Some(wish.address),
            Place::Wished(..) | Place::Any(_) => None,
        });
        if let Some(first) = earlier {
            return Err(invalid(format!(
                "{first} and {address} are both in subnet {}; a vNIC has one address in each subnet",
                subnet.cidr
            )));
        }
        places.push(Place::Wished(Box::new(subnet.clone()), Wish { address, field }));
    }
    Ok(places)
}
