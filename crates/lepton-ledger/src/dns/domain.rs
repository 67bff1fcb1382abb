//! Domains: made and deleted by operators.

use lepton_types::{DnsDomain, DnsScope, DomainName};
use serde::{Deserialize, Serialize};

use crate::{Command, Key, Refusal, Scope, Stop, View, page};

/// Makes a domain, or changes whom it is for when it is there; its entries stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDnsDomain {
    /// Its name.
    pub name: DomainName,
    /// Whom it is for.
    pub scope: DnsScope,
}

impl Command for CreateDnsDomain {
    type Answer = DnsDomain;

    const NAME: &'static str = "CreateDnsDomain";

    fn keys(&self) -> Vec<Key> {
        vec![Key::DnsDomain(self.name.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<DnsDomain, Stop> {
        match ledger.dns_domain(&self.name)?.cloned() {
            None => Ok(ledger.insert_dns_domain(&self.name, self.scope.clone())),
            Some(domain) if domain.scope == self.scope => Ok(domain),
            Some(domain) => {
                let version = domain.version + 1;
                let domain = DnsDomain { scope: self.scope.clone(), version, ..domain };
                ledger.replace(domain.clone());
                Ok(domain)
            }
        }
    }
}

impl View {
    /// Makes a domain that is not there.
    pub(super) fn insert_dns_domain(&mut self, name: &DomainName, scope: DnsScope) -> DnsDomain {
        let (id, created_at) = (self.draws().id(), self.now());
        let domain = DnsDomain { id, name: name.clone(), scope, created_at, version: 0 };
        self.insert(domain.clone());
        domain
    }
}

/// Deletes a domain with its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteDnsDomain {
    /// Its name.
    pub name: DomainName,
}

impl Command for DeleteDnsDomain {
    type Answer = ();

    const NAME: &'static str = "DeleteDnsDomain";

    fn keys(&self) -> Vec<Key> {
        vec![Key::DnsDomain(self.name.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let found = ledger.dns_domain(&self.name)?.map(|domain| domain.id);
        let id = found.ok_or_else(|| Refusal::DnsDomainNotFound { domain: self.name.clone() })?;
        ledger.end::<DnsDomain>(&id);
        Ok(())
    }
}

/// Shows a page of domains in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListDnsDomains {
    /// Which of them the caller may see: a project sees its own, and the public ones of no project.
    pub scope: Scope,
    /// Only domains behind this name.
    pub after: Option<DomainName>,
    /// Most domains to show; not zero.
    pub limit: u16,
}

/// A page of domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsDomainPage {
    /// The domains.
    pub domains: Vec<DnsDomain>,
    /// The name behind which the next page starts; none on the last page.
    pub next: Option<DomainName>,
}

impl Command for ListDnsDomains {
    type Answer = DnsDomainPage;

    const NAME: &'static str = "ListDnsDomains";

    fn decide(&self, ledger: &mut View) -> Result<DnsDomainPage, Stop> {
        let looks = page::looks(self.limit);
        let mut domains = ledger.dns_domain_page(self.scope.project(), self.after.as_ref(), looks)?;
        let next = page::cut(&mut domains, self.limit, |domain| domain.name.clone());
        Ok(DnsDomainPage { domains, next })
    }
}

impl Scope {
    /// Whether the caller may see the domain: its own, or a public one of no project. Guests' names are nobody's but the
    /// operators' to see, since they are of all projects.
    pub(crate) fn sees_domain(&self, domain: &DnsDomain) -> bool {
        match (self.project(), &domain.scope) {
            (None, _) => true,
            (Some(_), DnsScope::Private { .. }) => false,
            (Some(project), DnsScope::Public { project: owner }) => {
                owner.as_ref().is_none_or(|owner| owner == project)
            }
        }
    }
}

impl View {
    /// The domain, which the caller may see.
    pub(super) fn seen_dns_domain(&mut self, scope: &Scope, name: &DomainName) -> Result<DnsDomain, Stop> {
        let found = self.dns_domain(name)?.filter(|domain| scope.sees_domain(domain));
        found.cloned().ok_or_else(|| Refusal::DnsDomainNotFound { domain: name.clone() }.into())
    }

    /// The domain, whose entries the caller may change.
    pub(super) fn own_dns_domain(&mut self, scope: &Scope, name: &DomainName) -> Result<DnsDomain, Stop> {
        let domain = self.seen_dns_domain(scope, name)?;
        scope.may_change(domain.scope.project())?;
        Ok(domain)
    }
}
