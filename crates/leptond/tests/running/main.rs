//! `run` as a whole, in this process: how it starts, and how it ends when something fails.

mod support;

use std::fs;

use leptond::RunError;
use support::Place;

#[tokio::test]
async fn a_place_where_the_addresses_cannot_be_recorded_ends_it() {
    let place = Place::new();
    fs::create_dir_all(place.state("listen.json")).unwrap();

    let error = place.run().await.unwrap_err();
    assert!(matches!(error, RunError::StateDir { .. }), "{error:?}");
    assert!(!place.socket().exists());
}
