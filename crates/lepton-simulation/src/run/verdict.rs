//! What must be so when the storm is over: hosts and ledger agree, nothing waits, and the audit finds nothing.

use std::time::Duration;

use futures_util::future::BoxFuture;
use lepton_ledger::{FixedIp, Holder, View};
use lepton_plan::HostState;
use lepton_proto::v1::{self, audits_client::AuditsClient};
use lepton_types::{FloatingRange, Port, PortStatus, Quota, Subnet, Timestamp};
use tokio::time::{self, Instant};
use tonic::Status;

use super::{CALM, Simulation};
use crate::manager::Serving;

/// More pages than the audit of such a ledger has.
const MOST_PAGES: usize = 100;

impl Simulation {
    /// Waits until every host has what the ledger says, nothing else, and the ledger knows it.
    pub(crate) async fn converges(&self, deadline: Instant) {
        loop {
            let Some(difference) = self.difference().await else { return };
            if Instant::now() > deadline {
                return self.checker.fail(format_args!("after {} s of calm {difference}", CALM.as_secs()));
            }
            time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What is not yet as it should be.
    async fn difference(&self) -> Option<String> {
        for host in &self.hosts {
            let id = host.id.clone();
            // Of the manager itself: no message of it is lost, nor counts as a step.
            let ask = move |serving: Serving| -> BoxFuture<'static, _> {
                let id = id.clone();
                Box::pin(async move { serving.manager.host_changes(id, None).await })
            };
            let desired = match self.managers.serve(0, &ask).await {
                Ok(Ok(changes)) => changes,
                other => return Some(format!("{} cannot be asked for: {other:?}", host.id)),
            };
            if !desired.released.is_empty() {
                return Some(format!("{} has not unplugged {:?}", host.id, desired.released));
            }
            let (desired, has) = (HostState::desired(&desired.ports), host.kernel().state());
            // A host that must have nothing need not filter.
            let bare = HostState { is_filtering: has.is_filtering, ..HostState::default() };
            let is_bare = desired.devices.is_empty() && has == bare;
            if desired != has && !is_bare {
                return Some(format!("{} must have {desired:?} and has {has:?}", host.id));
            }
        }
        let soon = self.managers.now().after(CALM);
        self.managers.ledger(|ledger| unsettled(ledger, soon))
    }

    /// Audits the whole ledger: nothing is left out, nothing is found, and each subnet's addresses add up.
    pub(crate) async fn audit(&self) -> Result<(), Status> {
        let mut client = AuditsClient::new(self.wire());
        let (mut page_token, mut looked_at) = (String::new(), (0, 0, 0));
        for _ in 0..MOST_PAGES {
            let page = client.audit_ledger(v1::AuditLedgerRequest { page_token }).await?.into_inner();
            if !page.findings.is_empty() {
                self.checker.fail(format_args!("the audit finds {:?}", page.findings));
            }
            if let Some(figures) = page.subnets.iter().find(|figures| !add_up(figures)) {
                self.checker.fail(format_args!("the addresses do not add up: {figures:?}"));
            }
            let counts = page.looked_at.unwrap_or_default();
            looked_at.0 += counts.subnets;
            looked_at.1 += counts.ranges;
            looked_at.2 += counts.quotas;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let there = self.managers.ledger(|ledger| {
            let (subnets, ranges) = (ledger.rows::<Subnet>().count(), ledger.rows::<FloatingRange>().count());
            (subnets as u64, ranges as u64, ledger.rows::<Quota>().count() as u64)
        });
        if looked_at != there {
            self.checker.fail(format_args!(
                "the audit looks at {looked_at:?} of {there:?} subnets, ranges and quotas"
            ));
        }
        Ok(())
    }
}

/// What a ledger still waits for, though every host has what it says; what rests for longer than until `soon` is settled.
fn unsettled(ledger: &View, soon: Timestamp) -> Option<String> {
    let is_active = |status: &PortStatus| *status == PortStatus::Active;
    let waits = |port: &&Port| {
        let is_there = port.target.as_ref().is_none_or(|target| is_active(&target.status));
        port.is_released || !is_active(&port.status) || !is_there
    };
    if let Some(port) = ledger.rows().find(waits) {
        return Some(format!("{port:?} is not gone, or not active"));
    }
    let waits = |row: &&FixedIp| match row.holder {
        Holder::Leaving { .. } => true,
        Holder::Quarantine(until) => until <= soon,
        Holder::Port(_) | Holder::Reserved { .. } => false,
    };
    ledger.rows().find(waits).map(|row| format!("{row:?} is not free"))
}

/// Whether what the addresses of a subnet are is all that it has.
fn add_up(figures: &v1::SubnetFigures) -> bool {
    let &v1::SubnetFigures { free, held, reserved, resting, floating, kept, outside, .. } = figures;
    !figures.is_pooled || free + held + reserved + resting + floating + kept == figures.size + outside
}
