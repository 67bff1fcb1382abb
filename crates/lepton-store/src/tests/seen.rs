//! A row that one command only looks for, without a lock, does not stand for the one that another command of the batch loads
//! to decide on: another manager may have changed it in between.

use futures_util::future::join3;
use lepton_ledger::{DeleteSubnet, FixedIp, Holder, Key, RemoveFixedIp, Scope, Selection, View};
use lepton_types::{FloatingIp, Port};

use super::{
    floating_ips::{associate, pool, to_address, wish},
    harness::{Kind, Subject, instance, reason},
    locks::{PORTS, until_somebody_waits},
    statements::engine,
};
use crate::load::load;

#[tokio::test]
async fn what_another_manager_changed_since_it_was_looked_for_is_loaded_as_it_is() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let at = subject.network("private", &["10.1.0.0/24"]).await;
    let (network, subnet) = (at.network.id, at.subnets[0].id);
    let vif = subject.allocate(1).await.unwrap().vifs.remove(0);
    subject.allocate(2).await.unwrap();
    subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
    let floating = subject.submit(wish()).await.unwrap().floating_ip;
    let engine = engine(&subject);
    let mut tx = engine.write().await.unwrap();
    let view = &mut View::partial(subject.now(), [0; 32]);
    let looked_for = vec![
        Key::Select(Selection::HeldIn(subnet)),
        Key::Select(Selection::PortOn(network)),
        Key::Mac(vif.mac),
        Key::Select(Selection::PortOfMacs("fa:16:3e:00:00:00/24".parse().unwrap())),
        Key::Select(Selection::FloatingIpIn(floating.subnet)),
    ];
    load(&mut tx, looked_for, view).await.unwrap();

    let address = "10.1.0.2".parse().unwrap();
    let (network, only_on) = (None, None);
    let removal =
        RemoveFixedIp { instance: instance(1), address, network, scope: Scope::Everything, only_on };
    subject.submit(removal).await.unwrap();
    subject.deallocate(1).await;
    subject.submit(associate(floating.address, 2)).await.unwrap();

    let decided_on =
        vec![Key::Port(vif.id), Key::FixedIp(subnet, address), Key::FloatingIp(floating.address)];
    load(&mut tx, decided_on, view).await.unwrap();
    assert!(view.row::<Port>(&vif.id).unwrap().is_released);
    let holder = view.row::<FixedIp>(&(subnet, address)).unwrap().holder.clone();
    assert!(matches!(holder, Holder::Leaving { .. }), "{holder:?}");
    let target = view.row::<FloatingIp>(&floating.address).unwrap().target;
    assert_eq!(target.map(|target| target.instance), Some(instance(2)));
    tx.rollback().await.unwrap();
}

/// One batch asks whether the subnet is used, and lets a floating IP lead to the address that it is used for.
#[tokio::test]
async fn a_floating_ip_leads_to_no_address_that_is_leaving_whatever_else_the_batch_looks_for() {
    const TAKE: &str = "update fixed_ips set leaving_at = 1";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let at = subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
    let floating = subject.submit(wish()).await.unwrap().floating_ip.address;
    let engine = engine(&subject);
    let mut theirs = engine.write().await.unwrap();
    theirs.fetch(PORTS, Vec::new()).await.unwrap();
    let taking = async {
        until_somebody_waits(engine).await;
        theirs.execute(TAKE, Vec::new()).await.unwrap();
        theirs.commit().await.unwrap();
    };
    let deletion = DeleteSubnet { subnet: at.subnets[0].id, scope: Scope::Everything };
    let association = to_address(floating, Some(at.network.id), "10.1.0.2");
    let (deleted, associated, ()) =
        join3(subject.submit(deletion), subject.submit(association), taking).await;
    assert_eq!((reason(deleted), reason(associated)), ("SUBNET_IN_USE", "FIXED_IP_NOT_FOUND"));
    assert_eq!(subject.dump().await.floating_ips[0].target, None);
}
