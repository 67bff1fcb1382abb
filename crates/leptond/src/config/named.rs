//! [`Named`]: what a configuration names that must be there, for whoever looks at the machine.

use std::path::Path;

use lepton_store::Database;

use super::{GroupName, schema::Settings, values::AbsolutePath};

/// What a configuration names outside itself and is going to use; also one that has mistakes, as far as it could be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// `listen.unix_group`, where there is a unix socket.
    pub unix_group: Option<&'a GroupName>,
    /// `tls.cert`, where there is a TCP address, as for the other two.
    pub tls_cert: Option<&'a Path>,
    /// `tls.key`.
    pub tls_key: Option<&'a Path>,
    /// `tls.client_ca`.
    pub tls_client_ca: Option<&'a Path>,
    /// `database.url`, if it is set.
    pub database: Option<&'a Database>,
}

impl<'a> Named<'a> {
    pub(super) fn of(settings: &'a Settings) -> Self {
        let has_tcp = settings.listen_tcp.0.is_some();
        let file =
            |path: &'a Option<AbsolutePath>| path.as_ref().filter(|_| has_tcp).map(AbsolutePath::as_path);
        Self {
            unix_group: settings.listen_unix_group.0.as_ref().filter(|_| settings.listen_unix.0.is_some()),
            tls_cert: file(&settings.tls_cert.0),
            tls_key: file(&settings.tls_key.0),
            tls_client_ca: file(&settings.tls_client_ca.0),
            database: settings.database_url.0.as_ref().map(|url| &url.0),
        }
    }
}
