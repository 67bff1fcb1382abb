//! A row that one command only looks for, without a lock, does not stand for the one that another command of the batch loads
//! to decide on: another manager may have changed it in between.

use futures_util::future::join3;
use lepton_ledger::{
    Command, CreateMacRange, DeleteSubnet, FixedIp, Holder, Key, Refusal, RemoveFixedIp, ReportHost, Scope,
    Selection, Stop, View,
};
use lepton_types::{FloatingIp, HostReport, Port};

use super::{
    floating_ips::{associate, pool, to_address, wish},
    harness::{Kind, Subject, each_database, host, instance, reason},
    locks::{PORTS, until_somebody_waits},
};
use crate::{engine::Tx, load::load};

#[tokio::test]
async fn what_another_manager_changed_since_it_was_looked_for_is_loaded_as_it_is() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let at = subject.network("private", &["10.1.0.0/24"]).await;
    let (network, subnet) = (at.network.id, at.subnets[0].id);
    let vif = subject.allocate(1).await.unwrap().vifs.remove(0);
    subject.allocate(2).await.unwrap();
    subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
    let floating = subject.submit(wish()).await.unwrap().floating_ip;
    let engine = subject.engine();
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
    let removal = RemoveFixedIp {
        instance: instance(1),
        address,
        network,
        scope: Scope::Everything,
        only_on,
        domain: None,
    };
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

/// What one command of a batch ends says nothing of what else there is: the range would take the MACs of the other port.
#[tokio::test]
async fn the_first_of_several_that_ends_in_the_batch_does_not_stand_for_all() {
    each_database(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let mut macs = Vec::new();
        for number in [1, 2] {
            macs.push((subject.allocate(number).await.unwrap().vifs[0].mac, number));
        }
        let lowest = macs.into_iter().min().unwrap().1;
        let unplugged = subject.deallocate(lowest).await.ports;
        let report = HostReport { unplugged, revision: u64::MAX.into(), ..HostReport::default() };
        let ends = ReportHost { host: host(), report };
        let prefix = "fa:16:3e:00:00:00/24".parse().unwrap();
        let makes = CreateMacRange { prefix, mac_base: "02:16:3e".parse().unwrap() };
        let mut tx = subject.engine().write().await.unwrap();
        let view = &mut View::partial(subject.now(), [9; 32]);
        decided(&mut tx, view, &ends).await.unwrap();
        let refusal = decided(&mut tx, view, &makes).await.unwrap_err();
        assert_eq!(refusal.reason(), "MAC_RANGE_IN_USE");
        tx.rollback().await.unwrap();
    })
    .await;
}

/// Decides a command of a batch, loading what it misses.
async fn decided<C: Command>(tx: &mut Tx, view: &mut View, command: &C) -> Result<C::Answer, Refusal> {
    loop {
        match view.attempt(0, |view| command.decide(view)) {
            Ok(answer) => return Ok(answer),
            Err(Stop::Refused(refusal)) => return Err(refusal),
            Err(Stop::Missing) => {
                let missing = view.take_missing();
                load(tx, missing, view).await.unwrap();
            }
            Err(other @ Stop::Unreadable(_)) => panic!("{other:?}"),
        }
    }
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
    let engine = subject.engine();
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
