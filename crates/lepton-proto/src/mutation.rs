//! [`Mutation`]: requests that change something, and what a repetition of one is known by.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use prost::Message;
use prost_types::{Any, FileDescriptorSet};

use crate::{FILE_DESCRIPTOR_SET, v1};

/// The package of the API.
const PACKAGE: &str = "lepton.v1";

/// What the types of messages begin with, where they are told (google/protobuf/any.proto).
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// A request that changes something. Its caller may give it an id, under which it is safe to repeat.
pub trait Mutation: Message {
    /// The full name of its type.
    const TYPE: &'static str;

    /// The id; empty when the caller gave none.
    fn request_id(&self) -> &str;

    /// Whether it is to be decided and answered only.
    fn validate_only(&self) -> bool;

    /// What must be the same in a repetition: the request as it came, without its id, without whether it is a dry run,
    /// and without how long its caller waits.
    ///
    /// It is prost's encoding: fields in the order of their numbers, those with default values left out. So a field that a
    /// later version adds changes nothing about the requests of callers that do not know it.
    fn body(&self) -> Vec<u8>;

    /// The request as one of any type.
    fn to_any(&self) -> Any
    where
        Self: Sized,
    {
        any(Self::TYPE, self.encode_to_vec())
    }
}

/// A message of this type, encoded already.
pub fn any(message_type: &str, value: Vec<u8>) -> Any {
    Any { type_url: format!("{TYPE_PREFIX}{message_type}"), value }
}

/// The type of such a message: what is behind the last slash.
pub fn type_of(any: &Any) -> &str {
    any.type_url.rsplit_once('/').map_or("", |(_, message_type)| message_type)
}

/// A call that changes something, as the API describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutatingCall {
    /// The path of its method, such as `/lepton.v1.Quotas/SetQuota`.
    pub method: String,
    /// The type of its answer, such as `lepton.v1.Quota`.
    pub answer: String,
}

impl MutatingCall {
    /// The call that takes requests of this type, such as `lepton.v1.SetQuotaRequest`, if it is one that changes something.
    pub fn taking(request: &str) -> Option<&'static Self> {
        static CALLS: LazyLock<BTreeMap<String, MutatingCall>> = LazyLock::new(calls);
        CALLS.get(request)
    }
}

/// The calls that can be only validated, by the types of their requests.
fn calls() -> BTreeMap<String, MutatingCall> {
    let files =
        FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it was encoded when this was built").file;
    let ours = || files.iter().filter(|file| file.package() == PACKAGE);
    let messages = ours().flat_map(|file| &file.message_type);
    let mutating: BTreeSet<String> = messages
        .filter(|message| message.field.iter().any(|field| field.name() == "validate_only"))
        .map(|message| format!("{PACKAGE}.{}", message.name()))
        .collect();
    let services = ours().flat_map(|file| &file.service);
    let methods = services.flat_map(|service| service.method.iter().map(move |method| (service, method)));
    let calls = methods.map(|(service, method)| {
        let type_of = |name: &str| name.trim_start_matches('.').to_owned();
        let path = format!("/{PACKAGE}.{}/{}", service.name(), method.name());
        let call = MutatingCall { method: path, answer: type_of(method.output_type()) };
        (type_of(method.input_type()), call)
    });
    calls.filter(|(request, _)| mutating.contains(request)).collect()
}

macro_rules! mutations {
    ($($request:ident $(without $wait:ident)?;)+) => {
        $(impl Mutation for v1::$request {
            const TYPE: &'static str = concat!("lepton.v1.", stringify!($request));

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }

            fn body(&self) -> Vec<u8> {
                let body = Self {
                    request_id: String::new(),
                    validate_only: false,
                    $($wait: None,)?
                    ..self.clone()
                };
                body.encode_to_vec()
            }
        })+

        /// The types of all of them.
        #[cfg(test)]
        const ALL: &[&str] = &[$(<v1::$request as Mutation>::TYPE),+];
    };
}

mutations! {
    CreateMacRangeRequest;
    DeleteMacRangeRequest;
    CreateNetworksRequest;
    CarveNetworksRequest;
    ModifyNetworkRequest;
    AssociateNetworkRequest;
    DisassociateNetworkRequest;
    DeleteNetworkRequest;
    AddSubnetRequest;
    ModifySubnetRequest;
    DeleteSubnetRequest;
    AddRouteRequest;
    RemoveRouteRequest;
    AllocateForInstanceRequest without wait_for_active;
    DeallocateForInstanceRequest;
    MigrateInstanceStartRequest without wait_for_active;
    MigrateInstanceFinishRequest;
    SetupNetworksOnHostRequest;
    FenceHostRequest;
    CreateDnsDomainRequest;
    DeleteDnsDomainRequest;
    AddDnsEntryRequest;
    ModifyDnsEntryRequest;
    DeleteDnsEntryRequest;
    AddFixedIpRequest;
    RemoveFixedIpRequest;
    ReserveFixedIpRequest;
    UnreserveFixedIpRequest;
    LeaseFixedIpRequest;
    ReleaseFixedIpRequest;
    CreateFloatingPoolRequest;
    DeleteFloatingRangesRequest;
    DeleteFloatingPoolRequest;
    AllocateFloatingIpRequest;
    ReleaseFloatingIpRequest;
    AssociateFloatingIpRequest;
    DisassociateFloatingIpRequest;
    SetQuotaRequest;
    RepairFindingRequest;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_can_be_validated_is_one_that_changes_something() {
        let calls = calls();
        assert_eq!(calls.keys().map(String::as_str).collect::<BTreeSet<_>>(), ALL.iter().copied().collect());
        let methods: BTreeSet<_> = calls.values().map(|call| &call.method).collect();
        assert_eq!(methods.len(), ALL.len(), "a type of request is one call's alone");
        let request = v1::SetQuotaRequest { project_id: "p1".into(), ..Default::default() }.to_any();
        assert_eq!(request.type_url, "type.googleapis.com/lepton.v1.SetQuotaRequest");
        let call = MutatingCall::taking(type_of(&request)).unwrap();
        assert_eq!((&*call.method, &*call.answer), ("/lepton.v1.Quotas/SetQuota", "lepton.v1.Quota"));
        assert_eq!(MutatingCall::taking("lepton.v1.GetQuotaRequest"), None);
        assert_eq!(type_of(&Any { type_url: "lepton.v1.SetQuotaRequest".into(), value: vec![] }), "");
    }

    fn allocation() -> v1::AllocateForInstanceRequest {
        v1::AllocateForInstanceRequest { instance_id: "i".into(), host: "h".into(), ..Default::default() }
    }

    #[test]
    fn a_body_is_what_the_caller_set_and_nothing_else() {
        assert!(v1::CreateNetworksRequest::default().body().is_empty());
        // instance_id is field 1 and host field 3, both of wire type 2 (length-delimited).
        assert_eq!(allocation().body(), [0x0a, 1, b'i', 0x1a, 1, b'h']);
    }

    #[test]
    fn the_id_the_dry_run_and_the_wait_are_no_part_of_the_body() {
        let wait_for_active = Some(prost_types::Duration { seconds: 5, nanos: 0 });
        let other = v1::AllocateForInstanceRequest {
            request_id: "try-1".into(),
            validate_only: true,
            wait_for_active,
            ..allocation()
        };
        assert_eq!(other.body(), allocation().body());
        let elsewhere = v1::AllocateForInstanceRequest { host: "k".into(), ..allocation() };
        assert_ne!(elsewhere.body(), allocation().body());
    }
}
