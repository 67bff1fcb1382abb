//! Fits settings together that are right by themselves: the host's name, and where to listen with which files.

use std::net::SocketAddr;

use lepton_types::HostId;

use super::{
    Listen, Loopback, TcpListen, TlsFiles, TlsListen, UnixListen, layers::Values, schema::Settings,
    values::AbsolutePath,
};

/// The configured name of this host, or the system's.
pub(super) fn host(settings: &Settings, values: &mut Values, hostname: &str) -> Option<HostId> {
    if let Some(host) = &settings.host.0 {
        return Some(host.clone());
    }
    let host = hostname.parse();
    let way_out = "set `host` in the configuration file, LEPTON_HOST or --host";
    host.map_err(|error| {
        values.refuse(
            "host",
            format_args!("it is not set, and the system's host name is no id: {error}; {way_out}"),
        );
    })
    .ok()
}

/// Where to listen; with a mistake recorded when there is nowhere, or when other machines could call without TLS.
pub(super) fn listen(settings: &Settings, values: &mut Values) -> Option<Listen> {
    let tls = tls(settings, values);
    let tcp = match settings.listen_tcp.0 {
        None => None,
        Some(address) => Some(tcp(address.0, tls, settings, values)?),
    };
    let metrics = match settings.listen_metrics.0 {
        None => None,
        Some(address) => Some(metrics(address.0, values)?),
    };
    let unix = settings.listen_unix.0.clone().map(|path| UnixListen {
        path,
        mode: settings.listen_unix_mode,
        group: settings.listen_unix_group.0.clone(),
    });
    if unix.is_none() && tcp.is_none() {
        values.refuse("listen.tcp", "nobody could call: listen.unix and listen.tcp are both empty");
        return None;
    }
    Some(Listen { unix, tcp, metrics, max_connections: settings.max_connections.0 })
}

/// Metrics are told to whoever asks, so nobody else may reach them.
fn metrics(address: SocketAddr, values: &mut Values) -> Option<Loopback> {
    let loopback = Loopback::new(address);
    if loopback.is_none() {
        let problem = format_args!(
            "other machines can reach {address}, and metrics are told to whoever asks: listen on 127.0.0.1 or ::1"
        );
        values.refuse("listen.metrics", problem);
    }
    loopback
}

fn tcp(
    address: SocketAddr,
    tls: Option<TlsFiles>,
    settings: &Settings,
    values: &mut Values,
) -> Option<TcpListen> {
    match (tls, Loopback::new(address)) {
        (Some(files), _) => {
            let max_connection_age = settings.tls_max_connection_age.0;
            Some(TcpListen::Tls(TlsListen { address, files, max_connection_age }))
        }
        (None, Some(loopback)) => Some(TcpListen::Loopback(loopback)),
        (None, None) => {
            let is_told = ["tls.cert", "tls.key", "tls.client_ca"].map(|key| values.mistakes.mention(key));
            if !is_told.contains(&true) {
                values.refuse(
                    "listen.tcp",
                    format_args!(
                        "other machines can reach {address}, so callers must prove who they are: set tls.cert, tls.key \
                         and tls.client_ca, or listen on 127.0.0.1 or ::1"
                    ),
                );
            }
            None
        }
    }
}

/// The files for TLS: all or none.
fn tls(settings: &Settings, values: &mut Values) -> Option<TlsFiles> {
    let files = [
        ("tls.cert", &settings.tls_cert.0),
        ("tls.key", &settings.tls_key.0),
        ("tls.client_ca", &settings.tls_client_ca.0),
    ];
    if let [(_, Some(cert)), (_, Some(key)), (_, Some(client_ca))] = files {
        let [cert, key, client_ca] =
            [cert, key, client_ca].map(|path| AbsolutePath::into_path_buf(path.clone()));
        return Some(TlsFiles { cert, key, client_ca });
    }
    if let Some((given, _)) = files.iter().find(|(_, path)| path.is_some()) {
        // What asks for the missing files is where they are missing.
        let place = values.place(given).to_owned();
        for (missing, _) in files.iter().filter(|(_, path)| path.is_none()) {
            if !values.mistakes.mention(missing) {
                let problem = format_args!("it is needed with {given}: TLS takes all three files or none");
                values.mistakes.add(&place, missing, problem);
            }
        }
    }
    None
}
