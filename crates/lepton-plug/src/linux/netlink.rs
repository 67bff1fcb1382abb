//! [`Netlink`]: the connection to the kernel's link tables, on a thread of its own.
//!
//! A netlink request is carried out inside the `sendmsg` that sends it: a deletion takes 16 ms, for it waits for an RCU
//! grace period, and any change waits for whoever else holds the kernel's link lock. So the sockets live on a thread
//! (with a runtime of its own to pipeline requests on), and the async runtime of the program never blocks on them.

use std::{io, sync::mpsc, thread};

use futures_util::{FutureExt, StreamExt};
use rtnetlink::{
    Handle, MulticastGroup, new_connection, new_multicast_connection,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{RouteNetlinkMessage, link::LinkMessage},
    proto::Connection,
    sys::{AsyncSocket, SocketAddr},
};
use tokio::{runtime::Runtime, sync::oneshot};

/// What the kernel says of its own accord.
type Messages = futures_channel::mpsc::UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>;

/// The connection to the kernel's link tables; its thread ends when this is dropped.
pub(super) struct Netlink {
    /// Sends requests.
    pub(super) handle: Handle,
    messages: Messages,
    /// Ends the thread by being dropped.
    _stop: oneshot::Sender<()>,
}

/// Something that happened to a link.
pub(super) enum Event {
    /// A link was made, changed or deleted.
    Changed(LinkMessage),
    /// Events were lost: anything may have changed.
    Lost,
}

/// What the thread hands out once its sockets are open.
struct Sockets {
    handle: Handle,
    messages: Messages,
    requests: Connection<RouteNetlinkMessage>,
    multicast: Connection<RouteNetlinkMessage>,
}

impl Netlink {
    /// Opens the sockets, in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (sender, opened) = mpsc::sync_channel(1);
        thread::Builder::new().name("netlink".to_owned()).spawn(move || serve(&sender, stopped))?;
        let (handle, messages) = opened.recv().map_err(|_| io::Error::other("the netlink thread died"))??;
        Ok(Self { handle, messages, _stop: stop })
    }

    /// The next event; pending for ever once the connection is gone, since then there are no more hints to give.
    pub(super) async fn event(&mut self) -> Event {
        loop {
            match self.messages.next().await {
                Some((message, _)) => {
                    if let Some(event) = event(message) {
                        return event;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// The next event, if it has happened already.
    pub(super) fn event_now(&mut self) -> Option<Event> {
        self.event().now_or_never()
    }
}

/// The thread: opens the sockets, then runs them until the other half of `stopped` is dropped.
fn serve(opened: &mpsc::SyncSender<io::Result<(Handle, Messages)>>, stopped: oneshot::Receiver<()>) {
    let (runtime, sockets) = match open() {
        Ok(opened) => opened,
        Err(error) => return drop(opened.send(Err(error))),
    };
    let Sockets { handle, messages, requests, multicast } = sockets;
    if opened.send(Ok((handle, messages))).is_err() {
        return;
    }
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            ((), ()) = futures_util::future::join(requests, multicast) => tracing::error!("the netlink sockets closed"),
        }
    });
}

fn open() -> io::Result<(Runtime, Sockets)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let (mut requests, handle, _) = new_connection()?;
    // The error's own words, after the request's header without its body.
    requests.socket_mut().socket_mut().set_ext_ack(true)?;
    requests.socket_mut().socket_mut().set_cap_ack(true)?;
    // A socket of its own, so that a burst of events cannot push an answer out of the receive buffer.
    let (multicast, _, messages) = new_multicast_connection(&[MulticastGroup::Link])?;
    drop(entered);
    Ok((runtime, Sockets { handle, messages, requests, multicast }))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's list of messages is open")]
fn event(message: NetlinkMessage<RouteNetlinkMessage>) -> Option<Event> {
    match message.payload {
        NetlinkPayload::InnerMessage(
            RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link),
        ) => Some(Event::Changed(link)),
        NetlinkPayload::Overrun(_) => Some(Event::Lost),
        _ => None, // what else a socket can say is of no concern
    }
}
