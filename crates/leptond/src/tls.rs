//! TLS for the TCP listener: the PEM files, proven to fit together, at start and whenever they change.
//!
//! ```text
//! files ─► Credentials ─► Keeper ──current──► Handshakes ─► connections
//!   ▲                       │
//!   └── looks each second ──┘
//! ```
//!
//! Who a client is follows from its certificate, which is `lepton-manager`'s business; here it is only demanded.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use crate::config::{Mistakes, Named, TlsFiles};

mod handshakes;
mod keeper;
mod validity;

pub(crate) use handshakes::Handshakes;
pub(crate) use keeper::Keeper;

use validity::Validity;

/// The only protocol that is spoken inside: HTTP/2, by its name in ALPN (RFC 9113 §3.2).
const HTTP2: &[u8] = b"h2";

/// What a server needs to prove who it is and to demand a certificate of every client.
#[derive(Debug)]
pub struct Credentials {
    config: Arc<ServerConfig>,
    validity: Validity,
}

/// What the files hold that could be read.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    cert: Option<Content>,
    key: Option<Content>,
    client_ca: Option<Content>,
    /// What is wrong with the others.
    unread: Mistakes,
}

/// A file and its bytes.
#[derive(Clone, PartialEq, Eq)]
struct Content {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// All that is wrong with the files that a configuration names, also when it does not name every one.
pub fn mistakes_in(named: &Named<'_>) -> Mistakes {
    let contents = Contents::read(named.tls_cert, named.tls_key, named.tls_client_ca);
    let mut mistakes = Mistakes::default();
    Credentials::try_of(contents, &mut mistakes);
    mistakes
}

impl Credentials {
    /// Reads the files.
    ///
    /// Errors: what is wrong with each of them, or how they do not fit together.
    pub fn load(files: &TlsFiles) -> Result<Self, Mistakes> {
        Self::of(Contents::of(files))
    }

    fn of(contents: Contents) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        Self::try_of(contents, &mut mistakes).ok_or(mistakes)
    }

    /// The credentials, or nothing and why.
    fn try_of(contents: Contents, mistakes: &mut Mistakes) -> Option<Self> {
        let Contents { cert, key, client_ca, unread } = contents;
        mistakes.append(unread);
        let chain = cert.and_then(|cert| chain(&cert, mistakes));
        let key = key.and_then(|key| {
            let parsed = PrivateKeyDer::from_pem_slice(&key.bytes);
            parsed.map_err(|error| wrong("tls.key", &key.path, "private key", error, mistakes)).ok()
        });
        let clients = client_ca.and_then(|client_ca| clients(&client_ca, mistakes));
        let ((chain, validity), key, clients) = (chain?, key?, clients?);
        let fitted = Self::fit(chain, key, clients);
        let config = fitted.map_err(|error| {
            mistakes.add_to("tls.key", format_args!("it cannot be used with tls.cert: {error}"));
        });
        Some(Self { config: Arc::new(config.ok()?), validity })
    }

    fn fit(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)?;
        config.alpn_protocols.push(HTTP2.to_vec());
        // A resumed session asks for no certificate, so an expired one would be good for as long as its owner comes back.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

impl Contents {
    fn of(files: &TlsFiles) -> Self {
        Self::read(Some(&files.cert), Some(&files.key), Some(&files.client_ca))
    }

    fn read(cert: Option<&Path>, key: Option<&Path>, client_ca: Option<&Path>) -> Self {
        let mut unread = Mistakes::default();
        let mut read = |setting: &str, path: Option<&Path>| {
            let path = path?.to_owned();
            match fs::read(&path) {
                Ok(bytes) => Some(Content { path, bytes }),
                Err(error) => {
                    unread.add_to(setting, format_args!("cannot read {}: {error}", path.display()));
                    None
                }
            }
        };
        let (cert, key, client_ca) =
            (read("tls.cert", cert), read("tls.key", key), read("tls.client_ca", client_ca));
        Self { cert, key, client_ca, unread }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The server's certificates, and when they are valid.
fn chain(cert: &Content, mistakes: &mut Mistakes) -> Option<(Vec<CertificateDer<'static>>, Validity)> {
    let chain = certificates("tls.cert", cert, mistakes)?;
    match Validity::of(&chain) {
        Ok(validity) => Some((chain, validity)),
        Err(error) => {
            wrong("tls.cert", &cert.path, "certificate", error, mistakes);
            None
        }
    }
}

/// Who demands certificates of the clients that these authorities have signed.
fn clients(client_ca: &Content, mistakes: &mut Mistakes) -> Option<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    let certificates = certificates("tls.client_ca", client_ca, mistakes)?;
    let added = certificates.into_iter().try_for_each(|root| roots.add(root));
    let verifier = added.map_err(|error| error.to_string()).and_then(|()| {
        let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        builder.build().map_err(|error| error.to_string())
    });
    verifier.map_err(|error| wrong("tls.client_ca", &client_ca.path, "certificate", error, mistakes)).ok()
}

/// The certificates of a PEM file, one at least.
fn certificates(
    setting: &str,
    file: &Content,
    mistakes: &mut Mistakes,
) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(&file.bytes).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if certificates.is_empty() => {
            wrong(setting, &file.path, "certificate", "the file has none", mistakes);
            None
        }
        Ok(certificates) => Some(certificates),
        Err(error) => {
            wrong(setting, &file.path, "certificate", error, mistakes);
            None
        }
    }
}

fn wrong(setting: &str, path: &Path, what: &str, error: impl Display, mistakes: &mut Mistakes) {
    mistakes.add_to(setting, format_args!("cannot get a {what} (PEM) from {}: {error}", path.display()));
}

#[cfg(test)]
mod tests;
