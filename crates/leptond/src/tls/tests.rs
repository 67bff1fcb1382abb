use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

/// Files with these contents, in a folder that lives as long as the first of the pair.
pub(super) fn files(cert: &str, key: &str, client_ca: &str) -> (TempDir, TlsFiles) {
    let folder = TempDir::new().unwrap();
    let [cert, key, client_ca] = [("cert", cert), ("key", key), ("ca", client_ca)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    });
    (folder, TlsFiles { cert, key, client_ca })
}

/// A certificate, which signs itself, and its key.
pub(super) fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (CertificateParams::new([]).unwrap().self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn mistakes(cert: &str, key: &str, client_ca: &str) -> String {
    let (_folder, files) = files(cert, key, client_ca);
    Credentials::load(&files).unwrap_err().to_string()
}

#[test]
fn files_that_fit_are_taken() {
    let (cert, key) = pair();
    let (_folder, files) = files(&cert, &key, &cert);
    assert!(Credentials::load(&files).is_ok());
}

#[test]
fn no_session_is_resumed_since_a_resumed_one_asks_for_no_certificate() {
    let (cert, key) = pair();
    let (_folder, files) = files(&cert, &key, &cert);
    let Credentials { config, .. } = Credentials::load(&files).unwrap();
    assert_eq!(config.send_tls13_tickets, 0);
    assert!(!config.session_storage.can_cache());
    assert!(!config.ticketer.enabled());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ((cert, _), (_, other_key)) = (pair(), pair());
    let mistakes = mistakes(&cert, &other_key, &cert);
    assert!(mistakes.contains("tls.key: it cannot be used with tls.cert: "), "{mistakes}");
}

#[test]
fn a_file_without_what_it_should_hold_is_named() {
    let (cert, key) = pair();
    let broken = cert.replace("\nM", "\n*");
    for (cert, key, client_ca, expected) in [
        ("", &*key, &*cert, "tls.cert: cannot get a certificate (PEM) from /"),
        (&broken, &key, &cert, "tls.cert: cannot get a certificate (PEM) from /"),
        (&cert, "", &cert, "tls.key: cannot get a private key (PEM) from /"),
        (&cert, &key, "", "tls.client_ca: cannot get a certificate (PEM) from /"),
        (&key, &cert, &cert, "tls.key: cannot get a private key (PEM) from /"),
    ] {
        let mistakes = mistakes(cert, key, client_ca);
        assert!(mistakes.contains(expected), "{mistakes}");
    }
}

#[test]
fn a_file_that_cannot_be_read_hides_no_mistake_in_another() {
    let (cert, key) = pair();
    let (_folder, files) = files(&cert, &key, "");
    let files = TlsFiles { key: "/nonexistent/key".into(), ..files };
    let mistakes = Credentials::load(&files).unwrap_err().to_string();
    for told in ["tls.key: cannot read /nonexistent/key: ", "tls.client_ca: cannot get a certificate (PEM)"] {
        assert!(mistakes.contains(told), "{mistakes}");
    }
}

#[test]
fn every_file_that_cannot_be_read_is_told() {
    let nowhere = |name: &str| Path::new("/nonexistent").join(name);
    let files = TlsFiles { cert: nowhere("cert"), key: nowhere("key"), client_ca: nowhere("ca") };
    let mistakes = Credentials::load(&files).unwrap_err().to_string();
    for (key, path) in [("tls.cert", "cert"), ("tls.key", "key"), ("tls.client_ca", "ca")] {
        assert!(mistakes.contains(&format!("{key}: cannot read /nonexistent/{path}: ")), "{mistakes}");
    }
}
