//! The PEM files that the URL of a PostgreSQL server names. The driver reads them with each new connection, and does not say
//! which of them it cannot read.

use std::{fs, path::Path};

use lepton_store::{Database, postgres_url};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use url::Url;

use crate::config::{Mistakes, Named};

/// The setting that names them.
const SETTING: &str = "database.url";

/// Tells all that is wrong with the files that `database.url` names for TLS.
pub fn check(named: &Named<'_>, mistakes: &mut Mistakes) {
    let Some(Database::Postgres(url)) = named.database else { return };
    // One that is no URL is refused as such.
    let Ok(url) = Url::parse(&postgres_url(url)) else { return };
    let is_without = |mode: &str| matches!(mode, "disable" | "allow");
    let has_tls =
        !url.query_pairs().any(|(key, mode)| key.replace('-', "") == "sslmode" && is_without(&mode));
    for (key, value) in url.query_pairs().filter(|_| has_tls) {
        if let Err(problem) = check_parameter(&key, &value) {
            mistakes.add_to(SETTING, format_args!("{key}: {problem}"));
        }
    }
}

/// Whether the parameter's value is the PEM that the driver is going to need, inline or in a file.
fn check_parameter(key: &str, value: &str) -> Result<(), String> {
    let has_one: fn(&[u8]) -> bool = match key {
        "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" => {
            |pem| CertificateDer::from_pem_slice(pem).is_ok()
        }
        "sslkey" | "ssl-key" => |pem| PrivateKeyDer::from_pem_slice(pem).is_ok(),
        _ => return Ok(()),
    };
    if value.trim().starts_with("-----BEGIN") {
        return if has_one(value.as_bytes()) {
            Ok(())
        } else {
            Err("this is no PEM of what it should be".into())
        };
    }
    if !Path::new(value).is_absolute() {
        return Err(format!("the path {value} is not absolute"));
    }
    let pem = fs::read(value).map_err(|error| format!("cannot read {value}: {error}"))?;
    if has_one(&pem) { Ok(()) } else { Err(format!("{value} holds no PEM of what it should")) }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn mistakes_of(parameters: &str) -> Mistakes {
        let database = Database::Postgres(format!("postgres://lepton:secret@db/lepton?{parameters}"));
        let named = Named { database: Some(&database), ..Named::default() };
        let mut mistakes = Mistakes::default();
        check(&named, &mut mistakes);
        mistakes
    }

    #[test]
    fn files_for_tls_that_cannot_be_used_are_named() {
        let folder = TempDir::new().unwrap();
        let (missing, empty) = (folder.path().join("ca.pem"), folder.path().join("empty.pem"));
        fs::write(&empty, "").unwrap();
        let (missing, empty) = (missing.display(), empty.display());
        for (parameters, problem) in [
            (
                format!("sslmode=verify-full&sslrootcert={missing}"),
                format!("sslrootcert: cannot read {missing}: No such"),
            ),
            (format!("ssl-ca={empty}"), format!("ssl-ca: {empty} holds no PEM")),
            (format!("sslkey={empty}"), format!("sslkey: {empty} holds no PEM")),
            ("sslcert=client.pem".to_owned(), "sslcert: the path client.pem is not absolute".to_owned()),
            ("sslkey=-----BEGIN%20PRIVATE-----".to_owned(), "sslkey: this is no PEM".to_owned()),
        ] {
            let mistakes = mistakes_of(&parameters).to_string();
            assert!(mistakes.contains("database.url") && mistakes.contains(&problem), "{mistakes}");
            assert!(!mistakes.contains("secret"), "{mistakes}");
        }
    }

    #[test]
    fn what_is_not_going_to_be_read_does_not_matter() {
        for parameters in [
            "sslmode=disable&sslrootcert=/no/such.pem",
            "ssl-mode=allow&sslkey=/no/such.pem",
            "application_name=lepton",
            "",
        ] {
            assert_eq!(mistakes_of(parameters), Mistakes::default(), "{parameters}");
        }
    }

    #[test]
    fn files_that_hold_what_they_should_are_right() {
        let folder = TempDir::new().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["db".to_owned()]).unwrap();
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let (cert, key) = (cert.display(), key.display());
        let parameters = format!("sslmode=verify-full&sslrootcert={cert}&sslcert={cert}&sslkey={key}");
        assert_eq!(mistakes_of(&parameters), Mistakes::default());
    }
}
