//! Clients with certificates.

use lepton_manager::{Api, Authorise};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tokio::net::TcpListener;
use tonic::{
    service::RoutesBuilder,
    transport::{
        Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server as Transport, ServerTlsConfig,
        server::TcpIncoming,
    },
};

use super::{Client, Server, trust};

/// The name in the server's certificate.
const SERVER_NAME: &str = "lepton.example.org";

impl Server {
    /// A client over TLS whose certificate has this SPIFFE id; the server listens for it alone.
    pub(crate) async fn client_with_certificate(&mut self, id: &str) -> Client {
        Client::new(self.channel_with_certificate(id).await)
    }

    /// A tenant's connection.
    pub(crate) async fn member_of(&mut self, project: &str) -> Channel {
        self.channel_with_certificate(&format!("spiffe://example.org/lepton/member/{project}")).await
    }

    /// A connection over TLS whose certificate has this SPIFFE id; the server listens for it alone.
    pub(crate) async fn channel_with_certificate(&mut self, id: &str) -> Channel {
        let authority = Authority::new();
        let certificate = authority.sign(&CertificateParams::new([SERVER_NAME.to_owned()]).unwrap());
        let tls = ServerTlsConfig::new().identity(certificate).client_ca_root(authority.certificate());
        let mut routes = RoutesBuilder::default();
        Api::new(self.manager.clone()).serve(&mut routes);
        let router = Transport::builder().tls_config(tls).unwrap().layer(self.untouched.clone());
        let router = router.layer(Authorise::new(trust(&self.options))).add_routes(routes.routes());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.tasks.spawn(router.serve_with_incoming(TcpIncoming::from(listener)));

        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        let tls = ClientTlsConfig::new()
            .ca_certificate(authority.certificate())
            .domain_name(SERVER_NAME)
            .identity(authority.sign(&params));
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
        endpoint.connect().await.unwrap()
    }
}

/// A certificate authority for both sides.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_pem(&self.pem)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity::from_pem(params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}
