//! How many files the process may have open at once, of which each connection is one.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use crate::{
    config::{Listen, TcpListen},
    tls::Handshakes,
};

/// Files beside the connections: the ledger, the kernel's sockets, a tap for each port that is being made, `nft`.
const OTHERS: rlim_t = 512;

/// Raises the process's limit to what it is allowed, and warns where connections need more.
pub(crate) fn make_room(listen: &Listen) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let allowed = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    let needed = needed(listen);
    if allowed < needed {
        tracing::warn!(
            allowed,
            needed,
            "not as many files may be open as listen.max_connections asks for: further connections would fail, and so would \
             what leptond opens itself; raise LimitNOFILE of the service, or lower listen.max_connections"
        );
    }
}

/// Files that are open when there are as many connections as there may be.
fn needed(listen: &Listen) -> rlim_t {
    let faces = u32::from(listen.unix.is_some()) + u32::from(listen.tcp.is_some());
    let handshakes = if matches!(listen.tcp, Some(TcpListen::Tls(_))) { Handshakes::MOST } else { 0 };
    let count = |number: usize| rlim_t::try_from(number).unwrap_or(rlim_t::MAX);
    let connections = count(listen.max_connections.get()).saturating_mul(faces.into());
    connections.saturating_add(count(handshakes)).saturating_add(OTHERS)
}
