//! Bodies that are no request: what gRPC itself refuses says its reason as every other error does.

use lepton_proto::v1;
use lepton_testkit::Stalled;
use tonic::{Code, Status, body::Body};

use crate::{problem::Problem, server::Server};

/// What the server answers to this body.
async fn answer(server: &Server, headers: &[(&str, &str)], body: &str) -> Problem {
    let before = server.dump().await;
    let headers = server.send("CreateNetworks", headers, Body::new(body.to_owned())).await;
    let status = Status::from_header_map(&headers).expect("a refusal has its status in the headers");
    assert_eq!(server.dump().await, before);
    Problem::read(&status)
}

#[tokio::test]
async fn a_body_that_is_no_message_is_a_malformed_request() {
    let server = Server::start().await;
    let cases = [
        ("\0\0\0\0\x02\x0f\x0f", "failed to decode Protobuf message"),
        ("\0\0\0\0\x02\n\x7f", "failed to decode Protobuf message"),
        ("\0\0\0\0\x09ab", "Unexpected EOF"),
        ("", "Missing request message"),
        ("\x07\0\0\0\0", "invalid compression flag: 7"),
        ("\x01\0\0\0\0", "no grpc-encoding was specified"),
    ];
    for (body, words) in cases {
        let problem = answer(&server, &[], body).await;
        let words = ["the request is no message of the method that it calls", words];
        problem.assert(Code::InvalidArgument, "MALFORMED_REQUEST", &[], &words);
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_too_large() {
    let server = Server::start().await;
    // The length alone, 2 MiB and a byte, and nothing of the body.
    let problem = answer(&server, &[], "\0\0\x20\0\x01").await;
    let words = ["at most 2097152 bytes", "ask for less"];
    problem.assert(Code::ResourceExhausted, "REQUEST_TOO_LARGE", &[("limit", "2097152")], &words);
}

#[tokio::test]
async fn a_service_whose_requests_are_small_takes_no_large_ones() {
    let server = Server::start().await;
    let mut subnets = server.subnets().await;
    let request = |length| v1::GetSubnetRequest { subnet_id: "x".repeat(length) };
    let problem = Problem::of(subnets.get_subnet(request(64 << 10)).await);
    let words = ["at most 65536 bytes"];
    problem.assert(Code::ResourceExhausted, "REQUEST_TOO_LARGE", &[("limit", "65536")], &words);
    let problem = Problem::of(subnets.get_subnet(request((64 << 10) - 4)).await);
    assert_eq!(problem.reason, "INVALID_FIELD");
}

#[tokio::test]
async fn a_request_that_does_not_arrive_is_incomplete() {
    let server = Server::start().await;
    let before = server.dump().await;
    tokio::time::pause();
    let headers = server.send("CreateNetworks", &[], Body::new(Stalled::behind("\0\0\0\0\x09ab"))).await;
    tokio::time::resume();
    let problem = Problem::read(&Status::from_header_map(&headers).unwrap());
    let words = ["within 30 seconds", "nothing of it was done"];
    problem.assert(Code::DeadlineExceeded, "REQUEST_INCOMPLETE", &[("limit_secs", "30")], &words);
    assert_eq!(server.dump().await, before);
}

#[tokio::test]
async fn a_compressed_request_is_not_understood() {
    let server = Server::start().await;
    let problem = answer(&server, &[("grpc-encoding", "gzip")], "\x01\0\0\0\0").await;
    problem.assert(Code::Unimplemented, "COMPRESSED_REQUEST", &[], &["without compression"]);
}
