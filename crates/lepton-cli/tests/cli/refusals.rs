//! What a user sees when the server says no.

use std::collections::HashMap;

use insta::assert_snapshot;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    fixtures::{INSTANCE, NETWORK, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown},
};

/// A refusal as the API promises it.
fn refusal(code: Code, reason: &str, metadata: &[(&str, &str)], message: &str) -> Turn {
    let metadata: HashMap<_, _> =
        metadata.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let details = ErrorDetails::with_error_info(reason, "lepton", metadata);
    Turn::Refuse(Status::with_error_details(code, message, details))
}

/// A refusal of malformed fields.
fn invalid(violations: &[(&str, &str)]) -> Turn {
    let first = HashMap::from([("field".to_owned(), violations[0].0.to_owned())]);
    let mut details = ErrorDetails::with_error_info("INVALID_FIELD", "lepton", first);
    for (field, description) in violations {
        details.add_bad_request_violation(*field, *description);
    }
    Turn::Refuse(Status::with_error_details(Code::InvalidArgument, "the request has wrong fields", details))
}

#[tokio::test]
async fn an_id_that_is_none_comes_with_where_the_ids_are() {
    let text = "\"blue\" is not a UUID";
    assert_snapshot!(
        in_every_format(&["network", "show", "blue"], || invalid(&[("network_id", text)])).await
    );
}

#[tokio::test]
async fn a_wrong_field_is_named_by_its_argument() {
    let host_bits = "10.1.0.9/24 has host bits set; the network that contains it is 10.1.0.0/24";
    let arguments = ["network", "create", "private", "--cidr", "10.1.0.9/24", "--request-id", "r1"];
    assert_snapshot!(
        in_every_format(&arguments, || invalid(&[("networks[0].subnets[0].cidr", host_bits)])).await
    );
}

#[tokio::test]
async fn several_wrong_fields_are_all_named() {
    let violations = [
        ("networks[0].label", "the label is empty"),
        ("networks[0].mtu", "67 is not an MTU"),
        ("networks[0].shoe_size", "43 is not a shoe size"),
    ];
    let arguments = ["network", "create", "", "--mtu", "67", "--request-id", "r1"];
    assert_snapshot!(in_every_format(&arguments, || invalid(&violations)).await);
}

#[tokio::test]
async fn what_the_message_does_not_name_the_metadata_does() {
    let refusal = || {
        let metadata = [("network_id", NETWORK), ("port_count", "2")];
        let message = format!("network {NETWORK} has ports");
        refusal(Code::FailedPrecondition, "NETWORK_IN_USE", &metadata, &message)
    };
    assert_snapshot!(in_every_format(&["network", "delete", NETWORK, "--request-id", "r1"], refusal).await);
}

#[tokio::test]
async fn every_reason_has_its_hint() {
    let network = ["network", "delete", NETWORK, "--request-id", "r1"];
    let create = ["network", "create", "private", "--id", NETWORK, "--request-id", "r1"];
    let subnet = ["subnet", "delete", SUBNET, "--request-id", "r1"];
    let route = ["route", "remove", SUBNET, "192.168.50.0/24", "--request-id", "r1"];
    let domain = ["dns", "list", "example.org"];
    let entry = ["dns", "remove", "example.org", "www", "--request-id", "r1"];
    let name = ["dns", "add", "example.org", "www", "10.1.0.2", "--request-id", "r1"];
    let form = ["instance", "show", INSTANCE, "--form", "legacy"];
    let instance = ["instance", "allocate", INSTANCE, "--project", "p1", "--request-id", "r1"];
    let release = ["instance", "deallocate", INSTANCE, "--request-id", "r1"];
    let migrate = ["instance", "migrate", INSTANCE, "--from", "a", "--to", "b", "--request-id", "r1"];
    let floating = ["floating", "release", "172.24.4.10", "--request-id", "r1"];
    let reserve =
        ["fixed", "reserve", "10.1.0.9", "--network", NETWORK, "--reason", "x", "--request-id", "r1"];
    let take = ["fixed", "remove", INSTANCE, "10.1.0.9", "--request-id", "r1"];
    let mut text = String::new();
    for (arguments, code, reason) in [
        (&migrate[..], Code::FailedPrecondition, "INSTANCE_NOT_ON_HOST"),
        (&migrate, Code::FailedPrecondition, "INSTANCE_IS_MOVING"),
        (&migrate, Code::FailedPrecondition, "INSTANCE_NOT_MOVING"),
        (&migrate, Code::Aborted, "MIGRATION_ABORTED"),
        (&["floating", "list", "--pool", "x"], Code::NotFound, "FLOATING_POOL_NOT_FOUND"),
        (&["floating", "show", "172.24.4.9"], Code::NotFound, "FLOATING_IP_NOT_FOUND"),
        (&floating, Code::InvalidArgument, "FLOATING_RANGE_OVERLAPS"),
        (&floating, Code::NotFound, "FLOATING_RANGE_NOT_FOUND"),
        (&floating, Code::FailedPrecondition, "FLOATING_POOL_IN_USE"),
        (&floating, Code::InvalidArgument, "FLOATING_IP_ALREADY_IN_USE"),
        (&floating, Code::FailedPrecondition, "FLOATING_IP_ASSOCIATED"),
        (&floating, Code::FailedPrecondition, "FLOATING_IP_AUTO_ASSIGNED"),
        (&floating, Code::FailedPrecondition, "FLOATING_IP_NOT_ASSOCIATED"),
        (&floating, Code::FailedPrecondition, "FLOATING_IP_OF_OTHER_PROJECT"),
        (&floating, Code::NotFound, "FIXED_IP_NOT_FOUND"),
        (&floating, Code::InvalidArgument, "FIXED_IP_AMBIGUOUS"),
        (&floating, Code::ResourceExhausted, "NO_MORE_FLOATING_IPS"),
        (&["fixed", "show", "10.1.0.9"], Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_ADDRESS"),
        (&reserve, Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_NETWORK"),
        (&reserve, Code::FailedPrecondition, "FIXED_IP_RESERVED"),
        (&reserve, Code::FailedPrecondition, "FIXED_IP_NOT_RESERVED"),
        (&take, Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_INSTANCE"),
        (&take, Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE"),
        (&take, Code::NotFound, "NETWORK_NOT_FOUND_FOR_INSTANCE"),
        (&["port", "show", NETWORK], Code::NotFound, "PORT_NOT_FOUND"),
        (&network[..], Code::NotFound, "NETWORK_NOT_FOUND"),
        (&network, Code::FailedPrecondition, "NETWORK_IN_USE"),
        (&create, Code::FailedPrecondition, "NETWORK_NOT_EMPTY"),
        (&subnet, Code::NotFound, "SUBNET_NOT_FOUND"),
        (&subnet, Code::FailedPrecondition, "SUBNET_IN_USE"),
        (&route, Code::AlreadyExists, "ROUTE_EXISTS"),
        (&route, Code::NotFound, "ROUTE_NOT_FOUND"),
        (&domain, Code::NotFound, "DNS_DOMAIN_NOT_FOUND"),
        (&entry, Code::NotFound, "DNS_ENTRY_NOT_FOUND"),
        (&name, Code::AlreadyExists, "FLOATING_IP_DNS_EXISTS"),
        (&form, Code::FailedPrecondition, "NETWORK_WITHOUT_IPV4"),
        (&network, Code::InvalidArgument, "REQUEST_ID_REUSED"),
        (&network, Code::Unauthenticated, "UNAUTHENTICATED"),
        (&network, Code::PermissionDenied, "ROLE_NOT_ALLOWED"),
        (&instance, Code::PermissionDenied, "HOST_NOT_ALLOWED"),
        (&network, Code::Internal, "INTERNAL"),
        (&instance, Code::InvalidArgument, "DUPLICATE_NETWORK"),
        (&instance, Code::InvalidArgument, "FIXED_IP_INVALID"),
        (&instance, Code::InvalidArgument, "FIXED_IP_ALREADY_IN_USE"),
        (&instance, Code::ResourceExhausted, "NO_MORE_FIXED_IPS"),
        (&instance, Code::ResourceExhausted, "NO_MORE_MAC_ADDRESSES"),
        (&instance, Code::ResourceExhausted, "QUOTA_EXCEEDED"),
        (&instance, Code::ResourceExhausted, "QUEUE_FULL"),
        (&instance, Code::AlreadyExists, "INSTANCE_ALREADY_ALLOCATED"),
        (&instance, Code::Aborted, "INSTANCE_DEALLOCATED"),
        (&instance, Code::Aborted, "PORT_PLUG_FAILED"),
        (&instance, Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT"),
        (&instance, Code::Aborted, "INSTANCE_DEALLOCATED"),
        (&release, Code::FailedPrecondition, "INCARNATION_MISMATCH"),
        (&release, Code::NotFound, "INSTANCE_NOT_FOUND"),
        (&release, Code::NotFound, "A_REASON_OF_TOMORROW"),
    ] {
        let message = format!("message of {reason}");
        text += &shown(arguments, [refusal(code, reason, &[], &message)]).await;
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_hint_knows_whether_an_allocation_was_undone() {
    let arguments = ["instance", "allocate", INSTANCE, "--project", "p1", "--wait", "--request-id", "r1"];
    let mut text = String::new();
    for (code, reason) in [
        (Code::Aborted, "PORT_PLUG_FAILED"),
        (Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT"),
        (Code::Unavailable, "SHUTTING_DOWN"),
    ] {
        for undone in ["true", "false"] {
            let refusal = || refusal(code, reason, &[("undone", undone)], &format!("message of {reason}"));
            text += &shown(&arguments, (0..5).map(|_| refusal())).await;
        }
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn an_answer_that_is_not_leptons_is_suspected() {
    let foreign = || Turn::Refuse(Status::unimplemented("no such service"));
    assert_snapshot!(in_every_format(&["network", "list"], foreign).await);
}

#[tokio::test]
async fn a_servers_words_cannot_drive_the_terminal() {
    let metadata = [("network_id", "\u{1b}[2J")];
    let refusal =
        refusal(Code::NotFound, "NETWORK_NOT_FOUND", &metadata, "no\u{1b}[31m network\nhint: do harm");
    assert_snapshot!(shown(&["network", "show", NETWORK], [refusal]).await);
}
