use std::{collections::BTreeMap, convert::Infallible};

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, source_code_info::Location};
use tonic::transport::server::TcpConnectInfo;
use tonic_types::StatusExt;

use super::*;

/// Numbers of `FileDescriptorProto.service` and `ServiceDescriptorProto.method` in descriptor.proto, which are the path
/// of a method's comment.
const SERVICE_FIELD: i32 = 6;
const METHOD_FIELD: i32 = 2;

fn files() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(lepton_proto::FILE_DESCRIPTOR_SET).unwrap().file
}

/// Every method of our own proto files with the roles that its comment names.
fn documented() -> BTreeMap<String, String> {
    let mut methods = BTreeMap::new();
    for file in files().iter().filter(|file| file.package().starts_with("lepton.")) {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        for (service, at_service) in file.service.iter().zip(0..) {
            for (method, at_method) in service.method.iter().zip(0..) {
                let name = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let comment = comment(locations, &[SERVICE_FIELD, at_service, METHOD_FIELD, at_method]);
                methods.insert(name, roles_of(&comment));
            }
        }
    }
    methods
}

fn comment(locations: &[Location], path: &[i32]) -> String {
    locations.iter().find(|location| location.path == path).unwrap().leading_comments().to_owned()
}

/// The list in the comment's sentence `Role: …` or `Roles: …`.
fn roles_of(comment: &str) -> String {
    let words = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, after) =
        words.split_once("Role: ").or_else(|| words.split_once("Roles: ")).expect("a sentence on roles");
    after.split_once('.').unwrap().0.to_owned()
}

#[test]
fn the_table_says_what_the_proto_comments_say() {
    let ours = ACCESS.iter().filter(|(method, _)| method.starts_with("/lepton."));
    let rows: Vec<(String, String)> =
        ours.map(|(method, roles)| ((*method).to_owned(), list(roles))).collect();
    let table: BTreeMap<_, _> = rows.iter().cloned().collect();

    assert_eq!(table.len(), rows.len(), "a method has one row");
    assert_eq!(table, documented());
}

/// The layer in front of a handler that answers an empty success, called as `method` from loopback with a role.
async fn call(method: &str, role: Option<Role>) -> (Status, Option<Caller>) {
    let trust =
        Trust { daemon_uid: 0, unix_role: None, loopback_role: role, binds_hosts: true, trust_domain: None };
    let seen = Arc::new(std::sync::Mutex::new(None));
    let handler = tower::service_fn(|request: http::Request<()>| {
        *seen.lock().unwrap() = request.extensions().get::<Caller>().cloned();
        future::ready(Ok::<_, Infallible>(Status::ok("").into_http::<Body>()))
    });
    let mut request = http::Request::builder().uri(format!("http://lepton{method}")).body(()).unwrap();
    let peer = "127.0.0.1:9".parse().ok();
    request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr: peer });

    let response = Authorise::new(trust).layer(handler).call(request).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    let caller = seen.lock().unwrap().take();
    (status, caller)
}

#[tokio::test]
async fn every_method_is_reached_by_its_roles_and_by_no_other() {
    for (method, allowed) in ACCESS {
        for role in Role::ALL {
            let (status, caller) = call(method, Some(role)).await;
            let reached = caller.is_some_and(|caller| caller.role() == role);
            let expected = allowed.contains(&role);
            assert_eq!((status.code() == Code::Ok, reached), (expected, expected), "{method} as {role}");
        }
    }
}

#[tokio::test]
async fn a_role_that_may_not_call_is_told_which_may() {
    let (status, caller) = call("/lepton.v1.NetworkManager/AllocateForInstance", Some(Reader)).await;

    assert_eq!((status.code(), caller), (Code::PermissionDenied, None));
    assert_eq!(
        status.message(),
        "/lepton.v1.NetworkManager/AllocateForInstance is for admin, compute, and \"loopback\" is reader"
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.reason, &*info.domain), ("ROLE_NOT_ALLOWED", "lepton"));
    assert_eq!((&*info.metadata["role"], &*info.metadata["allowed_roles"]), ("reader", "admin, compute"));
}

#[tokio::test]
async fn a_caller_that_is_nobody_is_unauthenticated_even_for_health() {
    let (status, caller) = call("/grpc.health.v1.Health/Check", None).await;

    assert_eq!((status.code(), caller), (Code::Unauthenticated, None));
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.reason, &*info.domain), ("UNAUTHENTICATED", "lepton"));
}

#[tokio::test]
async fn a_method_without_a_row_reaches_nobody() {
    let long = format!("/{}", "x".repeat(8000));
    for method in [
        "/lepton.v1.NetworkManager/Unknown",
        "/lepton.v1.NetworkManager/CreateNetworks/",
        "/",
        "/metrics",
        &long,
    ] {
        let (status, caller) = call(method, Some(Admin)).await;
        assert_eq!((status.code(), caller), (Code::Unimplemented, None), "{method}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), ("METHOD_NOT_FOUND", "lepton"));
        assert!(method.starts_with(&info.metadata["method"]) && status.message().len() < 256, "{method}");
    }
}
