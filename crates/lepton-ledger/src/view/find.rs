//! What a search for addresses asks a view.

use std::ops::Bound;

use lepton_types::{Cidr, ProjectId, Timestamp};
use uuid::Uuid;

use super::View;
use crate::{AddressPlace, FixedIp, Instance, InstancePlace, Key, Selection, Stop};

impl View {
    /// The owner rows of addresses in a range, of any subnet, in the order of the addresses.
    pub(crate) fn address_page(
        &mut self,
        range: Cidr,
        after: Option<AddressPlace>,
        limit: u16,
    ) -> Result<Vec<FixedIp>, Stop> {
        self.need([Key::Select(Selection::AddressPage { range, after, limit })])?;
        let start = after.map_or(Bound::Included((range.first(), Uuid::nil().into())), Bound::Excluded);
        let places = self.indexes.fixed_ips_by_address.range((start, Bound::Unbounded));
        let places = places.take_while(|(address, _)| range.contains(*address)).take(limit.into());
        Ok(places.filter_map(|(address, subnet)| self.row(&(*subnet, *address))).cloned().collect())
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
