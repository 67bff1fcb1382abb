//! What managers were told, on every store that several can open.

use super::harness::each_database;

#[tokio::test]
async fn a_manager_that_was_told_something_else_hears_what_the_one_before_was_told() {
    each_database(async |subject| {
        let other = subject.another().await.unwrap();
        let told = async |store: &crate::Store, value: &str| {
            store.note_setting("network.mac_base", value).await.unwrap()
        };
        assert_eq!(told(subject.store(), "fa:16:3e").await, None);
        assert_eq!(told(&other, "fa:16:3e").await, None);
        assert_eq!(other.note_setting("quota.ports", "-1").await.unwrap(), None);
        assert_eq!(told(&other, "02:16:3e").await.as_deref(), Some("fa:16:3e"));
        assert_eq!(told(subject.store(), "fa:16:3e").await.as_deref(), Some("02:16:3e"));
        assert_eq!(told(subject.store(), "fa:16:3e").await, None, "they agree again");
    })
    .await;
}
