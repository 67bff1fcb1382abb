//! What commands ask a [`View`] of addresses with an owner row, by subnet and by the MAC that a DHCP server named.

use std::{net::IpAddr, ops::Bound};

use lepton_types::{MacAddr, Port, Subnet};
use uuid::Uuid;

use super::View;
use crate::{FixedIp, FixedIpKind, Key, Selection, Stop, row::Indexed};

impl View {
    /// The owner rows of a kind of addresses in some subnets, one subnet after the other, and in each in the order of the
    /// addresses. Of the first subnet those behind `after` alone.
    pub(crate) fn fixed_ip_page(
        &mut self,
        subnets: &[Subnet],
        after: Option<IpAddr>,
        kind: FixedIpKind,
        limit: u16,
    ) -> Result<Vec<FixedIp>, Stop> {
        let ids = subnets.iter().map(|subnet| subnet.id).collect();
        self.need([Key::Select(Selection::FixedIpPage { subnets: ids, kind, after, limit })])?;
        let (mut rows, mut after) = (Vec::new(), after);
        for subnet in subnets {
            let start = match after.take() {
                Some(after) => Bound::Excluded((subnet.id, after)),
                None => Bound::Included((subnet.id, subnet.cidr.first())),
            };
            let behind = FixedIp::table(&self.tables).rows_from(start.as_ref());
            let of_subnet =
                behind.take_while(|row| row.subnet == subnet.id).filter(|row| kind.lets_pass(row));
            rows.extend(of_subnet.take(usize::from(limit) - rows.len()).cloned());
        }
        Ok(rows)
    }

    /// The port that has the MAC, with its addresses.
    pub(crate) fn port_of_mac(&mut self, mac: MacAddr) -> Result<Option<&Port>, Stop> {
        self.need([Key::PortOfMac(mac)])?;
        let mut holders = self.indexes.ports_by_mac.range((mac, Uuid::nil().into())..);
        let id = holders.next().filter(|entry| entry.0 == mac).map(|entry| entry.1);
        Ok(id.and_then(|id| self.row(&id)))
    }

    /// The rows of an address, in any subnet, that a DHCP server has leased to the MAC and not taken back.
    pub(crate) fn leased_to(&mut self, mac: MacAddr, address: IpAddr) -> Result<Vec<FixedIp>, Stop> {
        self.need([Key::LeasedTo(mac, address)])?;
        let entries = self.indexes.fixed_ips_by_lease.range((mac, address, Uuid::nil().into())..);
        let entries = entries.take_while(|entry| (entry.0, entry.1) == (mac, address));
        Ok(entries.filter_map(|entry| self.row::<FixedIp>(&(entry.2, entry.1))).cloned().collect())
    }
}
