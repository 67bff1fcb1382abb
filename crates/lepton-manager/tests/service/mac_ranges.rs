//! `lepton.v1.MacRanges`: what each call answers and refuses.

use lepton_proto::v1::{self, mac_ranges_client::MacRangesClient};
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    server::{Options, Server, allocation, instance},
};

const RANGE: &str = "02:16:3e:00:00:00/47";

async fn client(server: &Server) -> MacRangesClient<Channel> {
    MacRangesClient::new(server.channel().await)
}

fn create(range: &str) -> v1::CreateMacRangeRequest {
    v1::CreateMacRangeRequest { range: range.into(), ..Default::default() }
}

fn delete(id: &str) -> v1::DeleteMacRangeRequest {
    v1::DeleteMacRangeRequest { mac_range_id: id.into(), ..Default::default() }
}

#[tokio::test]
async fn a_range_is_made_shown_listed_drawn_from_and_deleted() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let mut client = client(&server).await;
    let rehearsal = v1::CreateMacRangeRequest { validate_only: true, ..create(RANGE) };
    client.create_mac_range(rehearsal).await.unwrap();
    let once = v1::CreateMacRangeRequest { request_id: "r1".into(), ..create(RANGE) };
    let made = client.create_mac_range(once.clone()).await.unwrap().into_inner();
    assert_eq!(client.create_mac_range(once).await.unwrap().into_inner(), made, "a repetition");
    assert_eq!((&*made.range, made.size, made.drawn), (RANGE, 2, 0));

    assert_eq!(server.allocate(allocation(1)).await.vifs[0].mac_address, "02:16:3e:00:00:00");
    let drawn = v1::MacRange { drawn: 1, ..made.clone() };
    let get = v1::GetMacRangeRequest { mac_range_id: made.id.clone() };
    assert_eq!(client.get_mac_range(get.clone()).await.unwrap().into_inner(), drawn);
    let list = client.list_mac_ranges(v1::ListMacRangesRequest {}).await.unwrap().into_inner();
    assert_eq!(list.mac_ranges, [drawn]);

    let ports = server.deallocate(1).await;
    server.unplugged(&ports).await;
    client.delete_mac_range(delete(&made.id)).await.unwrap();
    let gone = Problem::of(client.get_mac_range(get).await);
    gone.assert(Code::NotFound, "MAC_RANGE_NOT_FOUND", &[("mac_range_id", &made.id)], &[&made.id]);
    let gone = Problem::of(client.delete_mac_range(delete(&made.id)).await);
    gone.assert(Code::NotFound, "MAC_RANGE_NOT_FOUND", &[("mac_range_id", &made.id)], &[&made.id]);
}

#[tokio::test]
async fn what_is_no_range_or_another_ones_is_refused() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let mut client = client(&server).await;
    for (range, word) in [
        ("", "is required"),
        ("01:16:3e:00:00:00/24", "first octet"),
        ("fa:16:3e:80:00:00/28", "network.mac_base"),
    ] {
        let problem = Problem::of(client.create_mac_range(create(range)).await);
        problem.assert(Code::InvalidArgument, "INVALID_FIELD", &[("field", "range")], &[word]);
    }
    let made = client.create_mac_range(create(RANGE)).await.unwrap().into_inner();
    let wide = "02:16:3e:00:00:00/24";
    let problem = Problem::of(client.create_mac_range(create(wide)).await);
    let metadata = [("range", wide), ("other_range", RANGE), ("mac_range_id", &made.id)];
    problem.assert(Code::AlreadyExists, "MAC_RANGE_OVERLAPS", &metadata, &[wide, RANGE]);

    server.allocate(allocation(1)).await;
    let problem = Problem::of(client.delete_mac_range(delete(&made.id)).await);
    let metadata = [("range", RANGE), ("mac_address", "02:16:3e:00:00:00"), ("instance_id", &*instance(1))];
    problem.assert(
        Code::FailedPrecondition,
        "MAC_RANGE_IN_USE",
        &metadata,
        &["02:16:3e:00:00:00", "deallocate"],
    );

    server.allocate(allocation(2)).await;
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(3)).await).await;
    let words = ["1 ranges", "make another range"];
    problem.assert(Code::ResourceExhausted, "MAC_RANGES_EXHAUSTED", &[("ranges", "1")], &words);
}

/// A port of the time when the configured base was another one.
#[tokio::test]
async fn no_range_is_made_of_what_a_port_has() {
    let options = Options { mac_base: "02:16:3e:00:00", ..Options::default() };
    let server = Server::with(options).await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let mac = server.allocate(allocation(1)).await.vifs[0].mac_address.clone();
    let server = server.restart_with(Options::default()).await;
    let wide = "02:16:3e:00:00:00/24";
    let problem = Problem::of(client(&server).await.create_mac_range(create(wide)).await);
    let metadata = [("range", wide), ("mac_address", &*mac), ("instance_id", &*instance(1))];
    problem.assert(Code::FailedPrecondition, "MAC_RANGE_IN_USE", &metadata, &[&mac, "deallocate"]);
    let ports = server.deallocate(1).await;
    server.unplugged(&ports).await;
    client(&server).await.create_mac_range(create(wide)).await.unwrap();
}

#[tokio::test]
async fn there_are_at_most_256_ranges() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    for number in 0..=255_u8 {
        client.create_mac_range(create(&format!("02:16:{number:02x}:00:00:00/24"))).await.unwrap();
    }
    let problem = Problem::of(client.create_mac_range(create("02:17:00:00:00:00/24")).await);
    problem.assert(Code::ResourceExhausted, "TOO_MANY_MAC_RANGES", &[("limit", "256")], &["256"]);
}
