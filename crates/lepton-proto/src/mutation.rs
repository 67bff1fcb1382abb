//! [`Mutation`]: requests that change something, and what a repetition of one is known by.

use prost::Message;

use crate::v1;

/// A request that changes something. Its caller may give it an id, under which it is safe to repeat.
pub trait Mutation: Message {
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
}

macro_rules! mutation {
    ($request:ident $(without $wait:ident)?) => {
        impl Mutation for v1::$request {
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
        }
    };
}

mutation!(CreateMacRangeRequest);
mutation!(DeleteMacRangeRequest);
mutation!(CreateNetworksRequest);
mutation!(CarveNetworksRequest);
mutation!(ModifyNetworkRequest);
mutation!(AssociateNetworkRequest);
mutation!(DisassociateNetworkRequest);
mutation!(DeleteNetworkRequest);
mutation!(AddSubnetRequest);
mutation!(ModifySubnetRequest);
mutation!(DeleteSubnetRequest);
mutation!(AddRouteRequest);
mutation!(RemoveRouteRequest);
mutation!(AllocateForInstanceRequest without wait_for_active);
mutation!(DeallocateForInstanceRequest);
mutation!(MigrateInstanceStartRequest without wait_for_active);
mutation!(MigrateInstanceFinishRequest);
mutation!(SetupNetworksOnHostRequest);
mutation!(FenceHostRequest);
mutation!(CreateDnsDomainRequest);
mutation!(DeleteDnsDomainRequest);
mutation!(AddDnsEntryRequest);
mutation!(ModifyDnsEntryRequest);
mutation!(DeleteDnsEntryRequest);
mutation!(AddFixedIpRequest);
mutation!(RemoveFixedIpRequest);
mutation!(ReserveFixedIpRequest);
mutation!(UnreserveFixedIpRequest);
mutation!(LeaseFixedIpRequest);
mutation!(ReleaseFixedIpRequest);
mutation!(CreateFloatingPoolRequest);
mutation!(DeleteFloatingRangesRequest);
mutation!(DeleteFloatingPoolRequest);
mutation!(AllocateFloatingIpRequest);
mutation!(ReleaseFloatingIpRequest);
mutation!(AssociateFloatingIpRequest);
mutation!(DisassociateFloatingIpRequest);
mutation!(SetQuotaRequest);
mutation!(RepairFindingRequest);

#[cfg(test)]
mod tests {
    use super::*;

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
