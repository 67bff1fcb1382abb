//! [`LossyPostgres`]: the way to a server, on which the answer to a commit can be lost.
//!
//! ```text
//!  client ──TCP──▶ LossyPostgres ──unix socket──▶ postgres
//!         ◀── ✂ ──               ◀── COMMIT ────
//! ```

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::{PORT, PrivatePostgres, SUPERUSER};

/// What the server says when it has committed: a `CommandComplete` with this tag (PostgreSQL's manual, "Message Formats").
const COMMITTED: &[u8] = b"COMMIT\0";

/// A way to a server on which the answer to a commit can be lost: it is carried out, and the connection breaks before
/// the client hears of it.
#[derive(Debug)]
pub struct LossyPostgres {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: PathBuf,
    is_over: AtomicBool,
    loses_next: AtomicBool,
    lost: AtomicUsize,
}

impl LossyPostgres {
    /// Opens a way to `server`.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn to(server: &PrivatePostgres) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server: server.directory().join(format!(".s.PGSQL.{PORT}")),
            is_over: AtomicBool::new(false),
            loses_next: AtomicBool::new(false),
            lost: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || serving.serve(&listener));
        Ok(Self { address, shared })
    }

    /// A database of the server's, this way.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@{}/{database}?sslmode=disable", self.address)
    }

    /// Loses the answer to the next commit.
    pub fn lose_next_commit(&self) {
        self.shared.loses_next.store(true, Ordering::SeqCst);
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

impl Drop for LossyPostgres {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes whoever waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            // A connection that cannot be made is one that breaks.
            drop(client.and_then(|client| self.join(&client)));
        }
    }

    /// Carries what a client and the server say to each other, until one of them hangs up.
    fn join(self: &Arc<Self>, client: &TcpStream) -> io::Result<()> {
        let server = UnixStream::connect(&self.server)?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let (shared, to_client) = (Arc::clone(self), client.try_clone()?);
        thread::spawn(move || {
            let _ = shared.carry_answers(&server, &to_client);
            let _ = (server.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
        });
        Ok(())
    }

    /// Carries the server's messages one by one, each a type and a length that counts itself, up to one that is to be lost.
    fn carry_answers(&self, mut server: impl Read, mut client: impl Write) -> io::Result<()> {
        loop {
            let mut head = [0; 5];
            server.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let body = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
            let mut message = head.to_vec();
            server.by_ref().take(body).read_to_end(&mut message)?;
            let is_committed = kind == b'C' && message[head.len()..] == *COMMITTED;
            if is_committed && self.loses_next.swap(false, Ordering::SeqCst) {
                self.lost.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            client.write_all(&message)?;
        }
    }
}
