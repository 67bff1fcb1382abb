//! DNS domains and their entries as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, network::present, table::Table};

/// `lepton.v1.DnsDomain`.
#[derive(Debug, Serialize)]
pub(crate) struct DnsDomainView {
    domain: String,
    scope: String,
    project_id: Option<String>,
    availability_zone: Option<String>,
    created_at: Option<String>,
}

/// `lepton.v1.ListDnsDomainsResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct DnsDomainsView {
    domains: Vec<DnsDomainView>,
    has_more: bool,
}

/// `lepton.v1.DnsEntry`.
#[derive(Debug, Serialize)]
pub(crate) struct DnsEntryView {
    domain: String,
    name: String,
    #[serde(rename = "type")]
    record_type: String,
    address: String,
    subnet_id: Option<String>,
    port_id: Option<String>,
    created_at: Option<String>,
}

/// `lepton.v1.ListDnsEntriesResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct DnsEntriesView {
    entries: Vec<DnsEntryView>,
    has_more: bool,
}

impl DnsDomainsView {
    /// A list, and whether the server has more.
    pub(crate) fn new(domains: Vec<pb::DnsDomain>, has_more: bool) -> Self {
        Self { domains: domains.into_iter().map(DnsDomainView::from).collect(), has_more }
    }
}

impl DnsEntriesView {
    /// A list, and whether the server has more.
    pub(crate) fn new(entries: Vec<pb::DnsEntry>, has_more: bool) -> Self {
        Self { entries: entries.into_iter().map(DnsEntryView::from).collect(), has_more }
    }
}

impl From<pb::DnsDomain> for DnsDomainView {
    fn from(domain: pb::DnsDomain) -> Self {
        Self {
            scope: scope_word(domain.scope),
            domain: domain.domain,
            project_id: present(domain.project_id),
            availability_zone: present(domain.availability_zone),
            created_at: domain.created_at.map(|time| time.to_string()),
        }
    }
}

impl From<pb::DnsEntry> for DnsEntryView {
    fn from(entry: pb::DnsEntry) -> Self {
        Self {
            domain: entry.domain,
            name: entry.name,
            record_type: entry.r#type,
            address: entry.address,
            subnet_id: present(entry.subnet_id),
            port_id: present(entry.port_id),
            created_at: entry.created_at.map(|time| time.to_string()),
        }
    }
}

impl View for DnsDomainView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Domain", &self.domain);
        fields.field("Scope", &self.scope);
        fields.field("Project", self.project_id.as_deref().unwrap_or_default());
        fields.field("Availability zone", self.availability_zone.as_deref().unwrap_or_default());
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        fields.to_string()
    }
}

impl View for DnsDomainsView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["DOMAIN", "SCOPE", "PROJECT", "AVAILABILITY ZONE"]);
        for domain in &self.domains {
            table.row([
                domain.domain.clone(),
                domain.scope.clone(),
                domain.project_id.clone().unwrap_or_default(),
                domain.availability_zone.clone().unwrap_or_default(),
            ]);
        }
        table.to_string()
    }
}

impl View for DnsEntryView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Name", &format!("{}.{}", self.name, self.domain));
        fields.field("Type", &self.record_type);
        fields.field("Address", &self.address);
        fields.field("Subnet", self.subnet_id.as_deref().unwrap_or_default());
        fields.field("Port", self.port_id.as_deref().unwrap_or_default());
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        fields.to_string()
    }
}

impl View for DnsEntriesView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["NAME", "DOMAIN", "TYPE", "ADDRESS", "PORT"]);
        for entry in &self.entries {
            table.row([
                entry.name.clone(),
                entry.domain.clone(),
                entry.record_type.clone(),
                entry.address.clone(),
                entry.port_id.clone().unwrap_or_default(),
            ]);
        }
        table.to_string()
    }
}

/// The scope in one word; the number of one that a newer server knows.
fn scope_word(scope: i32) -> String {
    match pb::DnsDomainScope::try_from(scope) {
        Ok(pb::DnsDomainScope::Public) => "public".to_owned(),
        Ok(pb::DnsDomainScope::Private) => "private".to_owned(),
        Ok(pb::DnsDomainScope::Unspecified) => "unspecified".to_owned(),
        Err(_) => scope.to_string(),
    }
}
