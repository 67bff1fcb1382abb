//! Ways out of refusals of networks, subnets and routes.

use super::Metadata;

/// What to do about one of these refusals.
pub(super) fn of(reason: &str, _: &Metadata) -> Option<&'static str> {
    Some(match reason {
        "DUPLICATE_NETWORK" => "`--allow-duplicate-networks` permits several vNICs on one network",
        "NETWORK_IN_USE" => {
            "deallocate the instances that use it first; a released port counts until its host has unplugged it, or \
             `lepton host fence HOST` says that it never will"
        }
        "NETWORK_NOT_FOUND" => {
            "`lepton network list` shows the networks that there are, with `--project` a project's"
        }
        "NETWORK_NOT_EMPTY" => {
            "leave `--id` out to make a new network, or add a subnet to that one with `lepton subnet add NETWORK`"
        }
        "NETWORK_WITHOUT_IPV4" => "the other forms can tell it: `--form model` or `--form network-data`",
        "ROUTE_EXISTS" => "`lepton route remove SUBNET DESTINATION` takes the one that is there away",
        "ROUTE_NOT_FOUND" => "`lepton route list SUBNET` shows the routes that there are",
        "SUBNET_IN_USE" => {
            "deallocate the instances that have addresses in it first; a released address counts until its host has \
             unplugged the port, or `lepton host fence HOST` says that it never will"
        }
        "SUBNET_NOT_FOUND" => "`lepton network show NETWORK` shows the subnets that a network has",
        _ => return None,
    })
}
