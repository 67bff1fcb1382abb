//! [`UnixSocket`]: a unix socket whose file appears with its mode and group, and disappears with it.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use nix::{
    libc::{O_NOFOLLOW, O_PATH},
    unistd::Group,
};
use tokio::net::{UnixListener, UnixSocket as Unbound, UnixStream};

use crate::config::{GroupName, Mistakes, UnixListen};

/// Connections that may wait to be accepted: what Linux allows by default (`net.core.somaxconn` is 4096 since 5.4, and
/// cuts more), generous for a loop that only accepts.
const BACKLOG: u32 = 1024;

/// Mode of the socket's folder if it must be made: its entries can be seen by all; the socket's own mode is the gate.
const FOLDER_MODE: u32 = 0o755;

/// A listening socket and its file.
#[derive(Debug)]
pub(super) struct UnixSocket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The file of a socket; removed when this is dropped, unless somebody has put another in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// The file itself, held so that its inode's number is given to no other while we compare by it.
    held: File,
}

/// Why a unix socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum UnixSocketError {
    /// Another process listens there.
    #[error("another process answers there (is leptond running already?)")]
    Answered,
    /// Something that is not a socket has the name; it is never removed.
    #[error("a file that is not a socket has this name")]
    NotASocket,
    /// The system has no such group.
    #[error("the group {0} does not exist; make it, or name another one as listen.unix_group")]
    UnknownGroup(GroupName),
    /// The system refused.
    #[error("cannot {doing}")]
    Refused {
        /// What it refused to do.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl UnixSocket {
    /// Makes the socket, its folder if it is missing, and the file's mode and group before anybody can connect: between
    /// bind(2) and listen(2) the kernel refuses every connection.
    pub(super) async fn bind(unix: &UnixListen) -> Result<Self, UnixSocketError> {
        let path = unix.path.as_path();
        let group = unix.group.as_ref().map(group_id).transpose()?;
        make_folder(path).map_err(refused("make the folder of the socket"))?;
        remove_stale(path).await?;

        let socket = Unbound::new_stream().map_err(refused("make a socket"))?;
        socket.bind(path).map_err(refused("bind the socket"))?;
        let file = SocketFile::of(path).map_err(refused("find the socket that was just bound"))?;
        chown(path, None, group).map_err(refused("set the group of the socket"))?;
        fs::set_permissions(path, Permissions::from_mode(unix.mode.bits()))
            .map_err(refused("set its mode"))?;
        let listener = socket.listen(BACKLOG).map_err(refused("listen on the socket"))?;
        Ok(Self { listener, file })
    }
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        // O_PATH: a handle of the name's file, which is all that open(2) gives of a socket.
        let held = File::options().read(true).custom_flags(O_PATH | O_NOFOLLOW).open(path)?;
        Ok(Self { path: path.to_owned(), held })
    }

    /// Whether the name still means our file.
    fn is_in_place(&self) -> io::Result<bool> {
        let (ours, found) = (self.held.metadata()?, fs::symlink_metadata(&self.path)?);
        Ok((ours.dev(), ours.ino()) == (found.dev(), found.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_in_place().unwrap_or(false)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

fn refused(doing: &'static str) -> impl Fn(io::Error) -> UnixSocketError {
    move |source| UnixSocketError::Refused { doing, source }
}

/// What is wrong with the name of a group: that the system has none of that name.
///
/// That its groups cannot be looked up is no mistake of the configuration's, and is told when the socket is made.
pub fn check_group(name: &GroupName, mistakes: &mut Mistakes) {
    if let Err(error @ UnixSocketError::UnknownGroup(_)) = group_id(name) {
        mistakes.add_to("listen.unix_group", error);
    }
}

fn group_id(name: &GroupName) -> Result<u32, UnixSocketError> {
    let group =
        Group::from_name(name.as_str()).map_err(|error| refused("look up its group")(error.into()))?;
    group.map(|group| group.gid.as_raw()).ok_or_else(|| UnixSocketError::UnknownGroup(name.clone()))
}

fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().expect("a SocketPath names a file in a folder");
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Removes a socket that nobody listens on any more, as one that was killed leaves behind.
async fn remove_stale(path: &Path) -> Result<(), UnixSocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused("look at what is there")(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(UnixSocketError::NotASocket),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        // A live listener whose backlog is full answers "would block".
        Ok(_) => Err(UnixSocketError::Answered),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(UnixSocketError::Answered),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing a socket that nobody listens on");
            fs::remove_file(path).map_err(refused("remove a socket that nobody listens on"))
        }
        Err(error) => Err(refused("find out whether somebody listens there")(error)),
    }
}

#[cfg(test)]
mod tests;
