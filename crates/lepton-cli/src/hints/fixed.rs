//! Ways out of refusals of addresses of networks.

use super::Metadata;

/// What to do about one of these refusals.
pub(super) fn of(reason: &str, _: &Metadata) -> Option<&'static str> {
    Some(match reason {
        "FIXED_IP_ALREADY_IN_USE" => {
            "choose another address, or none to get a free one; a released address comes back when its host has \
             unplugged it and its quarantine is over"
        }
        "FIXED_IP_AMBIGUOUS" => "`--instance` or `--network` tells which one is meant",
        "FIXED_IP_NOT_FOUND" => {
            "`lepton instance show INSTANCE` shows the addresses that an instance has; it must be the floating IP's project's"
        }
        "FIXED_IP_NOT_FOUND_FOR_ADDRESS" => {
            "`lepton fixed list --network NETWORK` shows what is had of a network; of floating IPs `lepton floating show ADDRESS` tells, and \
             `lepton floating pool list` whose range a free one is in"
        }
        "FIXED_IP_NOT_FOUND_FOR_NETWORK" => {
            "`lepton network show NETWORK` shows a network's subnets, `lepton fixed list --network NETWORK` what is had of them"
        }
        "FIXED_IP_NOT_FOUND_FOR_INSTANCE" | "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE" => {
            "`lepton instance show INSTANCE` shows the addresses that an instance has"
        }
        "FIXED_IP_NOT_RESERVED" => {
            "`lepton fixed list --network NETWORK --state reserved` shows what operators keep"
        }
        "FIXED_IP_RESERVED" => "`lepton fixed unreserve ADDRESS` first, or leave it as it is",
        "NETWORK_NOT_FOUND_FOR_INSTANCE" => {
            "`lepton instance show INSTANCE` shows on which networks an instance has vNICs"
        }
        "FIXED_IP_INVALID" => "`lepton network show NETWORK` shows the network's subnets and gateways",
        "NO_MORE_FIXED_IPS" => {
            "deallocate instances or make a larger network; a released address comes back when its host has unplugged \
             it and its quarantine is over"
        }
        "MAC_RANGES_EXHAUSTED" => {
            "`lepton mac-range create RANGE` makes another range; a released port's MAC comes back when its host has unplugged it"
        }
        "MAC_RANGE_IN_USE" => {
            "deallocate the instances whose ports have its MACs first; a released port counts until its host has unplugged it"
        }
        "MAC_RANGE_NOT_FOUND" | "MAC_RANGE_OVERLAPS" | "TOO_MANY_MAC_RANGES" => {
            "`lepton mac-range list` shows the ranges that there are"
        }
        "NO_MORE_MAC_ADDRESSES" => "give leptond another MAC base in its configuration",
        _ => return None,
    })
}
