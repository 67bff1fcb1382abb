use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, SanType};

use super::*;

/// A self-signed certificate (DER) with these URIs among its subject alternative names, and always a DNS name.
fn certificate(uris: &[&str]) -> Vec<u8> {
    let mut params = CertificateParams::new(["compute.example.org".to_owned()]).unwrap();
    params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn the_id_gives_role_and_name() {
    for role in Role::ALL {
        let id = format!("spiffe://example.org/lepton/{role}/host-1.rack_2");
        let caller = caller(&certificate(&[&id]), None).unwrap();
        assert_eq!((caller.name(), caller.role()), (&*id, role));
        let host = matches!(role, Role::Compute | Role::Agent).then_some("host-1.rack_2");
        assert_eq!(caller.host().map(|host| host.as_str()), host);
        let project = (role == Role::Member).then_some("host-1.rack_2");
        assert_eq!(caller.scope().project().map(|project| project.as_str()), project);
    }
}

#[test]
fn other_uris_do_not_matter() {
    let der = certificate(&["https://example.org/a", "spiffe://example.org/lepton/reader/dashboard"]);
    assert_eq!(caller(&der, None).unwrap().role(), Role::Reader);
}

#[test]
fn exactly_one_id_is_needed() {
    assert_eq!(caller(&certificate(&[]), None), Err(CertificateError::NotOneId(0)));
    assert_eq!(caller(&certificate(&["https://example.org"]), None), Err(CertificateError::NotOneId(0)));
    let two = ["spiffe://example.org/lepton/reader/a", "SPIFFE://example.org/lepton/admin/a"];
    assert_eq!(caller(&certificate(&two), None), Err(CertificateError::NotOneId(2)));
}

#[test]
fn a_certificate_without_alternative_names_names_nobody() {
    let params = CertificateParams::new([]).unwrap();
    let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    assert_eq!(caller(&der, None), Err(CertificateError::NotOneId(0)));
}

#[test]
fn ids_of_another_form_name_nobody() {
    let too_long = format!("spiffe://example.org/lepton/admin/{}", "a".repeat(ID_MAX));
    for id in [
        "spiffe://example.org",
        "spiffe://example.org/lepton/admin",
        "spiffe://example.org/lepton/admin/",
        "spiffe://example.org/lepton/admin/a/b",
        "spiffe://example.org/lepton/admin/..",
        "spiffe://example.org/lepton/admin/a%2fb",
        "spiffe://example.org/lepton/admin/a?b",
        "spiffe://example.org/other/admin/a",
        "spiffe://Example.org/lepton/admin/a",
        "spiffe://example.org:443/lepton/admin/a",
        "spiffe:///lepton/admin/a",
        "SPIFFE://example.org/lepton/admin/a",
        &too_long,
    ] {
        assert_eq!(caller(&certificate(&[id]), None), Err(CertificateError::NotACaller(Shown::new(id))));
    }
}

#[test]
fn unknown_roles_are_refused() {
    for role in ["root", "Admin", "admins"] {
        let id = format!("spiffe://example.org/lepton/{role}/a");
        assert_eq!(caller(&certificate(&[&id]), None), Err(CertificateError::UnknownRole(id)));
    }
}

#[test]
fn the_trust_domain_is_compared_when_there_is_one() {
    let id = "spiffe://example.org/lepton/admin/a";
    let (ours, other) = ("example.org".parse().unwrap(), TrustDomain("example.com".into()));
    assert!(caller(&certificate(&[id]), Some(&ours)).is_ok());
    assert_eq!(
        caller(&certificate(&[id]), Some(&other)),
        Err(CertificateError::ForeignTrustDomain { id: id.to_owned(), expected: other })
    );
}

proptest! {
    #[test]
    fn a_trust_domain_round_trips(text in "[a-z0-9._-]{1,255}") {
        let domain: TrustDomain = text.parse().unwrap();
        prop_assert_eq!(domain.to_string(), text);
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused(bytes in any::<Vec<u8>>()) {
        prop_assert!(matches!(caller(&bytes, None), Err(CertificateError::Unreadable(_))));
    }
}
