//! The handlers of `lepton.v1.Audits`.

use lepton_ledger::{AddressOwner, AuditedThing, Finding, LookedAt, Proof, SubnetFigures};
use lepton_proto::{
    timestamp,
    v1::{self, audits_server::Audits},
};
use tonic::{Request, Response, Status};

use super::{Api, parse};
use crate::parse::audit;

/// A number of addresses; of more than fit, as many as do.
fn number(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn thing(thing: &AuditedThing) -> v1::AuditedThing {
    let mut message = v1::AuditedThing::default();
    match thing {
        AuditedThing::Address(subnet, address) => {
            message.subnet_id = subnet.to_string();
            message.address = address.to_string();
        }
        AuditedThing::Range(subnet) => message.subnet_id = subnet.to_string(),
        AuditedThing::Quota(project, resource) => {
            message.project_id = project.to_string();
            message.resource = resource.to_string();
        }
    }
    message
}

fn finding(finding: &Finding) -> v1::Finding {
    let mut message = v1::Finding {
        class: finding.class.to_string(),
        thing: Some(thing(&finding.thing)),
        proof: finding.proof.to_string(),
        repair: finding.repair.to_string(),
        is_repairable: finding.repair.is_known(),
        ..v1::Finding::default()
    };
    match &finding.proof {
        Proof::Counts { kept, counted } => (message.kept, message.counted) = (Some(*kept), Some(*counted)),
        Proof::NoOwner { last: Some(last), .. } => {
            message.port_id = last.port.map(|port| port.to_string()).unwrap_or_default();
            message.ended_at = Some(timestamp(last.ended_at));
            message.host_id = last.awaited.clone().map(String::from).unwrap_or_default();
        }
        Proof::Owner(AddressOwner::Port(port)) => message.port_id = port.to_string(),
        Proof::NoOwner { last: None, .. } | Proof::Owner(_) | Proof::NoBlock => {}
    }
    message
}

fn figures(figures: SubnetFigures) -> v1::SubnetFigures {
    v1::SubnetFigures {
        subnet_id: figures.subnet.to_string(),
        network_id: figures.network.to_string(),
        label: figures.label,
        is_pooled: figures.is_pooled,
        size: number(figures.size),
        free: number(figures.free),
        held: figures.held,
        reserved: figures.reserved,
        resting: figures.resting,
        floating: figures.floating,
        kept: figures.kept,
        outside: figures.outside,
    }
}

fn counts(looked_at: LookedAt) -> v1::AuditedCounts {
    let LookedAt { subnets, blocks, addresses, ranges, quotas } = looked_at;
    v1::AuditedCounts { subnets, blocks, addresses, ranges, quotas }
}

#[tonic::async_trait]
impl Audits for Api {
    async fn audit_ledger(
        &self,
        request: Request<v1::AuditLedgerRequest>,
    ) -> Result<Response<v1::AuditLedgerResponse>, Status> {
        let step = self.ask_within(&request, audit::audit_ledger).await?;
        Ok(Response::new(v1::AuditLedgerResponse {
            findings: step.findings.iter().map(finding).collect(),
            subnets: step.subnets.into_iter().map(figures).collect(),
            looked_at: Some(counts(step.looked_at)),
            at: Some(timestamp(step.at)),
            next_page_token: audit::token(step.next.as_ref()),
        }))
    }

    async fn repair_finding(
        &self,
        request: Request<v1::RepairFindingRequest>,
    ) -> Result<Response<v1::RepairFindingResponse>, Status> {
        let (call, command) = parse(&request, audit::repair_finding)?;
        let (is_rehearsal, caller) = (call.validate_only, call.caller.name().to_owned());
        let repaired = self.submit(call, command).await?;
        if let Some(mended) = repaired.finding.as_ref().filter(|_| !is_rehearsal) {
            let (class, thing, proof) = (mended.class, &mended.thing, &mended.proof);
            tracing::warn!(%class, %thing, %proof, %caller, "what an audit found is mended");
        }
        let finding = repaired.finding.as_ref().map(finding);
        Ok(Response::new(v1::RepairFindingResponse { finding }))
    }
}
