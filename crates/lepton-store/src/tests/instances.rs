//! Instances come and go.

use lepton_ledger::GetInstanceNwInfo;

use super::{
    each_store,
    harness::{fixed_ips, instance},
};

#[tokio::test]
async fn an_instance_gets_a_vnic_on_each_network_and_gives_it_back() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.network("storage", &["10.2.0.0/29"]).await;

        let info = subject.allocate(1).await.unwrap();
        assert_eq!(info.vifs.len(), 2);
        assert_eq!(fixed_ips(&info)[0], "10.1.0.2");
        assert_eq!(fixed_ips(&info)[2], "10.2.0.2");
        let asked = subject.store().ask(GetInstanceNwInfo { instance: instance(1) }).await.unwrap();
        assert_eq!(asked, info);

        let released = subject.deallocate(1).await;
        assert_eq!(released.ports.len(), 2);
        let next = subject.allocate(2).await.unwrap();
        assert_eq!(fixed_ips(&next)[0], "10.1.0.3", "the host has not unplugged 10.1.0.2 yet");

        assert_eq!(subject.feed().await.released, released.ports);
        subject.unplug(released.ports).await;
        let again = subject.allocate(1).await.unwrap();
        assert_eq!(fixed_ips(&again)[0], "10.1.0.2");
        assert_eq!(again.incarnation, 2);
    })
    .await;
}
