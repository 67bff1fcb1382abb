//! TLS with certificates on both sides.

use std::{net::SocketAddr, sync::Arc};

use lepton_proto::v1::{self as pb, network_manager_server::NetworkManagerServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::{server::Script, terminal::Terminal};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, as PEM.
fn identity(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// Serves one empty list of networks to clients with a certificate of the authority's.
async fn serve(tasks: &mut JoinSet<()>, authority: &Authority) -> SocketAddr {
    let (cert, key) = identity(authority, "localhost");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(cert, key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(Script::of([pb::ListNetworksResponse::default().into()]));
    let serving = Server::builder()
        .tls_config(tls)
        .unwrap()
        .add_service(NetworkManagerServer::from_arc(script))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tasks.spawn(async move { serving.await.unwrap() });
    address
}

/// A terminal whose configuration names the address, the authority to trust and the client's identity.
fn terminal(address: SocketAddr, trusted: &Authority, identity: Option<(String, String)>) -> Terminal {
    let terminal = Terminal::new();
    terminal.write(".config/lepton/ca.pem", &trusted.pem());
    let mut config = format!("endpoint = 'https://localhost:{}'\nca = 'ca.pem'\n", address.port());
    if let Some((cert, key)) = identity {
        terminal.write(".config/lepton/cert.pem", &cert);
        terminal.write(".config/lepton/key.pem", &key);
        config += "cert = 'cert.pem'\nkey = 'key.pem'\n";
    }
    terminal.write(".config/lepton/cli.toml", &config);
    terminal
}

#[tokio::test]
async fn a_client_with_a_certificate_is_served() {
    let mut tasks = JoinSet::new();
    let authority = authority();
    let address = serve(&mut tasks, &authority).await;
    let run =
        terminal(address, &authority, Some(identity(&authority, "operator"))).run(&["network", "list"]).await;
    assert_eq!(run.exit_code, Some(0), "{}", run.stderr);
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_believed() {
    let mut tasks = JoinSet::new();
    let (authority, other) = (authority(), authority());
    let address = serve(&mut tasks, &authority).await;
    let run =
        terminal(address, &other, Some(identity(&authority, "operator"))).run(&["network", "list"]).await;
    assert_eq!(run.exit_code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("invalid peer certificate"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: see that this is leptond's TLS address"), "{}", run.stderr);
}

#[tokio::test]
async fn a_client_without_a_certificate_is_turned_away() {
    let mut tasks = JoinSet::new();
    let authority = authority();
    let address = serve(&mut tasks, &authority).await;
    let run = terminal(address, &authority, None).run(&["network", "list"]).await;
    assert_eq!(run.exit_code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("`--cert`"), "{}", run.stderr);
}
