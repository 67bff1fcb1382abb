//! Lists, page after page.

use std::num::NonZeroUsize;

use crate::error::Error;

/// The largest page that a server gives.
const PAGE: usize = 1000;

/// Fetches pages, by their size and their token, until there are no more or `limit` things are there; answers with the things
/// and whether the server has more.
pub(crate) async fn fetch<T>(
    limit: Option<NonZeroUsize>,
    page: impl AsyncFn(i32, String) -> Result<(Vec<T>, String), Error>,
) -> Result<(Vec<T>, bool), Error> {
    let most = limit.map_or(usize::MAX, NonZeroUsize::get);
    let (mut things, mut token) = (Vec::new(), String::new());
    loop {
        let size = most.saturating_sub(things.len()).min(PAGE);
        let size = i32::try_from(size).expect("a page has at most 1000 things");
        let (more, next) = page(size, token).await?;
        things.extend(more);
        token = next;
        if token.is_empty() || things.len() >= most {
            break;
        }
    }
    // A server may give more than it was asked for.
    let has_more = !token.is_empty() || things.len() > most;
    things.truncate(most);
    Ok((things, has_more))
}
