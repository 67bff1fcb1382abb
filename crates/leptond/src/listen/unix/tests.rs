use std::os::unix::net::UnixListener as StdListener;

use tempfile::TempDir;

use super::*;

/// A socket to be made in a folder that is not there yet.
fn planned(folder: &TempDir) -> UnixListen {
    let path = folder.path().join("run/lepton.sock");
    UnixListen { path: path.to_str().unwrap().parse().unwrap(), mode: "0600".parse().unwrap(), group: None }
}

/// A file in place of the planned socket, made by `make`.
fn occupied<T>(unix: &UnixListen, make: impl FnOnce(&Path) -> io::Result<T>) -> T {
    make_folder(unix.path.as_path()).unwrap();
    make(unix.path.as_path()).unwrap()
}

#[tokio::test]
async fn the_file_has_its_mode_and_lives_as_long_as_the_socket() {
    let folder = TempDir::new().unwrap();
    let unix = planned(&folder);
    let path = unix.path.as_path();
    let socket = UnixSocket::bind(&unix).await.unwrap();

    let metadata = fs::metadata(path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    UnixStream::connect(path).await.unwrap();

    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_replaced() {
    let folder = TempDir::new().unwrap();
    let unix = planned(&folder);
    drop(occupied(&unix, |path| StdListener::bind(path)));

    let _socket = UnixSocket::bind(&unix).await.unwrap();
    UnixStream::connect(unix.path.as_path()).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_answers_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let unix = planned(&folder);
    let living = UnixSocket::bind(&unix).await.unwrap();

    assert!(matches!(UnixSocket::bind(&unix).await, Err(UnixSocketError::Answered)));
    UnixStream::connect(unix.path.as_path()).await.unwrap();
    drop(living);
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let unix = planned(&folder);
    occupied(&unix, |path| fs::write(path, "precious"));

    assert!(matches!(UnixSocket::bind(&unix).await, Err(UnixSocketError::NotASocket)));
    assert_eq!(fs::read_to_string(unix.path.as_path()).unwrap(), "precious");
}

#[tokio::test]
async fn a_successors_socket_is_not_removed() {
    let folder = TempDir::new().unwrap();
    let unix = planned(&folder);
    let UnixSocket { listener, file } = UnixSocket::bind(&unix).await.unwrap();
    drop(listener);
    let _successor = UnixSocket::bind(&unix).await.unwrap();

    drop(file);
    UnixStream::connect(unix.path.as_path()).await.unwrap();
}

#[tokio::test]
async fn an_unknown_group_is_named() {
    let folder = TempDir::new().unwrap();
    let unix = UnixListen { group: Some("no-such-group-here".parse().unwrap()), ..planned(&folder) };

    let error = UnixSocket::bind(&unix).await.unwrap_err().to_string();
    assert!(error.contains("no-such-group-here"), "{error}");
    assert!(!unix.path.as_path().exists());
}
