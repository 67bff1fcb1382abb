//! What the model means by floating IPs.

use std::net::IpAddr;

use super::{Address, Holder, PortKey, Reasons, World, because};

/// What the pool of floating IPs has.
const FLOATING: [&str; 2] = ["172.24.4.1", "172.24.4.2"];

impl World {
    pub(super) fn allocate_floating(&mut self, project: &'static str) -> Result<(), Reasons> {
        let mut all = FLOATING.map(|text| text.parse::<IpAddr>().unwrap()).into_iter();
        let free = all.find(|address| !self.floating.contains_key(address));
        let address = free.ok_or_else(|| because("NO_MORE_FLOATING_IPS"))?;
        self.floating.insert(address, (project, None));
        Ok(())
    }

    pub(super) fn release_floating(&mut self, address: IpAddr) -> Result<(), Reasons> {
        match self.floating.get(&address) {
            None => Err(because("FLOATING_IP_NOT_FOUND")),
            Some((_, Some(_))) => Err(because("FLOATING_IP_ASSOCIATED")),
            Some((_, None)) => {
                self.floating.remove(&address);
                Ok(())
            }
        }
    }

    pub(super) fn disassociate(&mut self, address: IpAddr) -> Result<(), Reasons> {
        match self.floating.get_mut(&address) {
            None => Err(because("FLOATING_IP_NOT_FOUND")),
            Some((_, target)) => match target.take() {
                None => Err(because("FLOATING_IP_NOT_ASSOCIATED")),
                Some(_) => Ok(()),
            },
        }
    }

    pub(super) fn associate(&mut self, address: IpAddr, instance: u8) -> Result<(), Reasons> {
        let mut wrong = Reasons::new();
        let live = self.instances.get(&instance);
        if live.is_none() {
            wrong.insert("INSTANCE_NOT_FOUND");
        }
        let project = self.floating.get(&address).map(|(project, _)| *project);
        if project.is_none() {
            wrong.insert("FLOATING_IP_NOT_FOUND");
        }
        let life = live.map(|live| live.life);
        let mut held: Vec<(PortKey, IpAddr)> = Vec::new();
        for ((_, at), holder) in &self.addresses {
            if let (Address::Plain(at), Holder::Port(port)) = (at, holder)
                && at.is_ipv4()
                && (port.0, Some(port.1)) == (instance, life)
            {
                held.push((*port, *at));
            }
        }
        let first = held.iter().min().copied();
        if first.is_none() {
            wrong.insert("FIXED_IP_NOT_FOUND");
        }
        if live.map(|live| live.project) != project {
            wrong.insert("FLOATING_IP_OF_OTHER_PROJECT");
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        self.floating.insert(address, (project.unwrap_or_default(), first));
        Ok(())
    }

    pub(super) fn lead_nowhere(&mut self, is_meant: impl Fn(&(PortKey, IpAddr)) -> bool) {
        for (_, target) in self.floating.values_mut() {
            *target = target.filter(|target| !is_meant(target));
        }
    }
}
