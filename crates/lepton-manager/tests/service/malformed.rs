//! Bodies that are no request: what gRPC itself refuses says its reason as every other error does.

use tonic::{Code, Status};

use crate::{problem::Problem, server::Server};

/// What the server answers to this body.
async fn answer(server: &Server, headers: &[(&str, &str)], body: &str) -> Problem {
    let before = server.dump().await;
    let headers = server.send("CreateNetworks", headers, body.to_owned()).await;
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
    // The length alone, 4 MiB and a byte, and nothing of the body.
    let problem = answer(&server, &[], "\0\0\x40\0\x01").await;
    let words = ["at most 4194304 bytes", "ask for less"];
    problem.assert(Code::ResourceExhausted, "REQUEST_TOO_LARGE", &[("limit", "4194304")], &words);
}

#[tokio::test]
async fn a_compressed_request_is_not_understood() {
    let server = Server::start().await;
    let problem = answer(&server, &[("grpc-encoding", "gzip")], "\x01\0\0\0\0").await;
    problem.assert(Code::Unimplemented, "COMPRESSED_REQUEST", &[], &["without compression"]);
}
