//! TLS for the TCP listener: the PEM files, proven to fit together, at start and whenever they change.
//!
//! ```text
//! files ─► Credentials ─► Keeper ──current──► handshakes ─► connections
//!   ▲                       │
//!   └── looks each second ──┘
//! ```
//!
//! Who a client is follows from its certificate, which is `lepton-manager`'s business; here it is only demanded.

use std::{fmt::Display, fs, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};

use crate::config::{Mistakes, TlsFiles};

mod handshakes;
mod keeper;
mod validity;

pub(crate) use handshakes::handshakes;
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

/// The bytes of the files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Vec<u8>,
}

impl Credentials {
    /// Reads the files.
    ///
    /// Errors: what is wrong with each of them, or how they do not fit together.
    pub fn load(files: &TlsFiles) -> Result<Self, Mistakes> {
        Self::of(&Contents::read(files)?, files)
    }

    fn of(contents: &Contents, files: &TlsFiles) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let chain = certificates("tls.cert", &files.cert, &contents.cert, &mut mistakes);
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|error| wrong("tls.key", &files.key, "private key", error, &mut mistakes));
        let client_ca = certificates("tls.client_ca", &files.client_ca, &contents.client_ca, &mut mistakes);
        let (Some(chain), Ok(key), Some(client_ca)) = (chain, key, client_ca) else { return Err(mistakes) };
        Self::fit(chain, key, client_ca).map_err(|error| {
            mistakes.add("tls", "tls", format_args!("cert, key and client_ca cannot be used: {error}"));
            mistakes
        })
    }

    fn fit(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        client_ca: Vec<CertificateDer<'static>>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let validity = Validity::of(&chain)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        client_ca.into_iter().try_for_each(|root| roots.add(root))?;
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)?;
        config.alpn_protocols.push(HTTP2.to_vec());
        // A resumed session asks for no certificate, so an expired one would be good for as long as its owner comes back.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), validity })
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let cert = read("tls.cert", &files.cert, &mut mistakes);
        let key = read("tls.key", &files.key, &mut mistakes);
        let client_ca = read("tls.client_ca", &files.client_ca, &mut mistakes);
        match (cert, key, client_ca) {
            (Some(cert), Some(key), Some(client_ca)) => Ok(Self { cert, key, client_ca }),
            _ => Err(mistakes),
        }
    }
}

fn read(key: &str, path: &Path, mistakes: &mut Mistakes) -> Option<Vec<u8>> {
    let bytes = fs::read(path);
    bytes
        .map_err(|error| mistakes.add(key, key, format_args!("cannot read {}: {error}", path.display())))
        .ok()
}

/// The certificates of a PEM file, one at least.
fn certificates(
    key: &str,
    path: &Path,
    pem: &[u8],
    mistakes: &mut Mistakes,
) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if certificates.is_empty() => {
            wrong(key, path, "certificate", "the file has none", mistakes);
            None
        }
        Ok(certificates) => Some(certificates),
        Err(error) => {
            wrong(key, path, "certificate", error, mistakes);
            None
        }
    }
}

fn wrong(key: &str, path: &Path, what: &str, error: impl Display, mistakes: &mut Mistakes) {
    mistakes.add(key, key, format_args!("cannot get a {what} (PEM) from {}: {error}", path.display()));
}

#[cfg(test)]
mod tests;
