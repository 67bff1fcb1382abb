//! [`Keeper`]: follows the files, so that certificates are renewed without a restart.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task,
    time::{self, MissedTickBehavior},
};
use tokio_rustls::rustls::ServerConfig;
use x509_parser::time::ASN1Time;

use super::{
    Contents, Credentials,
    validity::{Freshness, Validity},
};
use crate::config::{Mistakes, TlsFiles};

/// How often the files are looked at. What they hold is compared, not when they changed: that is right for files that
/// are replaced, written over, or behind a link that moves.
const LOOK: Duration = Duration::from_secs(1);

/// Holds the credentials in use, and replaces them when the files hold others.
pub(crate) struct Keeper {
    files: TlsFiles,
    /// What the files held at the last look, of use or not.
    seen: Contents,
    validity: Validity,
    told: Freshness,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Keeper {
    /// Reads the files for the first time.
    ///
    /// Errors: as [`Credentials::load`].
    pub(crate) fn load(files: TlsFiles) -> Result<Self, Mistakes> {
        let contents = Contents::of(&files);
        let Credentials { config, validity } = Credentials::of(contents.clone())?;
        tracing::info!(cert = %files.cert.display(), expires = %validity, "TLS certificate read");
        let (current, _) = watch::channel(config);
        let mut keeper = Self { files, seen: contents, validity, told: Freshness::Fresh, current };
        keeper.warn(ASN1Time::now());
        Ok(keeper)
    }

    /// What new connections are to use, now and later.
    pub(crate) fn current(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.current.subscribe()
    }

    /// Follows the files for ever.
    pub(crate) async fn keep(mut self) -> Infallible {
        let mut looks = time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let files = self.files.clone();
            // A read that was cut, by the end of the process, tells nothing.
            if let Ok(read) = task::spawn_blocking(move || Contents::of(&files)).await {
                self.look(read);
            }
            self.warn(ASN1Time::now());
        }
    }

    /// Takes what the files hold now, if that is new and of use.
    fn look(&mut self, read: Contents) {
        if read == self.seen {
            return;
        }
        self.seen = read.clone();
        match Credentials::of(read) {
            Ok(Credentials { config, validity }) => {
                tracing::info!(
                    cert = %self.files.cert.display(), expires = %validity,
                    "TLS files changed: new connections use them"
                );
                self.current.send_replace(config);
                (self.validity, self.told) = (validity, Freshness::Fresh);
            }
            Err(mistakes) => {
                let problem = mistakes.in_one_line();
                tracing::warn!(problem, "TLS files changed and cannot be used: the former ones stay in use");
            }
        }
    }

    /// Tells of an end that is near or past, once each.
    fn warn(&mut self, now: ASN1Time) {
        let freshness = self.validity.freshness(now);
        if freshness == self.told {
            return;
        }
        self.told = freshness;
        let (cert, expires) = (self.files.cert.display(), self.validity);
        match freshness {
            Freshness::Fresh => {}
            Freshness::Ageing => {
                tracing::warn!(%cert, %expires, "the TLS certificate expires soon: renew it");
            }
            Freshness::Expired => {
                tracing::error!(%cert, %expires, "the TLS certificate has expired: clients refuse it");
            }
        }
    }
}

impl std::fmt::Debug for Keeper {
    /// Without the private key.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Keeper").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        super::tests::{files, pair},
        *,
    };

    #[test]
    fn new_files_of_use_replace_the_former_and_others_do_not() {
        let ((cert, key), (new_cert, new_key)) = (pair(), pair());
        let (_folder, files) = files(&cert, &key, &cert);
        let mut keeper = Keeper::load(files.clone()).unwrap();
        let current = keeper.current();
        let mut look = || {
            let before = Arc::clone(&current.borrow());
            keeper.look(Contents::of(&files));
            !Arc::ptr_eq(&before, &current.borrow())
        };

        assert!(!look(), "nothing changed");
        // The key is written after the certificate: between the two they do not fit.
        fs::write(&files.cert, new_cert).unwrap();
        assert!(!look());
        fs::write(&files.key, new_key).unwrap();
        assert!(look());
        fs::remove_file(&files.client_ca).unwrap();
        assert!(!look());
        fs::write(&files.client_ca, cert).unwrap();
        assert!(look(), "the files are of use again");
    }

    #[test]
    fn the_private_key_is_in_no_debug_text() {
        let (cert, key) = pair();
        let (_folder, files) = files(&cert, &key, &cert);
        let text = format!("{:?}", Keeper::load(files).unwrap());
        assert!(text.contains("files") && !text.contains("seen"), "{text}");
    }
}
