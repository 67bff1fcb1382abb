//! What a search for addresses asks a view.

use std::ops::Bound;

use lepton_types::{ProjectId, Timestamp};
use uuid::Uuid;

use super::View;
use crate::{AddressPage, AddressPlace, FixedIp, Instance, InstancePlace, Key, Selection, Stop, page};

impl View {
    /// The owner rows of addresses in a range, of any subnet, in the order of the addresses; and behind which of them to go on, when
    /// there may be more. A store looks at no more rows than a page may have, and some may be of subnets that have ended.
    pub(crate) fn address_page(
        &mut self,
        page: AddressPage,
    ) -> Result<(Vec<FixedIp>, Option<AddressPlace>), Stop> {
        self.need([Key::Select(Selection::AddressPage(page))])?;
        let AddressPage { range, after, limit } = page;
        let up_to = self.addresses_known.get(&page).copied();
        let start = after.map_or(Bound::Included((range.first(), Uuid::nil().into())), Bound::Excluded);
        let places = self.indexes.fixed_ips_by_address.range((start, Bound::Unbounded));
        let is_in =
            |place: &AddressPlace| range.contains(place.0) && up_to.is_none_or(|up_to| *place <= up_to);
        let places = places.take_while(|place| is_in(place)).take(limit.into());
        let rows: Vec<_> = places
            .filter_map(|(address, subnet)| self.row::<FixedIp>(&(*subnet, *address)))
            .cloned()
            .collect();
        let behind = page::last(&rows, limit).map(FixedIp::place).or(up_to);
        Ok((rows, behind))
    }

    /// Instances by project, in the order of their allocation.
    pub(crate) fn instance_page(
        &mut self,
        project: Option<&ProjectId>,
        after: Option<&InstancePlace>,
        limit: u16,
    ) -> Result<Vec<Instance>, Stop> {
        self.need([Key::Select(Selection::InstancePage {
            project: project.cloned(),
            after: after.cloned(),
            limit,
        })])?;
        let of_project = project.map(|project| InstancePlace {
            project: project.clone(),
            created_at: Timestamp::FIRST,
            id: Uuid::nil().into(),
        });
        let start = match (after, &of_project) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(first)) => Bound::Included(first),
            (None, None) => Bound::Unbounded,
        };
        let places = self.indexes.instances_by_project.range::<InstancePlace, _>((start, Bound::Unbounded));
        let places = places.take_while(|place| project.is_none_or(|project| place.project == *project));
        Ok(places.take(limit.into()).filter_map(|place| self.row(&place.id)).cloned().collect())
    }
}
