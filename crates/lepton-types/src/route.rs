//! [`Route`]: a static route of a subnet.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::Cidr;

/// A static route that guests of a subnet get beside the one to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads.
    pub destination: Cidr,
    /// The next hop, of the same family.
    pub gateway: IpAddr,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via {}", self.destination, self.gateway)
    }
}
