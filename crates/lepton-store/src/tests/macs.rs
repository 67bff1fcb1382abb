//! A MAC that another manager took in the meantime is drawn again.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use lepton_ipam::MacBase;
use lepton_ledger::AllocateForInstance;
use lepton_types::MacAddr;

use super::{
    harness::{Kind, Subject, allocation},
    locks::until_somebody_waits,
};

/// All but the last octet: there are 256 MACs.
const FEW: &str = "fa:16:3e:00:00";

/// The first of them, as the ledger stores it.
const FIRST: i64 = 0xfa16_3e00_0000;

fn from_few(number: u128) -> AllocateForInstance {
    AllocateForInstance { mac_base: FEW.parse::<MacBase>().unwrap(), ..allocation(number, vec![]) }
}

/// The other has taken every second MAC, and says so after the batch has looked for those that are taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn macs_that_the_index_refuses_are_drawn_again() {
    const EVERY_SECOND: &str =
        "insert into ports (id, instance_id, incarnation, network_id, project_id, host_id, position, mac, device,
             binding, status, is_released, revision, created_at, has_moved)
         select gen_random_uuid(), gen_random_uuid(), 1, networks.id, 'p1', 'host-2', 0, $1 + 2 * number,
             'other-' || number, '{\"kind\":\"tap\"}', 'PENDING', false, number, 0, false
         from networks, generate_series(0, 127) as number";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &[]).await;
    let engine = subject.engine();
    let mut other = engine.write().await.unwrap();
    assert_eq!(other.execute(EVERY_SECOND, vec![FIRST.into()]).await.unwrap(), 128);

    // That none of a batch's forty draws is a taken one happens once in 10^12 times.
    let allocating = join_all((0..40).map(|number| subject.submit(from_few(number))));
    let saying = async {
        until_somebody_waits(engine).await;
        other.commit().await.unwrap();
    };
    let (given, ()) = tokio::join!(allocating, saying);
    let given: BTreeSet<MacAddr> = given.into_iter().map(|info| info.unwrap().vifs[0].mac).collect();
    assert_eq!(given.len(), 40);
    assert!(given.iter().all(|mac| mac.octets()[5] % 2 == 1), "{given:?}");
}
