//! TLS for the TCP listener: the PEM files, read once at start and proven to fit together.

use std::{error::Error, fs, path::Path, time::Duration};

use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::config::{Mistakes, TlsFiles};

/// How long a client may take for its handshake; far above what a slow link takes, so only the idle are cut.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the files for a server that demands a certificate of every client.
///
/// Errors: what is wrong with each of the files, or how they do not fit together.
pub fn load(files: &TlsFiles) -> Result<ServerTlsConfig, Mistakes> {
    let mut mistakes = Mistakes::default();
    let cert = read("tls.cert", &files.cert, &mut mistakes);
    let key = read("tls.key", &files.key, &mut mistakes);
    let client_ca = read("tls.client_ca", &files.client_ca, &mut mistakes);
    let (Some(cert), Some(key), Some(client_ca)) = (cert, key, client_ca) else {
        return Err(mistakes);
    };
    let config = ServerTlsConfig::new()
        .identity(Identity::from_pem(cert, key))
        .client_ca_root(Certificate::from_pem(client_ca))
        .timeout(HANDSHAKE_TIMEOUT);
    match Server::builder().tls_config(config.clone()) {
        Ok(_) => Ok(config),
        Err(error) => {
            mistakes.add(
                "tls",
                "tls",
                format_args!("cert, key and client_ca cannot be used: {}", innermost(&error)),
            );
            Err(mistakes)
        }
    }
}

fn read(key: &str, path: &Path, mistakes: &mut Mistakes) -> Option<Vec<u8>> {
    let bytes = fs::read(path);
    bytes
        .map_err(|error| mistakes.add(key, key, format_args!("cannot read {}: {error}", path.display())))
        .ok()
}

/// The cause that says what is wrong; what is around it says only that something is.
fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::*;

    /// Files with these contents, in a folder that lives as long as the first of the pair.
    fn files(cert: &str, key: &str, client_ca: &str) -> (TempDir, TlsFiles) {
        let folder = TempDir::new().unwrap();
        let [cert, key, client_ca] = [("cert", cert), ("key", key), ("ca", client_ca)].map(|(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        });
        (folder, TlsFiles { cert, key, client_ca })
    }

    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([]).unwrap().self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn mistakes(cert: &str, key: &str, client_ca: &str) -> String {
        let (_folder, files) = files(cert, key, client_ca);
        load(&files).unwrap_err().to_string()
    }

    #[test]
    fn files_that_fit_are_taken() {
        let (cert, key) = pair();
        let (_folder, files) = files(&cert, &key, &cert);
        assert!(load(&files).is_ok());
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let ((cert, key), (_, other_key)) = (pair(), pair());
        for (cert, key, client_ca) in [
            (&*cert, &*other_key, &*cert),
            ("", &key, &cert),
            (&cert, "", &cert),
            (&cert, &key, ""),
            (&key, &cert, &cert),
        ] {
            let mistakes = mistakes(cert, key, client_ca);
            assert!(mistakes.contains("tls: cert, key and client_ca cannot be used: "), "{mistakes}");
        }
    }

    #[test]
    fn every_file_that_cannot_be_read_is_told() {
        let nowhere = |name: &str| Path::new("/nonexistent").join(name);
        let files = TlsFiles { cert: nowhere("cert"), key: nowhere("key"), client_ca: nowhere("ca") };
        let mistakes = load(&files).unwrap_err().to_string();
        for (key, path) in [("tls.cert", "cert"), ("tls.key", "key"), ("tls.client_ca", "ca")] {
            assert!(mistakes.contains(&format!("{key}: cannot read /nonexistent/{path}: ")), "{mistakes}");
        }
    }
}
