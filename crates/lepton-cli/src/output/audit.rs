//! What an audit found, as it is shown.

use lepton_proto::v1 as pb;
use serde::{Serialize, Serializer};

use super::{View, network::present, table::Table};

/// All pages of `lepton.v1.AuditLedgerResponse` as one, and what became of the findings.
#[derive(Debug, Serialize)]
pub(crate) struct AuditView {
    pub(crate) findings: Vec<FindingView>,
    subnets: Vec<SubnetFiguresView>,
    looked_at: AuditedCountsView,
}

/// `lepton.v1.Finding`, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct FindingView {
    class: String,
    thing: AuditedThingView,
    proof: String,
    repair: String,
    is_repairable: bool,
    kept: Option<u64>,
    counted: Option<u64>,
    port_id: Option<String>,
    ended_at: Option<String>,
    host_id: Option<String>,
    outcome: Option<Outcome>,
}

/// `lepton.v1.AuditedThing`.
#[derive(Debug, Serialize)]
struct AuditedThingView {
    subnet_id: Option<String>,
    address: Option<String>,
    project_id: Option<String>,
    resource: Option<String>,
}

/// `lepton.v1.SubnetFigures`.
#[derive(Debug, Serialize)]
struct SubnetFiguresView {
    subnet_id: String,
    network_id: String,
    label: String,
    is_pooled: bool,
    size: u64,
    free: u64,
    held: u64,
    reserved: u64,
    resting: u64,
    floating: u64,
    kept: u64,
    outside: u64,
}

/// `lepton.v1.AuditedCounts`.
#[derive(Debug, Serialize)]
struct AuditedCountsView {
    subnets: u64,
    blocks: u64,
    addresses: u64,
    ranges: u64,
    quotas: u64,
}

/// What became of a finding whose repair was asked for.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is mended.
    Mended,
    /// It would be mended.
    WouldBeMended,
    /// It was not there any more.
    Gone,
    /// The server says that nothing proves what would mend it.
    NotProven(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Mended => "MENDED",
            Self::WouldBeMended => "WOULD_BE_MENDED",
            Self::Gone => "GONE",
            Self::NotProven(_) => "NOT_PROVEN",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl AuditView {
    /// What an audit found, what subnets have, and how much was looked at.
    pub(crate) fn new(
        findings: Vec<pb::Finding>,
        subnets: Vec<pb::SubnetFigures>,
        looked_at: pb::AuditedCounts,
    ) -> Self {
        let pb::AuditedCounts { subnets: whole, blocks, addresses, ranges, quotas } = looked_at;
        Self {
            findings: findings.into_iter().map(FindingView::from).collect(),
            subnets: subnets.into_iter().map(SubnetFiguresView::from).collect(),
            looked_at: AuditedCountsView { subnets: whole, blocks, addresses, ranges, quotas },
        }
    }

    /// How many findings are left.
    pub(crate) fn left(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_left()).count()
    }

    /// What people are told at the end.
    pub(crate) fn summary(&self) -> String {
        let AuditedCountsView { subnets, blocks, addresses, ranges, quotas } = &self.looked_at;
        let looked_at = format!(
            "{addresses} addresses in {subnets} subnets ({blocks} blocks), {ranges} ranges and {quotas} projects"
        );
        match (self.findings.len(), self.left()) {
            (0, _) => format!("Nothing was found in {looked_at}."),
            (1, left) => format!("1 finding, {left} left, in {looked_at}."),
            (found, left) => format!("{found} findings, {left} left, in {looked_at}."),
        }
    }
}

impl FindingView {
    /// Its class.
    pub(crate) fn class(&self) -> &str {
        &self.class
    }

    /// What it is about, to ask for its repair.
    pub(crate) fn thing(&self) -> pb::AuditedThing {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        pb::AuditedThing {
            subnet_id: text(&self.thing.subnet_id),
            address: text(&self.thing.address),
            project_id: text(&self.thing.project_id),
            resource: text(&self.thing.resource),
        }
    }

    /// Whether its repair can be asked for.
    pub(crate) fn is_repairable(&self) -> bool {
        self.is_repairable
    }

    /// Notes what became of it.
    pub(crate) fn becomes(&mut self, outcome: Outcome) {
        if let Outcome::NotProven(why) = &outcome {
            self.repair.clone_from(why);
        }
        self.outcome = Some(outcome);
    }

    fn is_left(&self) -> bool {
        !matches!(self.outcome, Some(Outcome::Mended | Outcome::Gone))
    }

    fn what(&self) -> String {
        let AuditedThingView { subnet_id, address, project_id, resource } = &self.thing;
        match (address, subnet_id, project_id, resource) {
            (Some(address), Some(subnet), _, _) => format!("{address} of subnet {subnet}"),
            (None, Some(subnet), _, _) => format!("range {subnet}"),
            (_, _, Some(project), Some(resource)) => format!("{resource} of project {project}"),
            _ => String::new(),
        }
    }
}

impl From<pb::Finding> for FindingView {
    fn from(finding: pb::Finding) -> Self {
        let thing = finding.thing.unwrap_or_default();
        Self {
            class: finding.class,
            thing: AuditedThingView {
                subnet_id: present(thing.subnet_id),
                address: present(thing.address),
                project_id: present(thing.project_id),
                resource: present(thing.resource),
            },
            proof: finding.proof,
            repair: finding.repair,
            is_repairable: finding.is_repairable,
            kept: finding.kept,
            counted: finding.counted,
            port_id: present(finding.port_id),
            ended_at: finding.ended_at.map(|time| time.to_string()),
            host_id: present(finding.host_id),
            outcome: None,
        }
    }
}

impl From<pb::SubnetFigures> for SubnetFiguresView {
    fn from(figures: pb::SubnetFigures) -> Self {
        Self {
            subnet_id: figures.subnet_id,
            network_id: figures.network_id,
            label: figures.label,
            is_pooled: figures.is_pooled,
            size: figures.size,
            free: figures.free,
            held: figures.held,
            reserved: figures.reserved,
            resting: figures.resting,
            floating: figures.floating,
            kept: figures.kept,
            outside: figures.outside,
        }
    }
}

impl View for AuditView {
    fn to_text(&self) -> String {
        if self.findings.is_empty() {
            return String::new();
        }
        let mut table = Table::with_header(["CLASS", "THING", "PROOF", "REPAIR"]);
        for finding in &self.findings {
            let repair = match &finding.outcome {
                None | Some(Outcome::NotProven(_)) => finding.repair.clone(),
                Some(Outcome::Mended) => format!("done: {}", finding.repair),
                Some(Outcome::WouldBeMended) => format!("would be done: {}", finding.repair),
                Some(Outcome::Gone) => "not there any more".to_owned(),
            };
            table.row([finding.class.clone(), finding.what(), finding.proof.clone(), repair]);
        }
        table.to_string()
    }
}
