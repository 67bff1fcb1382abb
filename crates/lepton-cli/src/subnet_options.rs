//! The options that describe new subnets.
//!
//! A new network has an IPv4 and an IPv6 subnet, one of them or none; an option finds its subnet by address family, which
//! an address shows by itself. Whether a text is an address at all is for the server to say: for the way to its subnet
//! it is enough that only IPv6 has colons.

use std::{str::FromStr, time::Duration};

use clap::ValueEnum;
use lepton_proto::v1 as pb;
use lepton_types::AddressFamily;

use crate::{duration, error::Error};

/// New subnets.
#[derive(Debug, clap::Args)]
pub(crate) struct SubnetOptions {
    /// Prefix of a subnet, for example 10.1.0.0/24 or fd00:1::/64; once for IPv4, once for IPv6
    #[arg(long = "cidr", value_name = "CIDR")]
    cidrs: Vec<String>,

    /// Router that guests should use [default: each subnet's first host address]
    #[arg(long = "gateway", value_name = "ADDRESS")]
    gateways: Vec<String>,

    /// Range that guests' addresses are chosen from, for example 10.1.0.100-10.1.0.199 [default: all host addresses]
    #[arg(long = "pool", value_name = "FIRST-LAST", value_parser = parse_pool)]
    pools: Vec<Pool>,

    #[command(flatten)]
    common: CommonOptions,
}

/// What new subnets may have in common, whatever their prefixes are.
#[derive(Debug, clap::Args)]
pub(crate) struct CommonOptions {
    /// No router; with =4 or =6 only in the subnet of that family
    #[arg(
        long,
        value_name = "FAMILY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "both",
        value_parser = parse_families,
    )]
    no_gateway: Vec<Families>,

    /// Name server for guests, in the order to ask them; in a network without a subnet of its family, of the other's
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,

    /// How long a released address rests, for example 60s; 4=60s or 6=60s only in the subnet of that family
    /// [default: not at all]
    #[arg(long, value_name = "[FAMILY=]DURATION", allow_hyphen_values = true)]
    quarantine: Vec<Quarantine>,

    /// How the IPv6 subnet's addresses are chosen [default: eui64 for a /64 without pools, else pool]
    #[arg(long, value_name = "MODE", value_enum)]
    address_mode: Option<AddressMode>,
}

/// Which subnets an option is for; none means both families'.
type Families = Option<AddressFamily>;

/// `--pool`'s value.
#[derive(Clone, Debug)]
struct Pool(pb::AllocationPool);

/// `--quarantine`'s value.
#[derive(Clone, Debug)]
struct Quarantine {
    families: Families,
    span: Duration,
}

/// How a guest's IPv6 address is chosen.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AddressMode {
    /// The prefix with the modified EUI-64 of the vNIC's MAC
    Eui64,
    /// The prefix with the first 32 bits of SHA-1 of the project's name, `ff`, and half of the vNIC's MAC
    AccountIdentifier,
    /// The lowest free address of the pools
    Pool,
}

impl SubnetOptions {
    /// The subnets, each with the options of its family.
    pub(crate) fn into_specs(self) -> Result<Vec<pb::SubnetSpec>, Error> {
        let mut subnets = Subnets::of_prefixes(self.cidrs);
        for gateway in self.gateways {
            for subnet in subnets.of(Some(family(&gateway)), &format!("--gateway {gateway}"))? {
                set_gateway(subnet, &gateway)?;
            }
        }
        for Pool(pool) in self.pools {
            for subnet in
                subnets.of(Some(family(&pool.first)), &format!("--pool {}-{}", pool.first, pool.last))?
            {
                subnet.allocation_pools.push(pool.clone());
            }
        }
        self.common.apply_to(&mut subnets)?;
        Ok(subnets.0)
    }

    /// The only subnet that the options describe.
    pub(crate) fn into_spec(self) -> Result<pb::SubnetSpec, Error> {
        let mut specs = self.into_specs()?;
        match (specs.pop(), specs.is_empty()) {
            (Some(spec), true) => Ok(spec),
            (_, _) => Err(Error::usage("expected one --cidr; a subnet has one prefix".to_owned())),
        }
    }
}

impl CommonOptions {
    /// What the subnets of prefixes that nobody knows yet have in common; in the prefix's place is the text.
    pub(crate) fn into_specs(self, prefixes: Vec<String>) -> Result<Vec<pb::SubnetSpec>, Error> {
        let mut subnets = Subnets::of_prefixes(prefixes);
        self.apply_to(&mut subnets)?;
        Ok(subnets.0)
    }

    fn apply_to(self, subnets: &mut Subnets) -> Result<(), Error> {
        for families in self.no_gateway {
            for subnet in subnets.of(families, "--no-gateway")? {
                subnet.no_gateway = true;
            }
        }
        for server in self.dns {
            for subnet in subnets.for_name_server(&server)? {
                subnet.dns.push(server.clone());
            }
        }
        // The general ones first, so that a family's own is the last word.
        let (own, general): (Vec<_>, Vec<_>) =
            self.quarantine.into_iter().partition(|given| given.families.is_some());
        for Quarantine { families, span } in general.into_iter().chain(own) {
            for subnet in subnets.of(families, "--quarantine")? {
                subnet.quarantine = Some(duration::to_wire(span));
            }
        }
        if let Some(mode) = self.address_mode {
            for subnet in subnets.of(Some(AddressFamily::V6), "--address-mode")? {
                subnet.set_address_mode(mode.into());
            }
        }
        Ok(())
    }
}

/// The subnets that options look for.
struct Subnets(Vec<pb::SubnetSpec>);

impl Subnets {
    fn of_prefixes(cidrs: Vec<String>) -> Self {
        let spec = |cidr| pb::SubnetSpec { cidr, ..pb::SubnetSpec::default() };
        Self(cidrs.into_iter().map(spec).collect())
    }

    /// Those that `option` is for; it is a mistake when there are none.
    fn of(&mut self, wanted: Families, option: &str) -> Result<Vec<&mut pb::SubnetSpec>, Error> {
        if !self.has(wanted) {
            return Err(homeless(option, wanted));
        }
        Ok(self.0.iter_mut().filter(|subnet| is_of(subnet, wanted)).collect())
    }

    /// Those of its family, or else the other's: guests can be told any name server over either protocol.
    fn for_name_server(&mut self, server: &str) -> Result<Vec<&mut pb::SubnetSpec>, Error> {
        let own = Some(family(server));
        let families = if self.has(own) { own } else { None };
        self.of(families, &format!("--dns {server}"))
    }

    fn has(&self, wanted: Families) -> bool {
        self.0.iter().any(|subnet| is_of(subnet, wanted))
    }
}

fn is_of(subnet: &pb::SubnetSpec, wanted: Families) -> bool {
    wanted.is_none_or(|wanted| family(&subnet.cidr) == wanted)
}

impl FromStr for Quarantine {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((family, span)) => {
                Ok(Self { families: parse_families(family)?, span: duration::parse(span)? })
            }
            None => Ok(Self { families: None, span: duration::parse(text)? }),
        }
    }
}

impl From<AddressMode> for pb::AddressMode {
    fn from(mode: AddressMode) -> Self {
        match mode {
            AddressMode::Eui64 => Self::Eui64,
            AddressMode::AccountIdentifier => Self::AccountIdentifier,
            AddressMode::Pool => Self::Pool,
        }
    }
}

fn parse_families(text: &str) -> Result<Families, &'static str> {
    match text {
        "4" => Ok(Some(AddressFamily::V4)),
        "6" => Ok(Some(AddressFamily::V6)),
        "both" => Ok(None),
        _ => Err("expected 4 or 6"),
    }
}

fn parse_pool(text: &str) -> Result<Pool, &'static str> {
    let (first, last) =
        text.split_once('-').ok_or("expected FIRST-LAST, for example 10.1.0.100-10.1.0.199")?;
    Ok(Pool(pb::AllocationPool { first: first.trim().to_owned(), last: last.trim().to_owned() }))
}

/// The wire has one gateway for each subnet, so a second one would be lost in silence.
fn set_gateway(subnet: &mut pb::SubnetSpec, gateway: &str) -> Result<(), Error> {
    if !subnet.gateway.is_empty() {
        let pb::SubnetSpec { cidr, gateway: before, .. } = subnet;
        return Err(Error::usage(format!("--gateway {before} and --gateway {gateway} are both for {cidr}")));
    }
    gateway.clone_into(&mut subnet.gateway);
    Ok(())
}

/// What the text is meant to be.
pub(crate) fn family(text: &str) -> AddressFamily {
    if text.contains(':') { AddressFamily::V6 } else { AddressFamily::V4 }
}

fn homeless(option: &str, wanted: Families) -> Error {
    let (what, example) = match wanted {
        Some(AddressFamily::V4) => ("IPv4 subnet", "--cidr 10.1.0.0/24"),
        Some(AddressFamily::V6) => ("IPv6 subnet", "--cidr fd00:1::/64"),
        None => ("subnet", "--cidr 10.1.0.0/24"),
    };
    Error::usage(format!("{option}: the network has no {what} for it"))
        .with_hint(&format!("add one, as in `{example}`"))
}

#[cfg(test)]
mod tests;
