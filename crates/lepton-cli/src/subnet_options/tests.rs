use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    subnets: SubnetOptions,
}

/// The subnets that the options describe, or what is wrong with them.
fn specs(options: &str) -> Result<Vec<pb::SubnetSpec>, String> {
    let arguments = std::iter::once("lepton").chain(options.split_whitespace());
    let line = CommandLine::try_parse_from(arguments).map_err(|error| error.to_string())?;
    line.subnets.into_specs().map_err(|error| error.to_string())
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[test]
fn a_network_may_have_no_subnet_at_all() {
    assert_eq!(specs(""), Ok(vec![]));
}

#[test]
fn every_option_finds_the_subnet_of_its_family() {
    let subnets = specs(
        "--cidr fd00:1::/64 --cidr 10.1.0.0/24 --gateway 10.1.0.254 --gateway fd00:1::fe --dns 8.8.8.8 --dns fd00::53 \
         --dns 8.8.4.4 --pool 10.1.0.10-10.1.0.20 --pool fd00:1::10-fd00:1::20 --pool 10.1.0.30-10.1.0.40 \
         --quarantine 60s --address-mode pool",
    );
    let pool =
        |first: &str, last: &str| pb::AllocationPool { first: first.to_owned(), last: last.to_owned() };
    let ipv6 = pb::SubnetSpec {
        cidr: "fd00:1::/64".to_owned(),
        gateway: "fd00:1::fe".to_owned(),
        no_gateway: false,
        dns: vec!["fd00::53".to_owned()],
        address_mode: pb::AddressMode::Pool.into(),
        allocation_pools: vec![pool("fd00:1::10", "fd00:1::20")],
        quarantine: seconds(60),
    };
    let ipv4 = pb::SubnetSpec {
        cidr: "10.1.0.0/24".to_owned(),
        gateway: "10.1.0.254".to_owned(),
        no_gateway: false,
        dns: vec!["8.8.8.8".to_owned(), "8.8.4.4".to_owned()],
        address_mode: pb::AddressMode::Unspecified.into(),
        allocation_pools: vec![pool("10.1.0.10", "10.1.0.20"), pool("10.1.0.30", "10.1.0.40")],
        quarantine: seconds(60),
    };
    assert_eq!(subnets, Ok(vec![ipv6, ipv4]));
}

#[test]
fn no_gateway_is_for_both_families_or_for_one() {
    let without = |options: &str| {
        let subnets = specs(&format!("--cidr 10.1.0.0/24 --cidr fd00:1::/64 {options}")).unwrap();
        subnets.iter().map(|subnet| subnet.no_gateway).collect::<Vec<_>>()
    };
    assert_eq!(without(""), [false, false]);
    assert_eq!(without("--no-gateway"), [true, true]);
    assert_eq!(without("--no-gateway=4"), [true, false]);
    assert_eq!(without("--no-gateway=6"), [false, true]);
    assert_eq!(without("--no-gateway=4 --no-gateway=6"), [true, true]);
}

#[test]
fn a_familys_own_quarantine_is_the_last_word() {
    for options in ["--quarantine 60s --quarantine 6=2h", "--quarantine 6=2h --quarantine 60s"] {
        let subnets = specs(&format!("--cidr 10.1.0.0/24 --cidr fd00:1::/64 {options}")).unwrap();
        let spans: Vec<_> = subnets.into_iter().map(|subnet| subnet.quarantine).collect();
        assert_eq!(spans, [seconds(60), seconds(7200)], "{options}");
    }
}

#[test]
fn a_name_server_goes_to_the_other_family_when_its_own_has_no_subnet() {
    let subnets = specs("--cidr fd00:1::/64 --dns 8.8.8.8").unwrap();
    assert_eq!(subnets[0].dns, ["8.8.8.8"]);
}

#[test]
fn an_option_without_a_subnet_is_a_mistake() {
    for (options, error) in [
        ("--gateway 10.1.0.1", "--gateway 10.1.0.1: the network has no IPv4 subnet for it"),
        ("--cidr 10.1.0.0/24 --gateway fd00::1", "--gateway fd00::1: the network has no IPv6 subnet for it"),
        (
            "--cidr fd00::/64 --pool 10.0.0.1-10.0.0.2",
            "--pool 10.0.0.1-10.0.0.2: the network has no IPv4 subnet for it",
        ),
        ("--cidr fd00::/64 --no-gateway=4", "--no-gateway: the network has no IPv4 subnet for it"),
        ("--cidr 10.0.0.0/24 --address-mode eui64", "--address-mode: the network has no IPv6 subnet for it"),
        ("--quarantine 60s", "--quarantine: the network has no subnet for it"),
        ("--dns 8.8.8.8", "--dns 8.8.8.8: the network has no subnet for it"),
    ] {
        assert_eq!(specs(options), Err(error.to_owned()));
    }
}

#[test]
fn a_subnet_takes_one_gateway() {
    let error = specs("--cidr 10.1.0.0/24 --gateway 10.1.0.1 --gateway 10.1.0.2").unwrap_err();
    assert_eq!(error, "--gateway 10.1.0.1 and --gateway 10.1.0.2 are both for 10.1.0.0/24");
}

#[test]
fn whether_it_is_an_address_is_for_the_server_to_say() {
    let subnets = specs("--cidr bananas --gateway pears").unwrap();
    assert_eq!((subnets[0].cidr.as_str(), subnets[0].gateway.as_str()), ("bananas", "pears"));
}

#[test]
fn values_that_do_not_parse_are_refused() {
    for options in ["--pool 10.0.0.1", "--quarantine 60", "--quarantine 5=60s", "--no-gateway=5"] {
        assert!(specs(&format!("--cidr 10.0.0.0/24 {options}")).is_err(), "{options}");
    }
}
