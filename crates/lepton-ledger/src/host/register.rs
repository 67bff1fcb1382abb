//! `RegisterHost`: an agent was there, so its host is one that ports can be plugged on.

use lepton_types::HostId;

use crate::{Command, Host, Key, Refusal, Stop, View};

/// Notes a host whose agent asks what it must have, before the agent is told. Once: the ledger forgets no host.
///
/// From then on what is released there waits for the host's word. A command that releases something locks the host's row, so
/// it is decided before this one is durable, and the agent never hears of the port, or after it, and waits.
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
        let host = ledger.host(&self.host)?;
        if !host.is_registered {
            ledger.replace(Host { is_registered: true, ..host });
        }
        Ok(())
    }
}

/// A host that a request names without having ports plugged there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedHost {
    /// Its name.
    pub id: HostId,
    /// Whether it must be one whose agent has been there: the manager's setting, not part of the request.
    pub must_be_known: bool,
}

impl NamedHost {
    /// The host, if it is one that may be named; `field` is its path in the request.
    pub(crate) fn found(&self, ledger: &mut View, field: &str) -> Result<HostId, Stop> {
        if self.must_be_known {
            must_be_registered(ledger, &self.id, field)?;
        }
        Ok(self.id.clone())
    }
}

/// Refuses a host whose agent has never asked what it must have, whatever was allocated for it; `field` is its path in the request.
pub(crate) fn must_be_registered(ledger: &mut View, host: &HostId, field: &str) -> Result<(), Stop> {
    if ledger.is_registered(host)? {
        return Ok(());
    }
    Err(Refusal::HostNotFound { host: host.clone(), field: Some(field.to_owned()) }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AllocateForInstance, Host, HostFeed,
        example::{allocation, changes, decided, with_network},
    };

    fn only_known(host: &str) -> AllocateForInstance {
        AllocateForInstance { host: host.parse().ok(), only_known_hosts: true, ..allocation(1, vec![]) }
    }

    #[test]
    fn a_host_is_registered_once_and_keeps_its_revision() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let number = ledger.changes().len();
        let host: HostId = "node7".parse().unwrap();
        let register = RegisterHost { host: host.clone() };
        let on_it = |number| AllocateForInstance { host: Some(host.clone()), ..allocation(number, vec![]) };
        decided(&mut ledger, &on_it(1)).unwrap();
        let row = |ledger: &View| ledger.row::<Host>(&host).cloned().unwrap();
        assert_eq!((row(&ledger).revision.number(), row(&ledger).is_registered), (1, false));
        decided(&mut ledger, &register).unwrap();
        decided(&mut ledger, &register).unwrap();
        decided(&mut ledger, &on_it(2)).unwrap();
        assert_eq!((row(&ledger).revision.number(), row(&ledger).is_registered), (2, true));
        let words = changes(&ledger, number).into_iter().filter(|word| word.contains("host"));
        assert_eq!(words.collect::<Vec<_>>(), ["+host", "~host", "~host"]);
    }

    /// What ends at once on a host without an agent may do so because no agent can have been told of it.
    #[test]
    fn a_host_is_told_nothing_before_it_is_registered() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let host: HostId = "node7".parse().unwrap();
        let on_it = AllocateForInstance { host: Some(host.clone()), ..allocation(1, vec![]) };
        decided(&mut ledger, &on_it).unwrap();
        let feed = HostFeed { host: host.clone(), after: None };
        let refusal = Refusal::HostNotFound { host: host.clone(), field: None };
        assert_eq!(decided(&mut ledger, &feed), Err(refusal));
        decided(&mut ledger, &RegisterHost { host }).unwrap();
        assert_eq!(decided(&mut ledger, &feed).unwrap().ports.len(), 1, "what was allocated before");
    }

    #[test]
    fn nothing_is_allocated_for_an_unknown_host_where_hosts_must_be_known() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let number = ledger.changes().len();
        let refusal = decided(&mut ledger, &only_known("nod7")).unwrap_err();
        let host: HostId = "nod7".parse().unwrap();
        assert_eq!(refusal, Refusal::HostNotFound { host: host.clone(), field: Some("host".to_owned()) });
        assert_eq!(ledger.changes().len(), number);

        // What was allocated there while any host was accepted makes it no better known.
        let accepted = AllocateForInstance { host: Some(host.clone()), ..allocation(2, vec![]) };
        decided(&mut ledger, &accepted).unwrap();
        assert_eq!(decided(&mut ledger, &only_known("nod7")).unwrap_err(), refusal);

        decided(&mut ledger, &RegisterHost { host }).unwrap();
        assert_eq!(decided(&mut ledger, &only_known("nod7")).unwrap().vifs.len(), 1);
    }
}
