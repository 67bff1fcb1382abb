//! A guest is who its port says.

use lepton_sim::{Forgery, KernelInstance, interfaces};
use lepton_testkit::kernel_test;

use crate::{
    daemon::Place,
    kernel::{assert_reach_each_other, dropped},
    programs::programs,
    words::{addresses, boot_and_wait, network},
};

kernel_test! {
    async fn what_is_sent_under_a_false_name_is_dropped_and_counted() {
        let place = Place::with_kernel();
        let _daemon = place.start().await;
        network(&mut place.client().await, "blue", &["10.1.0.0/24", "fd00:1::/80"]).await;
        let hypervisor = place.hypervisor(7).await;
        let program = &programs().lepton_sim;
        let mut liar = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        let mut victim = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        assert_reach_each_other(&mut liar, &mut victim).await;

        let device = interfaces(&liar.info).unwrap().remove(0).device;
        let victim_mac = victim.info.vifs[0].mac_address.parse().unwrap();
        let (own, targets) = (addresses(&liar.info), addresses(&victim.info));
        let false_mac = Forgery::Mac { mac: "02:00:00:00:00:66".parse().unwrap(), source: own[0] };
        for (reason, forgery, target) in [
            ("drop_ipv4", Forgery::Address("10.1.0.66".parse().unwrap()), targets[0]),
            ("drop_ipv6", Forgery::Address("fd00:1::66".parse().unwrap()), targets[1]),
            ("drop_mac", false_mac, targets[0]),
        ] {
            let before = dropped(reason);
            let reply = liar.guest.spoof(&device, forgery, target, victim_mac).await.unwrap();
            assert_eq!(reply, None, "{forgery:?} was answered");
            assert!(dropped(reason) > before, "{forgery:?} is not counted by {reason}");
        }
        assert_reach_each_other(&mut liar, &mut victim).await;
    }
}
