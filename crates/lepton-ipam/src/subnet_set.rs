//! Which subnets a new network may have together.

use lepton_types::{AddressFamily, Cidr};

use crate::SubnetSpec;

/// Two subnets that one new network cannot have; the indexes count the network's subnets from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetSetError {
    /// They share addresses.
    #[error("{second_cidr} overlaps {first_cidr}; subnets of one network must not share addresses")]
    Overlap {
        /// The earlier subnet.
        first: usize,
        /// The later subnet.
        second: usize,
        /// The earlier subnet's prefix.
        first_cidr: Cidr,
        /// The later subnet's prefix.
        second_cidr: Cidr,
    },
    /// They are of one family.
    #[error("{second_cidr} is a second {family} subnet beside {first_cidr}; a new network has at most one")]
    SameFamily {
        /// The earlier subnet.
        first: usize,
        /// The later subnet.
        second: usize,
        /// The earlier subnet's prefix.
        first_cidr: Cidr,
        /// The later subnet's prefix.
        second_cidr: Cidr,
        /// The family of both.
        family: AddressFamily,
    },
}

/// Checks that a new network may have these subnets together: at most one of each family, none overlapping.
///
/// Errors: the first pair that clashes; a pair that overlaps is told so, though it is also of one family.
pub fn check_together(specs: &[SubnetSpec]) -> Result<(), SubnetSetError> {
    // Of any three subnets two are of one family, so this looks at three pairs at most, however many are given.
    for (second, later) in specs.iter().enumerate() {
        for (first, earlier) in specs[..second].iter().enumerate() {
            let (first_cidr, second_cidr, family) = (earlier.cidr, later.cidr, later.cidr.family());
            if first_cidr.overlaps(second_cidr) {
                return Err(SubnetSetError::Overlap { first, second, first_cidr, second_cidr });
            }
            if first_cidr.family() == family {
                return Err(SubnetSetError::SameFamily { first, second, first_cidr, second_cidr, family });
            }
        }
    }
    Ok(())
}

impl SubnetSetError {
    /// The subnet to change: the later one of the two, counted from 0.
    pub fn index(&self) -> usize {
        match *self {
            Self::Overlap { second, .. } | Self::SameFamily { second, .. } => second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cidrs: &[&str]) -> Result<(), SubnetSetError> {
        let specs: Vec<_> = cidrs.iter().map(|cidr| SubnetSpec::new(cidr.parse().unwrap())).collect();
        check_together(&specs)
    }

    #[test]
    fn a_network_has_no_subnet_or_one_of_each_family() {
        for cidrs in [
            &[] as &[&str],
            &["10.0.0.0/8"],
            &["fd00::/64"],
            &["fd00::/64", "10.0.0.0/8"],
            &["0.0.0.0/0", "::/0"],
        ] {
            assert_eq!(check(cidrs), Ok(()), "{cidrs:?}");
        }
    }

    #[test]
    fn a_second_subnet_of_one_family_is_refused() {
        let error = check(&["10.0.0.0/8", "fd00::/64", "192.168.0.0/16"]).unwrap_err();
        assert_eq!(error.index(), 2);
        assert_eq!(
            error.to_string(),
            "192.168.0.0/16 is a second IPv4 subnet beside 10.0.0.0/8; a new network has at most one"
        );
    }

    #[test]
    fn an_overlap_is_told_as_an_overlap() {
        let error = check(&["10.1.0.0/16", "10.0.0.0/8"]).unwrap_err();
        assert_eq!(error.index(), 1);
        assert_eq!(
            error.to_string(),
            "10.0.0.0/8 overlaps 10.1.0.0/16; subnets of one network must not share addresses"
        );
    }
}
