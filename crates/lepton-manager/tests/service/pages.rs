//! Reading networks: page by page, in the order of their creation.

use lepton_proto::v1;

use crate::server::{Client, Server, network};

async fn page(
    client: &mut Client,
    project_id: &str,
    page_size: i32,
    page_token: String,
) -> (Vec<String>, String) {
    let request = v1::ListNetworksRequest { project_id: project_id.into(), page_size, page_token };
    let answer = client.list_networks(request).await.unwrap().into_inner();
    (answer.networks.into_iter().map(|network| network.label).collect(), answer.next_page_token)
}

/// The labels on all pages, page by page.
async fn pages(client: &mut Client, project_id: &str, page_size: i32) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let (labels, next) = page(client, project_id, page_size, token).await;
        pages.push(labels);
        if next.is_empty() {
            return pages;
        }
        token = next;
    }
}

/// Five networks: the second and the fourth are another project's, the others global.
async fn five() -> Server {
    let server = Server::start().await;
    for number in 1..=5 {
        let project_id = if number % 2 == 0 { "red".to_owned() } else { String::new() };
        let spec = v1::NetworkSpec { project_id, priority: -number, ..network(&format!("n{number}"), &[]) };
        server.create(spec).await;
    }
    server
}

#[tokio::test]
async fn pages_hold_every_network_once_in_the_order_of_creation() {
    let server = five().await;
    let mut client = server.client().await;
    assert_eq!(pages(&mut client, "", 2).await, [vec!["n1", "n2"], vec!["n3", "n4"], vec!["n5"]]);
    // No empty page follows a last one that is full.
    assert_eq!(pages(&mut client, "", 5).await, [vec!["n1", "n2", "n3", "n4", "n5"]]);
    assert_eq!(pages(&mut client, "", 0).await.len(), 1);
}

#[tokio::test]
async fn a_projects_pages_hold_what_it_may_use() {
    let server = five().await;
    let mut client = server.client().await;
    assert_eq!(pages(&mut client, "red", 2).await, [vec!["n1", "n2"], vec!["n3", "n4"], vec!["n5"]]);
    assert_eq!(pages(&mut client, "blue", 2).await, [vec!["n1", "n3"], vec!["n5"]]);
}

#[tokio::test]
async fn what_comes_and_goes_between_pages_moves_no_other_network() {
    let server = five().await;
    let mut client = server.client().await;
    let (first, token) = page(&mut client, "", 2, String::new()).await;
    assert_eq!(first, ["n1", "n2"]);
    let all = client.list_networks(v1::ListNetworksRequest::default()).await.unwrap().into_inner().networks;
    for gone in &all[..3] {
        let request = v1::DeleteNetworkRequest { network_id: gone.id.clone(), ..Default::default() };
        client.delete_network(request).await.unwrap();
    }
    server.network("n6", &[]).await;
    let (rest, token) = page(&mut client, "", 9, token).await;
    assert_eq!((rest, &*token), (vec!["n4".to_owned(), "n5".into(), "n6".into()], ""));
}

#[tokio::test]
async fn a_network_reads_the_same_alone_and_in_a_list() {
    let server = Server::start().await;
    let made = server.network("blue", &["fd00::/64", "10.0.0.0/24"]).await;
    let cidrs: Vec<_> = made.subnets.iter().map(|subnet| &*subnet.cidr).collect();
    assert_eq!(cidrs, ["10.0.0.0/24", "fd00::/64"]);
    let request = v1::GetNetworkRequest { network_id: made.id.clone() };
    let alone = server.unchanged(async |client| client.get_network(request).await).await;
    let request = v1::ListNetworksRequest::default();
    let listed = server.unchanged(async |client| client.list_networks(request).await).await;
    assert_eq!((&alone, &listed.networks[..]), (&made, &[made.clone()][..]));
}
