//! A disk that is full: a clear error, no acknowledged write lost, and service again once there is room.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use lepton_proto::v1;
use lepton_testkit::kernel_test;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    daemon::{Client, Place, eventually},
    database::fails_with,
    kernel::run,
    words::{all_active, allocation, assert_no_address_twice, network, number_of, nw_info, without_status},
};

/// Bytes that are left for some instances, though the file of a new ledger grows meanwhile by its whole schema.
const LITTLE: u64 = 1 << 20;

/// A small file system of a story's own on a folder of its place; gone when it is dropped.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Room for a ledger with some instances, its log and what SQLite's connections share.
    const SIZE: &str = "16m";

    fn mount(folder: &Path) -> Self {
        fs::create_dir(folder).unwrap();
        run(&format!("mount -t tmpfs -o size={} tmpfs {}", Self::SIZE, folder.display()));
        Self { folder: folder.to_owned() }
    }

    /// Takes all the room that is left but for so many bytes.
    fn fill(&self, left: u64) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        ballast.set_len(ballast.metadata().unwrap().len() - left).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(&format!("umount -l {}", self.folder.display()));
    }
}

/// What was acknowledged, and which instances were refused.
#[derive(Default)]
struct Story {
    acknowledged: Vec<v1::NetworkInfo>,
    refused: Vec<u128>,
    next: u128,
}

impl Story {
    /// Allocates for some more instances at once, and for those that were refused before; answers with the refusals.
    async fn allocate(&mut self, client: &Client, more: u128) -> Vec<Status> {
        let mut calls = JoinSet::new();
        let fresh = self.next..self.next + more;
        self.next = fresh.end;
        for number in std::mem::take(&mut self.refused).into_iter().chain(fresh) {
            let mut client = client.clone();
            let request = allocation(number, &format!("boot-{number}"));
            calls.spawn(async move { (number, client.allocate_for_instance(request).await) });
        }
        let mut refusals = Vec::new();
        for (number, outcome) in calls.join_all().await {
            match outcome {
                Ok(info) => self.acknowledged.push(info.into_inner()),
                Err(refusal) => {
                    self.refused.push(number);
                    refusals.push(refusal);
                }
            }
        }
        refusals
    }

    /// Allocates until something is refused; answers with the refusals.
    async fn allocate_until_refused(&mut self, client: &Client) -> Vec<Status> {
        loop {
            let refusals = self.allocate(client, 4).await;
            if !refusals.is_empty() {
                return refusals;
            }
        }
    }

    /// Checks that the ledger has what was acknowledged, and nothing else.
    async fn assert_kept(&self, place: &Place, client: &mut Client) {
        for info in &self.acknowledged {
            let told = nw_info(client, number_of(&info.instance_id)).await.unwrap();
            assert_eq!(without_status(&told), without_status(info));
        }
        assert_no_address_twice(&self.acknowledged);
        assert_eq!(place.ledger().instances().await, i64::try_from(self.acknowledged.len()).unwrap());
        place.ledger().assert_whole().await;
    }
}

kernel_test! {
    async fn a_full_disk_is_unavailable_loses_nothing_and_is_written_again_once_there_is_room() {
        let place = Place::with_fake_host();
        let disk = Disk::mount(&place.file("state"));
        let mut daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/16", "fd00:1::/64"]).await;
        let mut story = Story::default();
        for is_killed in [false, true, false] {
            let before = story.acknowledged.len();
            disk.fill(LITTLE);
            for refused in story.allocate_until_refused(&client).await {
                let reason = lepton_sim::reason(&refused);
                assert_eq!((refused.code(), &*reason), (Code::Unavailable, "LEDGER_UNAVAILABLE"));
                assert!(refused.message().contains("full"), "{refused:?}");
            }
            assert!(story.acknowledged.len() > before, "it was full from the start");
            // What does not write is answered all the while.
            story.assert_kept(&place, &mut client).await;

            if is_killed {
                daemon.kill().await;
                disk.fill(0);
                let said = fails_with(3, &place, &[]).await;
                let named = format!("the disk of {} is full: make room there", place.file("state").display());
                assert!(said.contains(&named), "{said}");
                disk.make_room();
                daemon = place.start().await;
                client = place.client().await;
            } else {
                disk.make_room();
            }
            story.assert_kept(&place, &mut client).await;
            // The very requests that were refused, by their ids.
            let refusals = story.allocate(&client, 0).await;
            assert!(refusals.is_empty(), "{refusals:?}");
            story.assert_kept(&place, &mut client).await;
            eventually("the agent has reported what it has plugged", async || {
                all_active(&nw_info(&mut place.client().await, story.next - 1).await.unwrap())
            })
            .await;
        }
        daemon.stop().await;
    }
}

kernel_test! {
    async fn a_small_disk_is_not_filled_by_the_ledgers_log_alone() {
        let place = Place::with_fake_host();
        let disk = Disk::mount(&place.file("state"));
        let daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/16", "fd00:1::/64"]).await;
        let mut story = Story::default();
        // Some 30 KiB of the log each, one behind the other: twice what the disk has.
        for _ in 0..64 {
            let refusals = story.allocate(&client, 16).await;
            assert!(refusals.is_empty(), "{refusals:?}");
        }
        story.assert_kept(&place, &mut client).await;
        daemon.stop().await;
        drop(disk);
    }
}

kernel_test! {
    async fn a_daemon_whose_log_is_on_the_full_disk_lives_on_and_drains_when_it_is_stopped() {
        let place = Place::with_fake_host().with_log("state/leptond.log");
        let disk = Disk::mount(&place.file("state"));
        let daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/16"]).await;
        let mut story = Story::default();
        disk.fill(LITTLE);
        story.allocate_until_refused(&client).await;
        disk.fill(0);
        // Each refusal is some lines of the log, which has the rest of its last block still. What was copied of the ledger's log
        // meanwhile may make room in it for some more instances.
        loop {
            let logged = place.log().len();
            let is_refused = !story.allocate(&client, 1).await.is_empty();
            if is_refused && place.log().len() == logged {
                break;
            }
        }
        story.assert_kept(&place, &mut client).await;
        daemon.stop().await;

        disk.make_room();
        let daemon = place.start().await;
        let mut client = place.client().await;
        story.assert_kept(&place, &mut client).await;
        assert!(story.allocate(&client, 0).await.is_empty());
        story.assert_kept(&place, &mut client).await;
        daemon.stop().await;
    }
}

kernel_test! {
    async fn a_disk_that_is_full_at_the_start_is_told_of_and_used_once_there_is_room() {
        let place = Place::with_fake_host();
        let disk = Disk::mount(&place.file("state"));
        disk.fill(0);
        let said = fails_with(3, &place, &[]).await;
        assert!(said.contains(&place.file("state").display().to_string()) && said.contains("full; make room"), "{said}");

        disk.make_room();
        let daemon = place.start().await;
        network(&mut place.client().await, "blue", &["10.1.0.0/24"]).await;
        daemon.stop().await;
    }
}
