//! Calls about the explanations.

use lepton_proto::v1;

use super::{DATABASE, Example, call, call_by};
use crate::{callers::MEMBER, rpc::world::Named};

pub(super) fn calls(named: &Named) -> Vec<Example> {
    vec![
        call_by(
            MEMBER,
            "/lepton.v1.Explain/ExplainInstance",
            &v1::ExplainInstanceRequest { instance_id: DATABASE.into() },
        ),
        call(
            "/lepton.v1.Explain/ExplainPort",
            &v1::ExplainPortRequest { port_id: named.port.clone(), ..Default::default() },
        ),
        call(
            "/lepton.v1.Explain/ExplainAddress",
            &v1::ExplainAddressRequest { address: named.fixed_ip.clone(), ..Default::default() },
        ),
    ]
}
