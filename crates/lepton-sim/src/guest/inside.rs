//! The guest's side: a process in its own network namespace that obeys the lines on its standard input.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use lepton_types::{IfName, MacAddr};
use nix::sched::{CloneFlags, unshare};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    runtime::Builder,
};

use crate::with_causes;

use super::{
    Command, Forgery, Interface, Reply,
    links::{LinkError, Links},
    ping::{PingError, ping},
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Ping(#[from] PingError),
    #[error("not a command")]
    Command(#[from] serde_json::Error),
}

/// Moves this process into a network namespace of its own and obeys its standard input until that ends.
///
/// Must be called before the process has a second thread: a namespace is a thread's, and this one starts them all.
/// It prints one line when it is ready and one for each command.
pub fn run_guest() -> io::Result<()> {
    if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
        let message =
            format!("cannot make a network namespace (it takes root, or `unshare --map-root-user`): {error}");
        return say(&Reply::Failed { message });
    }
    Builder::new_current_thread().enable_all().build()?.block_on(obey())
}

async fn obey() -> io::Result<()> {
    let mut links = Links::open()?;
    say(&reply(links.loopback_up().await.map_err(Failure::from).map(|()| Reply::Done)))?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        say(&reply(obey_line(&mut links, &line).await))?;
    }
    Ok(())
}

async fn obey_line(links: &mut Links, line: &str) -> Result<Reply, Failure> {
    match serde_json::from_str(line)? {
        Command::Configure { interfaces } => configure(links, &interfaces).await,
        Command::Ping { source, target } => echo(source, target).await,
        Command::Spoof { device, forgery, target, target_mac } => match forgery {
            Forgery::Address(forged) => spoof_address(links, &device, forged, target, target_mac).await,
            Forgery::Mac { mac, source } => spoof_mac(links, &device, mac, source, target).await,
        },
    }
}

async fn configure(links: &mut Links, interfaces: &[Interface]) -> Result<Reply, Failure> {
    for interface in interfaces {
        links.configure(interface).await?;
    }
    Ok(Reply::Done)
}

async fn echo(source: IpAddr, target: IpAddr) -> Result<Reply, Failure> {
    Ok(Reply::Echo { micros: ping(source, target).await? })
}

async fn spoof_address(
    links: &mut Links,
    device: &IfName,
    forged: IpAddr,
    target: IpAddr,
    target_mac: MacAddr,
) -> Result<Reply, Failure> {
    let lie = links.forge_address(device, forged, target, target_mac).await?;
    let reply = echo(forged, target).await;
    links.repent(lie).await?;
    reply
}

async fn spoof_mac(
    links: &Links,
    device: &IfName,
    forged: MacAddr,
    source: IpAddr,
    target: IpAddr,
) -> Result<Reply, Failure> {
    let own = links.set_mac(device, forged).await?;
    let reply = echo(source, target).await;
    links.set_mac(device, own).await?;
    reply
}

fn reply(result: Result<Reply, Failure>) -> Reply {
    result.unwrap_or_else(|failure| Reply::Failed { message: with_causes(&failure) })
}

fn say(reply: &Reply) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, reply)?;
    out.write_all(b"\n")?;
    out.flush()
}
