//! [`Audits`]: what is measured of the ledger itself, as its auditor has found it.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, SystemTime},
};

use lepton_ledger::{FindingClass, HostFigures, SubnetFigures};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::auditor::Audit;

/// What the last complete audit has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Audits {
    leaked: Gauge,
    findings: Family<Class, Gauge>,
    completed: Gauge,
    seconds: Gauge<f64, AtomicU64>,
    addresses: Family<Addresses, Gauge<f64, AtomicU64>>,
    ports: Family<Ports, Gauge>,
    pending_since: Family<OnHost, Gauge<f64, AtomicU64>>,
}

/// A class of findings, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

/// Addresses of a subnet that are alike, as labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Addresses {
    subnet: String,
    network: String,
    label: String,
    state: &'static str,
}

/// Ports of a host that are alike, as labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ports {
    host: String,
    state: &'static str,
}

/// A host, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OnHost {
    host: String,
}

impl Audits {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Addresses that are marked as taken and that nobody has";
        registry.register("leaked_addresses", help, self.leaked.clone());
        let help = "What the last complete audit found, by class";
        registry.register("audit_findings", help, self.findings.clone());
        let help = "When the last complete audit of the ledger ended; 0 before the first";
        registry.register("audit_completed_timestamp_seconds", help, self.completed.clone());
        registry.register("audit_seconds", "How long the last complete audit took", self.seconds.clone());
        let help = "Addresses of a subnet by what they are, as the last complete audit counted them";
        registry.register("subnet_addresses", help, self.addresses.clone());
        let help = "Ports of a host by what it has said of them, as the last complete audit counted them";
        registry.register("host_ports", help, self.ports.clone());
        let help = "When the oldest port was allocated that waits for its host; none when none does";
        registry.register("host_pending_since_timestamp_seconds", help, self.pending_since.clone());
    }

    pub(super) fn measure(&self, audit: &Audit, took: Duration) {
        let found = |class| gauged(audit.counts.get(&class).copied().unwrap_or(0));
        self.leaked.set(found(FindingClass::LeakedAddress));
        for class in FindingClass::ALL {
            let label = Class { class: class.as_str() };
            self.findings.get_or_create(&label).set(found(*class));
        }
        // What is told is what there is now: subnets end.
        self.addresses.clear();
        audit.subnets.values().for_each(|figures| self.measure_subnet(figures));
        // As long as hosts cannot be counted, the audit is not complete: they stay as they were, and so does when that was.
        let Some(hosts) = &audit.hosts else { return };
        self.ports.clear();
        self.pending_since.clear();
        hosts.iter().for_each(|figures| self.measure_host(figures));
        self.seconds.set(took.as_secs_f64());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.completed.set(gauged(now.as_secs()));
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the addresses of an IPv6 subnet are more than anybody counts"
    )]
    fn measure_subnet(&self, figures: &SubnetFigures) {
        let numbers = [
            ("free", figures.is_pooled.then_some(figures.free as f64)),
            ("held", Some(figures.held as f64)),
            ("reserved", Some(figures.reserved as f64)),
            ("resting", Some(figures.resting as f64)),
            ("floating", Some(figures.floating as f64)),
        ];
        for (state, number) in numbers {
            let Some(number) = number else { continue };
            let labels = Addresses {
                subnet: figures.subnet.to_string(),
                network: figures.network.to_string(),
                label: figures.label.clone(),
                state,
            };
            self.addresses.get_or_create(&labels).set(number);
        }
    }
}

impl Audits {
    fn measure_host(&self, figures: &HostFigures) {
        let numbers = [
            ("active", figures.active),
            ("pending", figures.pending),
            ("failed", figures.failed),
            ("to_unplug", figures.to_unplug),
        ];
        for (state, number) in numbers {
            let labels = Ports { host: figures.host.to_string(), state };
            self.ports.get_or_create(&labels).set(gauged(number));
        }
        if let Some(since) = figures.pending_since {
            let since = u64::try_from(since.micros()).map(Duration::from_micros).unwrap_or_default();
            let labels = OnHost { host: figures.host.to_string() };
            self.pending_since.get_or_create(&labels).set(since.as_secs_f64());
        }
    }
}

/// A number as a gauge has it.
fn gauged(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
