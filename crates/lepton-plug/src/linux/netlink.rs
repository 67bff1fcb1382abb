//! [`Netlink`]: the connection to the kernel's link tables, and what it tells of nftables, on a thread of its own.
//!
//! A netlink request is carried out inside the `sendmsg` that sends it: a deletion takes 16 ms, for it waits for an RCU
//! grace period, and any change waits for whoever else holds the kernel's link lock. So the sockets live on a thread
//! (with a runtime of its own to pipeline requests on), and the async runtime of the program never blocks on them.

use std::{convert::Infallible, io, sync::mpsc, thread};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use rtnetlink::{
    Handle, MulticastGroup, new_connection, new_multicast_connection,
    packet_core::{
        NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
    },
    packet_route::{RouteNetlinkMessage, link::LinkMessage},
    proto::{self, Connection},
    sys::{AsyncSocket, SocketAddr, protocols::NETLINK_NETFILTER},
};
use tokio::{
    runtime::Runtime,
    sync::oneshot::{self, error::TryRecvError},
};

use super::filter::Told;

/// The group that is told of every change of nftables (Linux `NFNLGRP_NFTABLES`).
const NFNLGRP_NFTABLES: u32 = 7;

/// What the kernel says of its own accord.
type Messages<M> = futures_channel::mpsc::UnboundedReceiver<(NetlinkMessage<M>, SocketAddr)>;

/// The connection to the kernel; its thread ends when this is dropped.
pub(super) struct Netlink {
    /// Ends the thread by being dropped. Fields are dropped in their order, so the sockets, which end for want of the
    /// others, are known to be stopped by then.
    _stop: oneshot::Sender<()>,
    /// Sends requests.
    pub(super) handle: Handle,
    links: Messages<RouteNetlinkMessage>,
    filters: Messages<Told>,
}

/// Something that happened in the kernel.
pub(super) enum Event {
    /// A link was made, changed or deleted.
    Link(LinkMessage),
    /// Events of links were lost: anything may have changed.
    LinksLost,
    /// Something happened in nftables.
    Filters(Told),
    /// Events of nftables were lost: anything may have changed.
    FiltersLost,
}

/// What the thread runs once its sockets are open.
struct Sockets {
    requests: Connection<RouteNetlinkMessage>,
    links: Connection<RouteNetlinkMessage>,
    filters: Connection<Told>,
}

/// The other halves of the sockets.
type Ends = (Handle, Messages<RouteNetlinkMessage>, Messages<Told>);

impl Netlink {
    /// Opens the sockets, in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (sender, opened) = mpsc::sync_channel(1);
        thread::Builder::new().name("netlink".to_owned()).spawn(move || serve(&sender, stopped))?;
        let (handle, links, filters) =
            opened.recv().map_err(|_| io::Error::other("the netlink thread died"))??;
        Ok(Self { _stop: stop, handle, links, filters })
    }

    /// The next event; pending for ever once the sockets are gone, since then there are no more hints to give.
    pub(super) async fn event(&mut self) -> Event {
        loop {
            // Cancel-safe: a stream keeps what it has not told.
            let event = tokio::select! {
                Some((message, _)) = self.links.next() => link_event(message),
                Some((message, _)) = self.filters.next() => filter_event(&message),
                else => std::future::pending().await,
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// The next event, if it has happened already.
    pub(super) fn event_now(&mut self) -> Option<Event> {
        self.event().now_or_never()
    }
}

/// The thread: opens the sockets, then runs them until the other half of `stopped` is dropped.
fn serve(opened: &mpsc::SyncSender<io::Result<Ends>>, stopped: oneshot::Receiver<()>) {
    let (runtime, sockets, ends) = match open() {
        Ok(opened) => opened,
        Err(error) => return drop(opened.send(Err(error))),
    };
    if opened.send(Ok(ends)).is_err() {
        return;
    }
    let sockets = [
        ("requests", sockets.requests.boxed_local()),
        ("events of links", sockets.links.boxed_local()),
        ("events of nftables", sockets.filters.boxed_local()),
    ];
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

fn open() -> io::Result<(Runtime, Sockets, Ends)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let (mut requests, handle, _) = new_connection()?;
    // The error's own words, after the request's header without its body.
    requests.socket_mut().socket_mut().set_ext_ack(true)?;
    requests.socket_mut().socket_mut().set_cap_ack(true)?;
    // A socket of its own, so that a burst of events cannot push an answer out of the receive buffer.
    let (links, _, link_messages) = new_multicast_connection(&[MulticastGroup::Link])?;
    let (mut filters, _, filter_messages) = proto::new_connection(NETLINK_NETFILTER)?;
    filters.socket_mut().socket_mut().bind(&SocketAddr::new(0, 1 << (NFNLGRP_NFTABLES - 1)))?;
    drop(entered);
    let ends = (handle, link_messages, filter_messages);
    Ok((runtime, Sockets { requests, links, filters }, ends))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's list of messages is open")]
fn link_event(message: NetlinkMessage<RouteNetlinkMessage>) -> Option<Event> {
    match message.payload {
        NetlinkPayload::InnerMessage(
            RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link),
        ) => Some(Event::Link(link)),
        NetlinkPayload::Overrun(_) => Some(Event::LinksLost),
        _ => None, // what else a socket can say is of no concern
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the list of messages is open")]
fn filter_event(message: &NetlinkMessage<Told>) -> Option<Event> {
    match &message.payload {
        NetlinkPayload::InnerMessage(told) => Some(Event::Filters(*told)),
        NetlinkPayload::Overrun(_) => Some(Event::FiltersLost),
        _ => None,
    }
}

impl NetlinkDeserializable for Told {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self::read(header.port_number, header.message_type, payload))
    }
}

/// Asked for by every connection; of what is only heard nothing is ever sent.
impl NetlinkSerializable for Told {
    fn message_type(&self) -> u16 {
        0
    }

    fn buffer_len(&self) -> usize {
        0
    }

    fn serialize(&self, _: &mut [u8]) {}
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
