//! The auditor: goes through the ledger again and again, and tells in the log and in the metrics what it finds.
//!
//! It mends nothing: what is wrong was made by a fault that somebody should know of, and repairs are commands of operators.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lepton_ledger::{
    AuditLedger, AuditedThing, Finding, FindingClass, HostFigures, LookedAt, MeasureHosts, SubnetFigures,
};
use lepton_types::SubnetId;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::{Manager, manager::ManagerError};

/// Most findings that are kept and logged one by one; all are counted.
const MOST_FINDINGS: usize = 1000;

/// Most subnets whose figures are kept: each is five lines of the metrics.
const MOST_SUBNETS: usize = 1000;

/// Most hosts whose figures are kept: each is five lines of the metrics.
const MOST_HOSTS: usize = 1000;

/// What an audit of the whole ledger has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// How many findings there are of each class.
    pub(crate) counts: BTreeMap<FindingClass, u64>,
    /// The first findings.
    pub(crate) findings: Vec<Finding>,
    /// What the first subnets have.
    pub(crate) subnets: BTreeMap<SubnetId, SubnetFigures>,
    /// How far the first hosts are behind what they must have; none when they could not be counted.
    pub(crate) hosts: Option<Vec<HostFigures>>,
    /// How much was looked at.
    pub(crate) looked_at: LookedAt,
}

/// By what a finding is known again in the next audit.
type Place = (FindingClass, AuditedThing);

fn place(finding: &Finding) -> Place {
    (finding.class, finding.thing.clone())
}

impl Audit {
    /// The findings that an audit with these did not have.
    fn news(&self, known: &BTreeSet<Place>) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !known.contains(&place(finding)))
    }
}

/// Audits the ledger until `shutdown`, once in each period; never when that is zero.
pub async fn audit_ledger(manager: Manager, period: Duration, shutdown: CancellationToken) {
    if period.is_zero() {
        return shutdown.cancelled().await;
    }
    let mut known = BTreeSet::new();
    loop {
        let began = Instant::now();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            audited = audit(&manager) => match audited { // a question that is dropped changes nothing
                Ok(audit) => {
                    known = tell(&audit, &known);
                    manager.metrics().audited(&audit, began.elapsed());
                }
                Err(error) => tracing::warn!(%error, "the ledger is not audited"),
            },
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = time::sleep(period.saturating_sub(began.elapsed())) => {}
        }
    }
}

/// Goes through the whole ledger, step by step. As long as a step takes, other long questions have their turn.
async fn audit(manager: &Manager) -> Result<Audit, ManagerError> {
    let (mut audit, mut after) = (Audit::default(), None);
    loop {
        let began = Instant::now();
        let step = manager.ask(AuditLedger { after }).await?;
        for finding in step.findings {
            *audit.counts.entry(finding.class).or_default() += 1;
            if audit.findings.len() < MOST_FINDINGS {
                audit.findings.push(finding);
            }
        }
        for part in step.subnets {
            if let Some(figures) = audit.subnets.get_mut(&part.subnet) {
                figures.add(&part);
            } else if audit.subnets.len() < MOST_SUBNETS {
                audit.subnets.insert(part.subnet, part);
            }
        }
        audit.looked_at.add(&step.looked_at);
        after = step.next;
        if after.is_none() {
            break;
        }
        time::sleep(began.elapsed()).await;
    }
    // What was found is told, whatever becomes of this.
    match measure_hosts(manager).await {
        Ok(hosts) => audit.hosts = Some(hosts),
        Err(error) => tracing::warn!(%error, "the ports of hosts are not counted"),
    }
    Ok(audit)
}

/// Counts what the first hosts have, as gently.
async fn measure_hosts(manager: &Manager) -> Result<Vec<HostFigures>, ManagerError> {
    let (mut hosts, mut after) = (Vec::new(), None);
    loop {
        let began = Instant::now();
        let measured = manager.ask(MeasureHosts { after }).await?;
        hosts.extend(measured.hosts);
        hosts.truncate(MOST_HOSTS);
        after = measured.next;
        if after.is_none() || hosts.len() == MOST_HOSTS {
            return Ok(hosts);
        }
        time::sleep(began.elapsed()).await;
    }
}

/// Logs each finding that the audit before did not have; answers with all that this one has.
fn tell(audit: &Audit, known: &BTreeSet<Place>) -> BTreeSet<Place> {
    for Finding { class, thing, proof, repair } in audit.news(known) {
        tracing::warn!(%class, %thing, %proof, %repair, "an audit found what does not agree");
    }
    let found: u64 = audit.counts.values().sum();
    let LookedAt { subnets, blocks, addresses, ranges, quotas } = audit.looked_at;
    tracing::debug!(found, subnets, blocks, addresses, ranges, quotas, "the ledger is audited");
    audit.findings.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use lepton_ipam::SubnetSpec;
    use lepton_ledger::{CreateNetworks, Envelope, NetworkSpec, RegisterHost, Scope};
    use lepton_store::{Database, StoreConfig};
    use lepton_types::{Mtu, PortStatus, Timestamp};

    use super::*;
    use crate::Settings;

    async fn manager_with(cidr: &str) -> Manager {
        let manager = Manager::open(&StoreConfig::new(Database::Memory), Settings::default()).await.unwrap();
        let network = NetworkSpec {
            label: "private".parse().unwrap(),
            project: Some("p1".parse().unwrap()),
            priority: 0,
            mtu: Mtu::ETHERNET,
            subnets: vec![SubnetSpec::new(cidr.parse().unwrap())],
            host: None,
            is_injected: false,
            made_before: None,
        };
        let made = CreateNetworks { networks: vec![network], scope: Scope::Everything };
        manager.submit(made, Envelope::anonymous(), false).await.unwrap();
        manager
    }

    #[tokio::test]
    async fn an_audit_goes_through_the_whole_ledger_and_is_measured() {
        let manager = manager_with("10.1.0.0/24").await;
        let register = RegisterHost { host: "host-1".parse().unwrap() };
        manager.submit(register, Envelope::anonymous(), false).await.unwrap();
        let mut audit = audit(&manager).await.unwrap();
        let Some([host]) = audit.hosts.as_deref_mut() else { panic!("{:?}", audit.hosts) };
        assert_eq!(*host, HostFigures::of("host-1".parse().unwrap()));
        host.add(&PortStatus::Pending, 2, Some(Timestamp::from(1_500_000)));
        host.to_unplug = 3;
        assert_eq!((audit.looked_at.subnets, audit.looked_at.quotas, audit.findings.len()), (1, 1, 0));
        manager.metrics().audited(&audit, Duration::from_secs(2));
        let text = manager.metrics().text();
        let subnet = audit.subnets.values().next().unwrap();
        let labels = format!("subnet=\"{}\",network=\"{}\",label=\"private\"", subnet.subnet, subnet.network);
        for line in [
            "lepton_leaked_addresses 0".to_owned(),
            "lepton_audit_findings{class=\"MISCOUNTED_QUOTA\"} 0".to_owned(),
            "lepton_audit_seconds 2.0".to_owned(),
            format!("lepton_subnet_addresses{{{labels},state=\"free\"}} 253.0"),
            format!("lepton_subnet_addresses{{{labels},state=\"held\"}} 0.0"),
            "lepton_host_ports{host=\"host-1\",state=\"active\"} 0".to_owned(),
            "lepton_host_ports{host=\"host-1\",state=\"pending\"} 2".to_owned(),
            "lepton_host_ports{host=\"host-1\",state=\"to_unplug\"} 3".to_owned(),
            "lepton_host_pending_since_timestamp_seconds{host=\"host-1\"} 1.5".to_owned(),
        ] {
            assert!(text.lines().any(|told| told == line), "no line {line:?} in {text}");
        }

        // What is found is told at once, and of hosts what was known.
        audit.counts.insert(FindingClass::LeakedAddress, 1);
        audit.hosts = None;
        manager.metrics().audited(&audit, Duration::from_secs(3));
        let text = manager.metrics().text();
        for line in [
            "lepton_leaked_addresses 1",
            "lepton_audit_seconds 2.0",
            "lepton_host_ports{host=\"host-1\",state=\"pending\"} 2",
        ] {
            assert!(text.lines().any(|told| told == line), "no line {line:?} in {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_auditor_stops_when_it_is_told_to_and_does_nothing_without_a_period() {
        for (period, audits) in [(Duration::ZERO, false), (Duration::from_secs(600), true)] {
            let manager = manager_with("10.1.0.0/24").await;
            let shutdown = CancellationToken::new();
            let stop = async {
                time::sleep(Duration::from_secs(1500)).await;
                shutdown.cancel();
            };
            tokio::join!(audit_ledger(manager.clone(), period, shutdown.clone()), stop);
            let never = "lepton_audit_completed_timestamp_seconds 0";
            assert_eq!(!manager.metrics().text().lines().any(|line| line == never), audits, "{period:?}");
        }
    }

    #[test]
    fn what_was_found_before_is_told_once() {
        let thing = AuditedThing::Quota("p1".parse().unwrap(), lepton_types::Resource::Ports);
        let finding = Finding {
            class: FindingClass::MiscountedQuota,
            thing: thing.clone(),
            proof: lepton_ledger::Proof::Counts { kept: 2, counted: 1 },
            repair: lepton_ledger::Repair::Count,
        };
        let audit = Audit { findings: vec![finding.clone()], ..Audit::default() };
        let news = |known: &BTreeSet<Place>| audit.news(known).cloned().collect::<Vec<_>>();
        assert_eq!(news(&BTreeSet::new()), [finding]);
        let known = tell(&audit, &BTreeSet::new());
        assert_eq!(known, BTreeSet::from([(FindingClass::MiscountedQuota, thing)]));
        assert_eq!(news(&known), []);
        assert_eq!(
            tell(&Audit::default(), &known),
            BTreeSet::new(),
            "what is gone is told anew when it is back"
        );
    }
}
