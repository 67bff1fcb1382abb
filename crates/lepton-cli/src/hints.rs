//! Ways out: what a user can do about an error, by the server's reason, and which argument a request's field comes from.

use std::{collections::BTreeMap, io};

use tonic::Code;

use crate::endpoint::Endpoint;

mod dns;
mod fixed;
mod floating;
mod instance;
mod network;
mod server;

/// What a refusal is about, by name.
type Metadata = BTreeMap<String, String>;

/// What to do about a wrong command line.
pub(crate) const FOR_USAGE: &str = "`lepton help` and `--help` after a command show what there is";

/// What to do about a wrong `field` of a request, such as `networks[0].network_id`: where its ids are told, or what it may be.
pub(crate) fn for_field(field: &str) -> &'static str {
    match name_of(field) {
        "network_id" => "`lepton network list` shows the networks with their ids",
        "subnet_id" => "`lepton network show NETWORK` shows a network's subnets with their ids",
        "port_id" => "`lepton port list` shows the ports with their ids",
        "mac_range_id" => "`lepton mac-range list` shows the ranges with their ids",
        "instance_id" => "`lepton instance find` and `lepton port list` show the instances' ids",
        _ => "`--help` after the command says what each argument takes",
    }
}

/// What to do about a refusal; none where its text says it all.
pub(crate) fn for_refusal(reason: Option<&str>, code: Code, metadata: &Metadata) -> Option<&'static str> {
    let Some(reason) = reason else { return for_foreign_refusal(code) };
    let groups = [dns::of, fixed::of, floating::of, instance::of, network::of, server::of];
    groups.into_iter().find_map(|of| of(reason, metadata))
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

/// Which argument of the command line a request's field of this name is made from, in the order of the fields. Commands may have
/// several arguments for one field; then the one that the command at hand has is meant.
const ARGUMENTS: &[(&str, &str)] = &[
    ("address", "ADDRESS"),
    ("address", "--address"),
    ("address_mode", "--address-mode"),
    ("addresses", "--dns"),
    ("after_revision", "--after"),
    ("allocation_pools", "--pool"),
    ("allow_duplicate_networks", "--allow-duplicate-networks"),
    ("at", "--at"),
    ("availability_zone", "--availability-zone"),
    ("cidr", "--cidr"),
    ("dest", "--to"),
    ("destination", "DESTINATION"),
    ("dhcp_server", "--dhcp-server"),
    ("dns", "--dns"),
    ("domain", "DOMAIN"),
    ("first", "--pool"),
    ("fixed_ip", "--fixed-ip"),
    ("fixed_ips", "--network …,ip="),
    ("floating_ip", "--floating"),
    ("form", "--form"),
    ("gateway", "--gateway"),
    ("guest_device", "--guest-device"),
    ("host", "--host"),
    ("host", "HOST"),
    ("hostname", "--hostname"),
    ("id", "--id"),
    ("incarnation", "--incarnation"),
    ("instance_id", "INSTANCE"),
    ("instance_id", "--instance"),
    ("interface", "--interface"),
    ("ip_version", "--ip-version"),
    ("kinds", "--kind"),
    ("label", "LABEL"),
    ("label", "--label"),
    ("last", "--pool"),
    ("mac", "ADDRESS|MAC"),
    ("mac_address", "--mac"),
    ("mac_address", "PORT"),
    ("mac_range_id", "MAC_RANGE"),
    ("mtu", "--mtu"),
    ("name", "NAME"),
    ("name", "POOL"),
    ("netmask", "--netmask"),
    ("netns_path", "--netns"),
    ("network_id", "--network"),
    ("network_id", "NETWORK"),
    ("network_size", "--size"),
    ("networks", "--network"),
    ("no_gateway", "--no-gateway"),
    ("num_networks", "--count"),
    ("page_size", "--limit"),
    ("pattern", "--regex"),
    ("plan_hash", "--plan-hash"),
    ("pool", "--pool"),
    ("port_id", "PORT"),
    ("prefix", "--prefix"),
    ("prefix_length_v6", "--prefix-length-v6"),
    ("priority", "--priority"),
    ("project", "--project"),
    ("project_id", "--project"),
    ("project_id", "PROJECT"),
    ("quarantine", "--quarantine"),
    ("range", "RANGE"),
    ("range_v4", "--range"),
    ("range_v6", "--range"),
    ("ranges", "--range"),
    ("reason", "--reason"),
    ("request_id", "--request-id"),
    ("scope", "--private"),
    ("since", "--since"),
    ("source", "--from"),
    ("state", "--state"),
    ("style", "--style"),
    ("subnet_id", "SUBNET"),
    ("subnet_id", "--subnet"),
    ("subnets", "--cidr"),
    ("type", "--type"),
    ("until", "--until"),
    ("wait_for_active", "--wait"),
];

/// The argument of `command` that the request's `field`, such as `networks[0].subnets[1].cidr`, was made from.
pub(crate) fn argument_of(field: &str, command: &clap::Command) -> Option<&'static str> {
    let name = name_of(field);
    let known = || ARGUMENTS.iter().filter(|(known, _)| *known == name).map(|(_, argument)| *argument);
    known().find(|argument| has(command, argument)).or_else(|| known().next())
}

/// Whether the command has this argument: a flag, or a value by its name.
fn has(command: &clap::Command, argument: &str) -> bool {
    let word = argument.split(' ').next().unwrap_or(argument);
    command.get_arguments().any(|there| match word.strip_prefix("--") {
        Some(long) => there.get_long() == Some(long),
        None => {
            let names = there.get_value_names().unwrap_or_default();
            there.is_positional() && names.iter().any(|name| name.as_str() == word)
        }
    })
}

/// The field's own name: `cidr` of `networks[0].subnets[1].cidr`.
fn name_of(field: &str) -> &str {
    let last = field.rsplit('.').next().unwrap_or(field);
    last.split('[').next().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::CommandFactory as _;

    use super::*;
    use crate::command_line::CommandLine;

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

    /// The names of the commands in a hint: what stands between backticks and begins with `lepton `, without its arguments.
    fn commands_in(hint: &str) -> Vec<Vec<&str>> {
        let quoted = hint.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix("lepton "));
        let is_name =
            |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        quoted.map(|words| words.split(' ').take_while(is_name).collect()).collect()
    }

    /// All commands, of which each knows its arguments.
    fn all() -> clap::Command {
        let mut all = CommandLine::command();
        all.build();
        all
    }

    /// The command of this name, such as `floating`, `pool`, `create`.
    fn command_of<'c>(all: &'c clap::Command, words: &[&str]) -> &'c clap::Command {
        words.iter().fold(all, |command, word| {
            let next = command.find_subcommand(word);
            next.unwrap_or_else(|| panic!("there is no lepton {}", words.join(" ")))
        })
    }

    #[test]
    fn every_command_in_a_hint_is_there() {
        let (all, nothing) = (all(), BTreeMap::new());
        let reasons = documented_reasons();
        let of_reasons =
            reasons.iter().filter_map(|reason| for_refusal(Some(reason), Code::Unknown, &nothing));
        let of_fields = ARGUMENTS.iter().map(|(field, _)| for_field(field));
        let mut seen = 0;
        for words in of_reasons.chain(of_fields).chain([FOR_USAGE]).flat_map(commands_in) {
            command_of(&all, &words);
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn the_arguments_are_in_order_of_their_fields_and_each_is_there_once() {
        assert!(ARGUMENTS.is_sorted_by(|one, other| one.0 <= other.0), "{ARGUMENTS:?}");
        let pairs: std::collections::BTreeSet<_> = ARGUMENTS.iter().collect();
        assert_eq!(pairs.len(), ARGUMENTS.len());
    }

    /// All commands that do something.
    fn leaves() -> Vec<clap::Command> {
        let (mut open, mut leaves) = (vec![all()], Vec::new());
        while let Some(command) = open.pop() {
            let parts: Vec<_> = command.get_subcommands().cloned().collect();
            if parts.is_empty() {
                leaves.push(command);
            }
            open.extend(parts);
        }
        leaves
    }

    #[test]
    fn each_argument_that_is_blamed_is_some_commands() {
        let leaves = leaves();
        for (field, argument) in ARGUMENTS {
            assert!(leaves.iter().any(|command| has(command, argument)), "{field}: {argument}");
        }
    }

    #[test]
    fn a_field_is_named_by_the_argument_of_the_command() {
        let all = all();
        for (words, field, argument) in [
            ("network create", "networks[0].subnets[1].cidr", "--cidr"),
            ("network create", "networks[0].subnets[0].allocation_pools[0].first", "--pool"),
            ("network create", "networks[0].label", "LABEL"),
            ("network modify", "label", "--label"),
            ("instance deallocate", "plan_hash", "--plan-hash"),
            ("instance allocate", "networks[0].network_id", "--network"),
            ("instance allocate", "networks[0].fixed_ips[1]", "--network …,ip="),
            ("instance allocate", "binding.veth.netns_path", "--netns"),
            ("network show", "network_id", "NETWORK"),
            ("network associate", "project", "--project"),
            ("port show", "port_id", "PORT"),
            ("port show", "mac_address", "PORT"),
            ("port list", "instance_id", "--instance"),
            ("dhcp lease", "mac_address", "--mac"),
            ("fixed list", "subnet_id", "--subnet"),
            ("floating associate", "fixed_ip", "--fixed-ip"),
            ("quota set", "project_id", "PROJECT"),
            ("floating allocate", "project_id", "--project"),
            ("floating allocate", "address", "--address"),
            ("floating allocate", "pool", "--pool"),
            ("floating show", "address", "ADDRESS"),
            ("floating pool create", "name", "POOL"),
            ("dns add", "name", "NAME"),
            ("host fence", "host", "HOST"),
            ("instance allocate", "host", "--host"),
        ] {
            let command = command_of(&all, &words.split(' ').collect::<Vec<_>>());
            assert_eq!(argument_of(field, command), Some(argument), "{words}: {field}");
            assert!(has(command, argument), "{words} has no {argument}");
        }
        assert_eq!(argument_of("shoe_size", &all), None);
    }
}
