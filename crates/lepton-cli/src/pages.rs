//! Lists, page after page.

use std::{collections::BTreeMap, num::NonZeroUsize};

use crate::error::Error;

/// The largest page that a server gives.
const PAGE: usize = 1000;

/// Fetches pages, by their size and their token, until there are no more or `limit` things are there; answers with the things
/// and whether the server has more. A page may have nothing and yet a next one.
pub(crate) async fn fetch<T>(
    limit: Option<NonZeroUsize>,
    page: impl AsyncFn(i32, String) -> Result<(Vec<T>, String), Error>,
) -> Result<(Vec<T>, bool), Error> {
    gather(limit, page, Vec::len, Vec::extend, Vec::truncate).await
}

/// The same of things that the server may tell twice, since they changed while it told of them: each is there once, as it was
/// told last, in the order of its key.
pub(crate) async fn fetch_distinct<T, K: Ord>(
    limit: Option<NonZeroUsize>,
    key: impl Fn(&T) -> K,
    page: impl AsyncFn(i32, String) -> Result<(Vec<T>, String), Error>,
) -> Result<(Vec<T>, bool), Error> {
    let enter = |known: &mut BTreeMap<K, T>, more: Vec<T>| {
        known.extend(more.into_iter().map(|thing| (key(&thing), thing)));
    };
    let cut = |known: &mut BTreeMap<K, T>, most: usize| {
        while known.len() > most {
            known.pop_last();
        }
    };
    let (known, has_more) = gather(limit, page, BTreeMap::len, enter, cut).await?;
    Ok((known.into_values().collect(), has_more))
}

/// Fetches pages into a collection that says how many things it has, takes in a page, and is cut to a length.
async fn gather<T, C: Default>(
    limit: Option<NonZeroUsize>,
    page: impl AsyncFn(i32, String) -> Result<(Vec<T>, String), Error>,
    count: impl Fn(&C) -> usize,
    enter: impl Fn(&mut C, Vec<T>),
    cut: impl Fn(&mut C, usize),
) -> Result<(C, bool), Error> {
    let most = limit.map_or(usize::MAX, NonZeroUsize::get);
    let (mut things, mut token) = (C::default(), String::new());
    loop {
        let size = most.saturating_sub(count(&things)).min(PAGE);
        let size = i32::try_from(size).expect("a page has at most 1000 things");
        let (more, next) = page(size, token).await?;
        enter(&mut things, more);
        token = next;
        if token.is_empty() || count(&things) >= most {
            break;
        }
    }
    // A server may give more than it was asked for.
    let has_more = !token.is_empty() || count(&things) > most;
    cut(&mut things, most);
    Ok((things, has_more))
}
