//! `RegisterHost`: an agent was there, so its host is one that ports can be plugged on.

use lepton_types::HostId;

use crate::{Command, Key, Refusal, Stop, View};

/// Notes a host whose agent asks what it must have. Once: the ledger forgets no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterHost {
    /// Which host.
    pub host: HostId,
}

impl Command for RegisterHost {
    type Answer = ();

    const NAME: &'static str = "RegisterHost";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Host(self.host.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        if !ledger.knows_host(&self.host)? {
            let host = ledger.host(&self.host)?;
            ledger.insert(host);
        }
        Ok(())
    }
}

/// A host that a request names without having ports plugged there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedHost {
    /// Its name.
    pub id: HostId,
    /// Whether it must be one that the ledger has met: the manager's setting, not part of the request.
    pub must_be_known: bool,
}

impl NamedHost {
    /// The host, if it is one that may be named; `field` is its path in the request.
    pub(crate) fn found(&self, ledger: &mut View, field: &str) -> Result<HostId, Stop> {
        if self.must_be_known {
            check(ledger, &self.id, Some(field))?;
        }
        Ok(self.id.clone())
    }
}

/// Refuses a host that no agent has called itself and nothing was ever allocated for; `field` is its path in the request,
/// where the host is only a part of what is asked for.
pub(crate) fn check(ledger: &mut View, host: &HostId, field: Option<&str>) -> Result<(), Stop> {
    if ledger.knows_host(host)? {
        return Ok(());
    }
    Err(Refusal::HostNotFound { host: host.clone(), field: field.map(str::to_owned) }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AllocateForInstance, Host,
        example::{allocation, changes, decided, with_network},
    };

    fn only_known(host: &str) -> AllocateForInstance {
        AllocateForInstance { host: host.parse().ok(), only_known_hosts: true, ..allocation(1, vec![]) }
    }

    #[test]
    fn a_host_is_registered_once_and_keeps_its_revision() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let number = ledger.changes().len();
        let register = RegisterHost { host: "host-1".parse().unwrap() };
        decided(&mut ledger, &register).unwrap();
        decided(&mut ledger, &register).unwrap();
        assert_eq!(changes(&ledger, number), ["+host"]);
        decided(&mut ledger, &allocation(1, vec![])).unwrap();
        decided(&mut ledger, &register).unwrap();
        assert_eq!(ledger.rows::<Host>().map(|host| host.revision.number()).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn nothing_is_allocated_for_an_unknown_host_where_hosts_must_be_known() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let number = ledger.changes().len();
        let refusal = decided(&mut ledger, &only_known("nod7")).unwrap_err();
        let host = "nod7".parse().unwrap();
        assert_eq!(refusal, Refusal::HostNotFound { host, field: Some("host".to_owned()) });
        assert_eq!(ledger.changes().len(), number);

        decided(&mut ledger, &RegisterHost { host: "nod7".parse().unwrap() }).unwrap();
        assert_eq!(decided(&mut ledger, &only_known("nod7")).unwrap().vifs.len(), 1);
    }
}
