//! Questions about why.

use lepton_ledger::{ExplainAddress, ExplainInstance, ExplainPort, Refusal, Scope};
use lepton_proto::v1;

use super::{Fields, fixed_ip::place, port::port_ref};

pub(crate) fn explain_instance(
    request: &v1::ExplainInstanceRequest,
    scope: Scope,
) -> Result<ExplainInstance, Refusal> {
    let mut fields = Fields::default();
    let instance = fields.required("instance_id", &request.instance_id);
    fields.finish(instance.map(|instance| ExplainInstance { instance, scope }))
}

pub(crate) fn explain_port(request: &v1::ExplainPortRequest, scope: Scope) -> Result<ExplainPort, Refusal> {
    let mut fields = Fields::default();
    let port = port_ref(&mut fields, &request.port_id, &request.mac_address);
    fields.finish(port.map(|port| ExplainPort { port, scope }))
}

pub(crate) fn explain_address(
    request: &v1::ExplainAddressRequest,
    scope: Scope,
) -> Result<ExplainAddress, Refusal> {
    let mut fields = Fields::default();
    let place = place(&mut fields, &request.network_id, &request.subnet_id);
    let address = fields.address("address", &request.address);
    fields.finish(address.map(|address| ExplainAddress { place, address, scope }))
}
