//! [`Tell`] and [`At`]: how the fields of a refusal are told to programs.

use std::net::IpAddr;

use lepton_types::{
    Cidr, DomainName, HostId, Hostname, InstanceId, Ipv4Range, Limit, MacAddr, MacPrefix, MacRangeId, Name,
    NetworkId, ProjectId, RecordType, RequestId, Resource, Route, SubnetId,
};

use super::{Violation, words::joined};
use crate::{AuditedThing, FindingClass, PlanHash, PortRef, Sought};

/// Names and values of a refusal.
type Told = Vec<(&'static str, String)>;

/// A value that programs are told of.
pub(super) trait Tell<N> {
    /// Adds it by this name.
    fn tell(&self, name: N, told: &mut Told);
}

/// The names that a value has by itself, for one that is told of by another name in each case.
pub(super) struct OwnNames;

macro_rules! tell_as_text {
    ($($type:ty)*) => {$(
        impl Tell<&'static str> for $type {
            fn tell(&self, name: &'static str, told: &mut Told) {
                told.push((name, self.to_string()));
            }
        }
    )*};
}

tell_as_text!(Cidr DomainName HostId Hostname InstanceId IpAddr Ipv4Range Limit Name NetworkId ProjectId);
tell_as_text!(AuditedThing FindingClass MacAddr MacPrefix MacRangeId);
tell_as_text!(PlanHash RecordType RequestId Resource String SubnetId u64 &'static str);

/// What is not there is not told of.
impl<T: Tell<&'static str>> Tell<&'static str> for Option<T> {
    fn tell(&self, name: &'static str, told: &mut Told) {
        if let Some(value) = self {
            value.tell(name, told);
        }
    }
}

/// A count; none of something is not told of.
impl Tell<&'static str> for usize {
    fn tell(&self, name: &'static str, told: &mut Told) {
        if *self > 0 {
            told.push((name, self.to_string()));
        }
    }
}

/// The field of the first.
impl Tell<&'static str> for Vec<Violation> {
    fn tell(&self, name: &'static str, told: &mut Told) {
        told.extend(self.first().map(|first| (name, first.field.clone())));
    }
}

impl Tell<&'static str> for Vec<Cidr> {
    fn tell(&self, name: &'static str, told: &mut Told) {
        told.push((name, joined(self)));
    }
}

impl Tell<OwnNames> for Sought {
    fn tell(&self, _: OwnNames, told: &mut Told) {
        told.push(self.metadata());
    }
}

impl Tell<OwnNames> for PortRef {
    fn tell(&self, _: OwnNames, told: &mut Told) {
        told.push(match self {
            Self::Id(id) => ("port_id", id.to_string()),
            Self::Mac(mac) => ("mac_address", mac.to_string()),
        });
    }
}

impl Tell<OwnNames> for Route {
    fn tell(&self, _: OwnNames, told: &mut Told) {
        told.extend([("destination", self.destination.to_string()), ("gateway", self.gateway.to_string())]);
    }
}

/// Where in a request a fault is.
pub(super) trait At {
    /// The path, if there is one.
    fn path(&self) -> Option<&str>;
}

impl At for str {
    fn path(&self) -> Option<&str> {
        Some(self)
    }
}

impl At for Option<String> {
    fn path(&self) -> Option<&str> {
        self.as_deref()
    }
}
