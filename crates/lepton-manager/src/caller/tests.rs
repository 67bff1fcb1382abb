use tokio::net::UnixStream;
use tonic::transport::server::Connected;

use super::*;

/// Not root and not the user of any machine that runs this test: the highest uid that may be somebody's.
const STRANGER: u32 = u32::MAX - 2;

fn trust() -> Trust {
    Trust {
        daemon_uid: STRANGER,
        unix_role: None,
        loopback_role: None,
        binds_hosts: true,
        trust_domain: None,
    }
}

fn extensions(connection: impl Clone + Send + Sync + 'static) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(connection);
    extensions
}

/// The connection of a peer that runs as the user of this test, and that user.
fn unix_peer() -> (http::Extensions, u32) {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let info = ours.connect_info();
    let uid = info.peer_cred.unwrap().uid();
    (extensions(info), uid)
}

fn tcp_peer(address: &str) -> http::Extensions {
    extensions(TcpConnectInfo { local_addr: None, remote_addr: Some(address.parse().unwrap()) })
}

#[test]
fn a_role_round_trips() {
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    assert!("Admin".parse::<Role>().is_err());
}

#[tokio::test]
async fn the_daemons_own_user_is_an_admin_over_the_unix_socket() {
    let (peer, uid) = unix_peer();
    let caller = Trust { daemon_uid: uid, ..trust() }.identify(&peer).unwrap();
    assert_eq!((caller.name(), caller.role()), (&*format!("unix:{uid}"), Role::Admin));
}

#[tokio::test]
async fn other_users_have_the_configured_role_or_none() {
    let (peer, uid) = unix_peer();
    let stranger = trust().identify(&peer);
    let reader = Trust { unix_role: Some(Role::Reader), ..trust() }.identify(&peer).unwrap();
    if uid == ROOT {
        assert_eq!(
            (stranger.unwrap().role(), reader.role()),
            (Role::Admin, Role::Admin),
            "root is always admin"
        );
    } else {
        assert!(matches!(stranger, Err(Unidentified::UserWithoutRole(refused)) if refused == uid));
        assert_eq!(reader.role(), Role::Reader);
    }
}

#[test]
fn a_unix_peer_without_credentials_is_nobody() {
    let peer = extensions(UdsConnectInfo { peer_addr: None, peer_cred: None });
    assert!(matches!(trust().identify(&peer), Err(Unidentified::NoPeerCredentials)));
}

#[test]
fn loopback_has_the_configured_role_or_none() {
    let trusting = Trust { loopback_role: Some(Role::Compute), ..trust() };
    for address in ["127.0.0.1:9", "127.9.9.9:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
        let caller = trusting.identify(&tcp_peer(address)).unwrap();
        assert_eq!((caller.name(), caller.role()), ("loopback", Role::Compute));
        assert!(matches!(trust().identify(&tcp_peer(address)), Err(Unidentified::LoopbackWithoutRole)));
    }
}

#[test]
fn plain_tcp_from_elsewhere_is_nobody_whatever_is_configured() {
    let trusting = Trust { loopback_role: Some(Role::Admin), ..trust() };
    for address in ["192.0.2.1:9", "[2001:db8::1]:9", "[::ffff:192.0.2.1]:9", "0.0.0.0:9"] {
        assert!(matches!(trusting.identify(&tcp_peer(address)), Err(Unidentified::NotLoopback(Some(_)))));
    }
    let nowhere = extensions(TcpConnectInfo { local_addr: None, remote_addr: None });
    assert!(matches!(trusting.identify(&nowhere), Err(Unidentified::NotLoopback(None))));
}

#[test]
fn a_connection_of_an_unknown_kind_is_nobody() {
    assert!(matches!(trust().identify(&http::Extensions::new()), Err(Unidentified::UnknownTransport)));
}
