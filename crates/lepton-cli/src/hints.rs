//! Ways out: what a user can do about an error, by the server's reason, and which argument a request's field comes from.

use std::{collections::BTreeMap, io};

use tonic::Code;

use crate::endpoint::Endpoint;

/// What to do about a refusal; none where its text says it all.
pub(crate) fn for_refusal(
    reason: Option<&str>,
    code: Code,
    metadata: &BTreeMap<String, String>,
) -> Option<&'static str> {
    let Some(reason) = reason else { return for_foreign_refusal(code) };
    let stands = metadata.get("undone").is_some_and(|undone| undone == "false");
    Some(match reason {
        "COMPRESSED_REQUEST" | "MALFORMED_REQUEST" => {
            "this program and that leptond do not speak the same language: use the `lepton` that came with it"
        }
        "DNS_DOMAIN_NOT_FOUND" => {
            "`lepton dns domain list` shows the domains that there are, and `lepton dns domain create DOMAIN` makes one"
        }
        "DNS_ENTRY_NOT_FOUND" => "`lepton dns show DOMAIN NAME` shows where a name leads",
        "PORT_NOT_FOUND" => {
            "`lepton port list` shows the ports that there are; `--instance` shows an instance's"
        }
        "DUPLICATE_NETWORK" => "`--allow-duplicate-networks` permits several vNICs on one network",
        "EVENTS_FORGOTTEN" | "REVISION_AHEAD" => {
            "look at what is there now, then follow from now on: `lepton event watch` without `--after`"
        }
        "FIXED_IP_ALREADY_IN_USE" => {
            "choose another address, or none to get a free one; a released address comes back when its host has \
             unplugged it and its quarantine is over"
        }
        "FIELD_NOT_ALLOWED" => "leave that option out, or ask an operator to set it",
        "FIXED_IP_AMBIGUOUS" => "`--instance` or `--network` tells which one is meant",
        "FIXED_IP_NOT_FOUND" => {
            "`lepton instance show INSTANCE` shows the addresses that an instance has; it must be the floating IP's project's"
        }
        "FIXED_IP_NOT_FOUND_FOR_ADDRESS" | "FIXED_IP_NOT_FOUND_FOR_NETWORK" => {
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
        "FLOATING_IP_ALREADY_IN_USE" => "leave `--address` out to get the lowest free one",
        "FLOATING_IP_ASSOCIATED" => {
            "`lepton floating disassociate ADDRESS` first, or release it with `--disassociate`"
        }
        "FLOATING_IP_AUTO_ASSIGNED" => {
            "it goes with its instance; `--affect-auto-assigned` makes it one like any other"
        }
        "FLOATING_IP_NOT_ASSOCIATED" => "`lepton floating show ADDRESS` shows where a floating IP leads",
        "FLOATING_IP_NOT_FOUND" => "`lepton floating list` shows the floating IPs that there are",
        "FLOATING_POOL_IN_USE" => {
            "`lepton floating list --pool POOL --auto-assigned` shows who has its addresses; release them first"
        }
        "FLOATING_POOL_NOT_FOUND" | "FLOATING_RANGE_NOT_FOUND" | "FLOATING_RANGE_OVERLAPS" => {
            "`lepton floating pool list` shows the pools and their ranges"
        }
        "FIXED_IP_INVALID" => "`lepton network show NETWORK` shows the network's subnets and gateways",
        "FLOATING_IP_DNS_EXISTS" if metadata.contains_key("field") => {
            "give the instance another `--hostname`, or none; `lepton dns show DOMAIN NAME` shows whose the name is"
        }
        "FLOATING_IP_DNS_EXISTS" => {
            "choose another name; `lepton dns modify DOMAIN NAME ADDRESS` lets it lead elsewhere, \
             `lepton dns remove DOMAIN NAME` takes it away"
        }
        "HOST_NOT_FOUND" => {
            "look for a slip in the name: `lepton instance show INSTANCE` names an instance's host, and leptond's log its own"
        }
        "HOST_NOT_ALLOWED" => {
            "use the certificate of the host that the instance is to live on, or lives on, or an admin's: `--cert` and \
             `--key`"
        }
        "INCARNATION_MISMATCH" => {
            "`lepton instance show INSTANCE` tells the incarnation that lives; without `--incarnation` whichever \
             lives is meant"
        }
        "INSTANCE_ALREADY_ALLOCATED" => {
            "`lepton instance show INSTANCE` shows its vNICs; `lepton instance deallocate INSTANCE` takes them back"
        }
        "INSTANCE_DEALLOCATED" => {
            "its vNICs were taken back: allocate it anew, without `--request-id` or with a fresh one, if it is still wanted"
        }
        "INSTANCE_IS_MOVING" => {
            "`lepton instance migrate INSTANCE --finish` or `--abort` ends the move that is under way"
        }
        "INSTANCE_NOT_MOVING" => {
            "`lepton instance migrate INSTANCE --to HOST` begins a move; `lepton instance show INSTANCE` shows where it goes"
        }
        "INSTANCE_NOT_ON_HOST" => {
            "leave `--from` out, or name the host that `lepton instance show INSTANCE` shows"
        }
        "MIGRATION_ABORTED" => {
            "somebody ended the move: begin it again, without `--request-id` or with a fresh one, if it is still wanted"
        }
        "INSTANCE_NOT_FOUND" => {
            "`lepton instance allocate INSTANCE --project PROJECT` gives an instance its vNICs"
        }
        "INTERNAL" => "this is a fault of leptond's; its log says more",
        "LEDGER_UNAVAILABLE" => "leptond's database is unavailable: see its log, then run the command again",
        "METHOD_NOT_FOUND" => "that leptond is older than this program: use the `lepton` that came with it",
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
        "NO_MORE_FIXED_IPS" => {
            "deallocate instances or make a larger network; a released address comes back when its host has unplugged \
             it and its quarantine is over"
        }
        "NO_MORE_FLOATING_IPS" => {
            "release some, or give the pool more: `lepton floating pool create POOL --range RANGE`"
        }
        "NO_MORE_MAC_ADDRESSES" => "give leptond another MAC base in its configuration",
        "PORT_PLUG_FAILED" | "PORT_PLUG_TIMEOUT" if stands => {
            "what was begun stands and the host tries again by itself: `lepton instance show INSTANCE` shows how it goes, \
             `lepton instance deallocate INSTANCE` or `migrate INSTANCE --abort` takes it back"
        }
        "PORT_PLUG_FAILED" => "without `--wait` what was begun stays and the host tries again by itself",
        "PORT_PLUG_TIMEOUT" => {
            "see that the host is named rightly and that leptond's agent runs on it, or wait longer, for example \
             `--wait=2m`; if there is no such host, `lepton host fence HOST` frees what was undone"
        }
        "PROJECT_NOT_ALLOWED" => {
            "use a certificate of that project, or an admin's: `--cert` and `--key`; what all projects share is an operator's"
        }
        "QUOTA_EXCEEDED" => {
            "give back what the project needs no more; a port counts until its host has unplugged it. An admin raises a limit, \
             for example by `lepton quota set PROJECT --floating-ips 50`; `lepton quota show PROJECT` shows them"
        }
        "QUEUE_FULL" => "leptond is busy: run the command again in a moment",
        "REQUEST_ID_REUSED" => "leave `--request-id` out to get a fresh one; an id belongs to one request",
        "REQUEST_TOO_LARGE" => "do it in several steps, with less in each",
        "ROLE_NOT_ALLOWED" => "use a certificate whose role includes the call: `--cert` and `--key`",
        "ROUTE_EXISTS" => "`lepton route remove SUBNET DESTINATION` takes the one that is there away",
        "ROUTE_NOT_FOUND" => "`lepton route list SUBNET` shows the routes that there are",
        "SHUTTING_DOWN" => "run the command again when leptond is back",
        "SUBNET_IN_USE" => {
            "deallocate the instances that have addresses in it first; a released address counts until its host has \
             unplugged the port, or `lepton host fence HOST` says that it never will"
        }
        "SUBNET_NOT_FOUND" => "`lepton network show NETWORK` shows the subnets that a network has",
        "UNAUTHENTICATED" => "say who you are with `--cert` and `--key`",
        _ => return None,
    })
}

/// What to do about a refusal that does not say why, as Lepton's always do.
fn for_foreign_refusal(code: Code) -> Option<&'static str> {
    match code {
        Code::Unimplemented | Code::Unknown | Code::Internal | Code::Unavailable => {
            Some("this is not how leptond answers: is it one that listens there, and as new as this program?")
        }
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}

/// What to do when nobody answers at `endpoint`.
pub(crate) fn for_unreachable(endpoint: &Endpoint, cause: Option<io::ErrorKind>) -> &'static str {
    match (endpoint, cause) {
        (Endpoint::Unix(_), Some(io::ErrorKind::PermissionDenied)) => {
            "you may not open that socket: become a member of the group that owns it, or root"
        }
        (_, Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)) => {
            "nobody listens there: start leptond (`systemctl start leptond`), or say where it listens with \
             `--endpoint` or LEPTON_ENDPOINT"
        }
        (Endpoint::Https(_), _) => {
            "see that this is leptond's TLS address, that `--ca` holds the authority that signed its certificate, and \
             that it knows the one that signed yours (`--cert`, `--key`)"
        }
        (Endpoint::Unix(_) | Endpoint::Http(_), _) => {
            "see that leptond runs and listens there, or say where it does with `--endpoint` or LEPTON_ENDPOINT"
        }
    }
}

/// The command line's argument that the request's `field`, such as `networks[0].subnets[1].cidr`, was made from.
pub(crate) fn argument_of(field: &str) -> Option<&'static str> {
    let last = field.rsplit('.').next().unwrap_or(field);
    let name = last.split('[').next().unwrap_or(last);
    Some(match name {
        "address" => "ADDRESS",
        "addresses" => "--dns",
        "address_mode" => "--address-mode",
        "allocation_pools" | "first" | "last" => "--pool",
        "allow_duplicate_networks" => "--allow-duplicate-networks",
        "availability_zone" => "--availability-zone",
        "cidr" | "subnets" => "--cidr",
        "dest" => "--to",
        "destination" => "DESTINATION",
        "dhcp_server" => "--dhcp-server",
        "dns" => "--dns",
        "domain" => "DOMAIN",
        "fixed_ips" => "--network …,ip=",
        "floating_ip" => "--floating",
        "gateway" => "--gateway",
        "guest_device" => "--guest-device",
        "form" => "--form",
        "host" => "--host",
        "hostname" => "--hostname",
        "id" => "--id",
        "incarnation" => "--incarnation",
        "instance_id" => "INSTANCE",
        "after_revision" => "--after",
        "ip_version" => "--ip-version",
        "kinds" => "--kind",
        "label" if field == "label" => "--label",
        "label" => "LABEL",
        "mtu" => "--mtu",
        "name" => "NAME",
        "pattern" => "--regex",
        "prefix" => "--prefix",
        "netmask" => "--netmask",
        "netns_path" => "--netns",
        "network_id" if field == "network_id" => "NETWORK",
        "network_id" | "networks" => "--network",
        "network_size" => "--size",
        "no_gateway" => "--no-gateway",
        "num_networks" => "--count",
        "page_size" => "--limit",
        "prefix_length_v6" => "--prefix-length-v6",
        "priority" => "--priority",
        "project_id" => "--project",
        "quarantine" => "--quarantine",
        "range_v4" | "range_v6" => "--range",
        "reason" => "--reason",
        "request_id" => "--request-id",
        "scope" => "--private",
        "source" => "--from",
        "style" => "--style",
        "state" => "--state",
        "subnet_id" => "SUBNET",
        "type" => "--type",
        "wait_for_active" => "--wait",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The reasons that the API's documentation promises, from lines like `//   NOT_FOUND / NETWORK_NOT_FOUND   why`.
    fn documented_reasons() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/lepton/v1");
        let files = fs::read_dir(folder).unwrap();
        let text: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let words = text.lines().filter_map(|line| line.trim().strip_prefix("//")?.split_once(" / "));
        let words = words
            .filter_map(|(_, rest)| rest.split(|c: char| !matches!(c, '_' | 'A'..='Z' | '0'..='9')).next());
        words.filter(|word| word.len() > 3).map(str::to_owned).collect()
    }

    #[test]
    fn every_documented_reason_has_a_way_out() {
        let reasons = documented_reasons();
        assert!(reasons.len() > 15, "{reasons:?}");
        for reason in reasons {
            // A malformed field's description says what it should be.
            if reason != "INVALID_FIELD" {
                assert!(for_refusal(Some(&reason), Code::Unknown, &BTreeMap::new()).is_some(), "{reason}");
            }
        }
    }

    #[test]
    fn a_field_is_named_by_its_argument() {
        for (field, argument) in [
            ("networks[0].subnets[1].cidr", "--cidr"),
            ("networks[0].subnets[0].allocation_pools[0].first", "--pool"),
            ("networks[0].network_id", "--network"),
            ("networks[0].fixed_ips[1]", "--network …,ip="),
            ("network_id", "NETWORK"),
            ("binding.veth.netns_path", "--netns"),
        ] {
            assert_eq!(argument_of(field), Some(argument), "{field}");
        }
        assert_eq!(argument_of("shoe_size"), None);
    }
}
