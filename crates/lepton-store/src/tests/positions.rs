//! An instance's vNICs come by their positions. Ports get ids that rise with them, so that here the ledger is turned:
//! the first port becomes the last one.

use lepton_ledger::{Block, FixedIp, Frontier, GetInstanceNwInfo, Host, Instance, Row, Scope, View};
use lepton_types::{Network, Port, PortId, Quota, Subnet};

use super::{
    each_store,
    harness::{Subject, instance},
};
use crate::lane::Backend;

const VNICS: u16 = 4;

#[tokio::test]
async fn vnics_come_by_position_whatever_their_ids() {
    each_store(async |subject| {
        for number in 1..=VNICS {
            subject.network(&format!("net-{number}"), &[&format!("10.{number}.0.0/24")]).await;
        }
        let mut ids: Vec<PortId> =
            subject.allocate(1).await.unwrap().vifs.into_iter().map(|vif| vif.id).collect();
        assert_eq!(ids.len(), usize::from(VNICS));
        turn_positions(subject).await;
        ids.reverse();

        let asked = subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything })
            .await
            .unwrap();
        assert_eq!(asked.vifs.iter().map(|vif| vif.id).collect::<Vec<_>>(), ids);
    })
    .await;
}

/// Gives the first port the last position, and so on.
async fn turn_positions(subject: &mut Subject) {
    match subject.store().backend() {
        Backend::Memory(disk) => disk.tamper(|held| *held = turned(held)),
        Backend::Engine(engine) => {
            let mut tx = engine.write().await.unwrap();
            // In two steps: no two ports of an instance have one position, not even in the middle of a statement.
            tx.execute("update ports set position = position + $1", vec![i64::from(VNICS).into()])
                .await
                .unwrap();
            let sum = i64::from(2 * VNICS - 1);
            tx.execute("update ports set position = $1 - position", vec![sum.into()]).await.unwrap();
            tx.commit().await.unwrap();
            subject.reopen().await;
        }
    }
}

fn turned(held: &View) -> View {
    let mut turned = View::complete(held.now(), [0; 32]);
    copy::<Network>(held, &mut turned);
    copy::<Subnet>(held, &mut turned);
    copy::<Frontier>(held, &mut turned);
    copy::<Block>(held, &mut turned);
    copy::<Instance>(held, &mut turned);
    copy::<FixedIp>(held, &mut turned);
    copy::<Host>(held, &mut turned);
    copy::<Quota>(held, &mut turned);
    for port in held.rows::<Port>() {
        turned.load(Port { position: VNICS - 1 - port.position, ..port.clone() });
    }
    turned
}

fn copy<R: Row + 'static>(from: &View, to: &mut View) {
    from.rows::<R>().for_each(|row| to.load(row.clone()));
}
