//! Pages: lists are looked up with one row more than a page holds, which tells whether another page follows.

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
}
