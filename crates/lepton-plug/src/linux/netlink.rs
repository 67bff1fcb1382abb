//! [`Netlink`]: the connection to the kernel's link tables, on a thread of its own.
//!
//! A netlink request is carried out inside the `sendmsg` that sends it: a deletion takes 16 ms, for it waits for an RCU
//! grace period, and any change waits for whoever else holds the kernel's link lock. So the sockets live on a thread
//! (with a runtime of its own to pipeline requests on), and the async runtime of the program never blocks on them.

use std::{io, sync::mpsc, thread};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use rtnetlink::{
    Handle, MulticastGroup, new_connection, new_multicast_connection,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{RouteNetlinkMessage, link::LinkMessage},
    proto::Connection,
    sys::{AsyncSocket, SocketAddr},
};
use tokio::{
    runtime::Runtime,
    sync::oneshot::{self, error::TryRecvError},
};

/// What the kernel says of its own accord.
type Messages = futures_channel::mpsc::UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>;

/// The connection to the kernel's link tables; its thread ends when this is dropped.
pub(super) struct Netlink {
    /// Ends the thread by being dropped. Fields are dropped in their order, so the sockets, which end for want of the
    /// others, are known to be stopped by then.
    _stop: oneshot::Sender<()>,
    /// Sends requests.
    pub(super) handle: Handle,
    messages: Messages,
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
        Ok(Self { _stop: stop, handle, messages })
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
    let sockets = [("requests", requests.boxed_local()), ("events", multicast.boxed_local())];
    runtime.block_on(tend(sockets, stopped, |purpose| {
        tracing::error!("the netlink socket for {purpose} closed")
    }));
}

/// Runs the sockets until the other half of `stopped` is dropped; tells of each that ends before, by its purpose.
async fn tend<'s>(
    sockets: impl IntoIterator<Item = (&'static str, LocalBoxFuture<'s, ()>)>,
    mut stopped: oneshot::Receiver<()>,
    mut died: impl FnMut(&'static str),
) {
    let ended = sockets.into_iter().map(|(purpose, socket)| socket.map(move |()| purpose));
    let mut ended: FuturesUnordered<_> = ended.collect();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(purpose) = ended.next() => match stopped.try_recv() {
                Err(TryRecvError::Empty) => died(purpose),
                Ok(()) | Err(TryRecvError::Closed) => return,
            },
        }
    }
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_socket_that_dies_is_told_of_and_the_others_live_on() {
        let (stop, stopped) = oneshot::channel();
        let sockets = [ready(()).boxed_local(), pending().boxed_local(), ready(()).boxed_local()];
        let (mut stop, mut died) = (Some(stop), Vec::new());
        let tending = tend(["first", "second", "third"].into_iter().zip(sockets), stopped, |purpose| {
            died.push(purpose);
            if died.len() == 2 {
                drop(stop.take());
            }
        });
        tending.await;
        assert_eq!(died, ["first", "third"]);
    }

    #[tokio::test]
    async fn sockets_that_end_because_of_the_stop_are_not_told_of() {
        // Which of several things that have happened is looked at first is left to chance.
        for _ in 0..64 {
            let (stop, stopped) = oneshot::channel();
            drop(stop);
            let sockets = [("only", ready(()).boxed_local())];
            tend(sockets, stopped, |purpose| panic!("the socket for {purpose} did not die")).await;
        }
    }
}
