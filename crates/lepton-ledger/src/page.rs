//! Pages: lists are looked up with one row more than a page holds, which tells whether another page follows. Where not every
//! row that is looked up is wanted, a bounded number is looked up all the same, and the page tells from where to go on even if
//! it has none.

/// Most rows that a call looks at which does not want all of them, unless its page may hold more.
pub(crate) const LOOKS: u16 = 256;

/// How many rows to look up for a page of so many.
pub(crate) fn looks(limit: u16) -> u16 {
    limit.saturating_add(1)
}

/// Cuts the rows that were looked up to the page; answers the place of its last row, when another page follows.
pub(crate) fn cut<R, P>(rows: &mut Vec<R>, limit: u16, place: impl FnOnce(&R) -> P) -> Option<P> {
    let is_last = rows.len() <= usize::from(limit);
    rows.truncate(limit.into());
    rows.last().filter(|_| !is_last).map(place)
}

/// The last one of so many that were looked up, behind which there may be more; none when fewer were there.
pub(crate) fn last<R>(found: &[R], looks: u16) -> Option<&R> {
    found.last().filter(|_| found.len() == usize::from(looks))
}

/// The first wanted ones of what was looked up, each with its place, and where to go on: behind the last one that was looked at,
/// or where `behind` says when all were.
pub(crate) fn pick<R, P>(
    found: impl IntoIterator<Item = (P, R)>,
    behind: Option<P>,
    limit: u16,
    is_wanted: impl Fn(&R) -> bool,
) -> (Vec<R>, Option<P>) {
    let (mut page, mut last) = (Vec::new(), None);
    for (place, row) in found {
        if page.len() == usize::from(limit) {
            return (page, last);
        }
        last = Some(place);
        page.extend(Some(row).filter(&is_wanted));
    }
    (page, behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_one_when_more_was_found_than_it_holds() {
        for (found, shown, next) in [(0, 0, None), (1, 1, None), (2, 2, None), (3, 2, Some(1))] {
            let mut rows: Vec<u16> = (0..found).collect();
            assert_eq!((cut(&mut rows, 2, |row| *row), rows.len()), (next, shown));
        }
        assert_eq!((looks(2), looks(u16::MAX)), (3, u16::MAX));
    }

    #[test]
    fn there_may_be_more_behind_the_last_one_of_as_many_as_were_looked_up() {
        for (looks, expected) in [(2, Some(&8)), (3, None)] {
            assert_eq!(last(&[7, 8], looks), expected);
        }
        assert_eq!(last::<u16>(&[], 2), None);
    }

    #[test]
    fn a_page_of_what_is_wanted_goes_on_behind_what_was_looked_at() {
        let found = || (1..=6_u16).map(|number| (number, number));
        for (limit, is_wanted, expected) in [
            (2, (|_| true) as fn(&u16) -> bool, (vec![1, 2], Some(2))),
            (2, |number| number % 2 == 0, (vec![2, 4], Some(4))),
            (3, |number| number % 2 == 0, (vec![2, 4, 6], Some(9))),
            (9, |_| false, (vec![], Some(9))),
        ] {
            assert_eq!(pick(found(), Some(9), limit, is_wanted), expected);
        }
        assert_eq!(pick(found(), None, 6, |_| true), ((1..=6).collect(), None));
    }
}
