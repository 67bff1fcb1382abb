//! Over TCP with TLS: who a caller is and what it may do, by its certificate.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use serde_json::Value;

use crate::{
    commands::{error, json, lepton},
    daemon::{Daemon, HOST, Place},
    follow::Following,
    words::{PROJECT, instance_id},
};

/// A certificate authority whose certificates lie in a place's folder.
struct Authority<'a> {
    issuer: Issuer<'static, KeyPair>,
    place: &'a Place,
}

impl<'a> Authority<'a> {
    fn new(place: &'a Place, name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(place.file(&format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), place }
    }

    /// Writes `name`.crt and `name`.key.
    fn sign(&self, name: &str, subject: SanType) {
        self.sign_until(name, subject, (2100, 1, 1));
    }

    /// Writes `name`.crt, which is valid until a day, and `name`.key.
    fn sign_until(&self, name: &str, subject: SanType, (year, month, day): (i32, u8, u8)) {
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = vec![subject];
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.place.file(&format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(self.place.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn sign_caller(&self, name: &str, uri: &str) {
        self.sign(name, SanType::URI(uri.try_into().unwrap()));
    }
}

/// Starts a daemon that listens with TLS on a free port; answers with its endpoint.
async fn start(place: &Place) -> (Daemon, String) {
    start_with(place, &[]).await
}

async fn start_with(place: &Place, more: &[(&str, &str)]) -> (Daemon, String) {
    let file = |name: &str| place.file(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (file("server.crt"), file("server.key"), file("ca.pem"));
    let settings = [
        ("listen.tcp", "127.0.0.1:0"),
        ("tls.cert", &cert),
        ("tls.key", &key),
        ("tls.client_ca", &ca),
        ("auth.trust_domain", "example.org"),
    ];
    let settings: Vec<_> = settings.iter().chain(more).copied().collect();
    let mut daemon = place.spawn(&settings);
    place.ready(&mut daemon).await;
    let addresses: Value =
        serde_json::from_slice(&fs::read(place.file("state/listen.json")).unwrap()).unwrap();
    (daemon, format!("https://{}", addresses["tcp"].as_str().unwrap()))
}

/// A command line of the caller with this certificate.
fn by(place: &Place, name: &str, line: &str) -> String {
    let file = |name: String| place.file(&name).display().to_string();
    let (ca, cert, key) = (file("ca.pem".into()), file(format!("{name}.crt")), file(format!("{name}.key")));
    format!("--ca {ca} --cert {cert} --key {key} --timeout 5s {line}")
}

#[tokio::test]
async fn a_certificate_says_who_calls_and_what_it_may_do() {
    // The place's own flag for listen.tcp must not stand beside the one with TLS.
    let place = Place::with_fake_host().without("listen.tcp");
    let authority = Authority::new(&place, "ca");
    authority.sign("server", SanType::IpAddress("127.0.0.1".parse().unwrap()));
    for role in ["admin", "reader"] {
        authority.sign_caller(role, &format!("spiffe://example.org/lepton/{role}/one"));
    }
    authority.sign_caller("compute", &format!("spiffe://example.org/lepton/compute/{HOST}"));
    authority.sign_caller("neighbour", "spiffe://example.org/lepton/compute/host-2");
    authority.sign_caller("elsewhere", "spiffe://example.com/lepton/admin/one");
    Authority::new(&place, "other-ca").sign_caller("stranger", "spiffe://example.org/lepton/admin/one");
    let (daemon, at) = start(&place).await;
    let by = |name: &str, line: &str| by(&place, name, line);
    let (create, list) = ("network create blue --cidr 10.1.0.0/24", "network list");
    let allocate = format!("instance allocate {} --project {PROJECT} --wait", instance_id(1));

    for name in ["reader", "compute"] {
        let refused = error(&at, &by(name, create), 1).await;
        assert_eq!(refused["reason"], "ROLE_NOT_ALLOWED");
        assert_eq!(refused["metadata"]["role"], name);
        assert_eq!(json(&at, &by(name, list)).await["networks"], Value::Array(Vec::new()));
    }
    json(&at, &by("admin", create)).await;
    assert_eq!(error(&at, &by("reader", &allocate), 1).await["reason"], "ROLE_NOT_ALLOWED");
    let elsewhere = error(&at, &by("neighbour", &format!("{allocate} --host {HOST}")), 1).await;
    assert_eq!(
        (&elsewhere["reason"], &elsewhere["metadata"]["host"]),
        (&"HOST_NOT_ALLOWED".into(), &HOST.into())
    );
    let info = json(&at, &by("compute", &allocate)).await;
    let deallocate = format!("instance deallocate {}", instance_id(1));
    assert_eq!(error(&at, &by("neighbour", &deallocate), 1).await["reason"], "HOST_NOT_ALLOWED");
    assert_eq!(json(&at, &by("reader", &format!("instance show {}", instance_id(1)))).await, info);

    assert_eq!(
        json(&at, &by("compute", &deallocate)).await["released_port_ids"].as_array().unwrap().len(),
        1
    );

    assert_eq!(error(&at, &by("elsewhere", list), 1).await["reason"], "UNAUTHENTICATED");
    // A certificate of another authority does not get through the handshake, nor does a caller without one.
    assert_eq!(lepton(&at, &by("stranger", list)).await.0, 3);
    let without = format!("--ca {} --timeout 5s {list}", place.file("ca.pem").display());
    assert_eq!(lepton(&at, &without).await.0, 3);
    daemon.stop().await;
}

#[tokio::test]
async fn a_certificate_is_renewed_without_a_restart() {
    let place = Place::with_fake_host().without("listen.tcp");
    let authority = Authority::new(&place, "ca");
    let here = || SanType::IpAddress("127.0.0.1".parse().unwrap());
    authority.sign_until("server", here(), (2020, 1, 1));
    authority.sign_caller("reader", "spiffe://example.org/lepton/reader/one");
    let (daemon, at) = start(&place).await;
    let list = by(&place, "reader", "network list");

    place.logged("the TLS certificate has expired").await;
    assert_eq!(lepton(&at, &list).await.0, 3, "clients do not believe it");
    authority.sign("server", here());
    place.logged("TLS files changed: new connections use them").await;
    assert_eq!(lepton(&at, &list).await.0, 0);
    // Half a renewal, or a mistake, does not cut anybody off.
    fs::write(place.file("server.crt"), "not a certificate").unwrap();
    place.logged("tls.cert: cannot get a certificate (PEM) from").await;
    assert_eq!(lepton(&at, &list).await.0, 0);
    daemon.stop().await;
}

/// Its connection would else last as long as it listens, with a certificate that nobody vouches for any more.
#[tokio::test]
async fn who_follows_must_prove_anew_who_it_is_when_its_connection_has_reached_its_age() {
    let place = Place::with_fake_host().without("listen.tcp");
    let authority = Authority::new(&place, "ca");
    authority.sign("server", SanType::IpAddress("127.0.0.1".parse().unwrap()));
    authority.sign_caller("admin", "spiffe://example.org/lepton/admin/one");
    fs::copy(place.file("ca.pem"), place.file("servers.pem")).unwrap();
    let settings = [("tls.max_connection_age", "1s"), ("log.level", "info,leptond=debug")];
    let (daemon, at) = start_with(&place, &settings).await;
    // Clients go on to believe the server, whoever it is that the server believes.
    let by = |line: &str| by(&place, "admin", line).replace("ca.pem", "servers.pem");
    let mut following = Following::start(&at, &by("event watch --after 0 --kind network."));
    json(&at, &by("network create blue")).await;
    assert_eq!(following.next().await["attributes"]["label"], "blue");

    let believed = fs::read(place.file("ca.pem")).unwrap();
    Authority::new(&place, "ca");
    place.logged("TLS files changed: new connections use them").await;
    // Nobody but the one that follows connects.
    place.logged("a TLS handshake failed").await;
    fs::write(place.file("ca.pem"), believed).unwrap();
    while lepton(&at, &by("network create green")).await.0 != 0 {}
    assert_eq!(following.next().await["attributes"]["label"], "green", "it goes on where it was");
    daemon.stop().await;
}
