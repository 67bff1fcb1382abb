//! `lepton-sim boot --kernel`: instances in network namespaces of their own, for as long as this process lives.

use std::{
    env,
    error::Error,
    io::{self, Write},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use lepton_sim::{Boot, Hypervisor, KernelError, KernelInstance};
use tokio::signal::unix::{SignalKind, signal};

use super::{BootArgs, Output, report};

/// How long a port may take to be plugged where nobody says.
pub(super) const PLUG_TIMEOUT: Duration = Duration::from_secs(30);

/// Boots, waits for Ctrl-C or a request to stop, and kills.
pub(super) async fn boot(
    output: Output,
    args: &BootArgs,
    hypervisor: &Hypervisor,
) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (booted, refused) = boot_all(args, hypervisor).await?;
    let infos: Vec<_> = booted.iter().map(|instance| instance.info.clone()).collect();
    report::booted(output, &infos, &hypervisor.record())?;
    if refused.is_none() {
        let _ = writeln!(io::stderr(), "lepton-sim: they live until Ctrl-C");
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
    let mut killed = Vec::new();
    for instance in booted {
        killed.push(instance.kill(hypervisor).await);
    }
    match refused.or_else(|| killed.into_iter().find_map(Result::err)) {
        None => Ok(()),
        Some(error) => Err(error.into()),
    }
}

/// Boots all of them; answers with those that live, and the first failure.
async fn boot_all(
    args: &BootArgs,
    hypervisor: &Hypervisor,
) -> io::Result<(Vec<KernelInstance>, Option<KernelError>)> {
    let program = env::current_exe()?;
    let boots = stream::iter(0..args.count).map(|number| {
        let boot = args.boot(number);
        let wait_for_active = Some(boot.wait_for_active.unwrap_or(PLUG_TIMEOUT));
        KernelInstance::boot(hypervisor, &program, Boot { wait_for_active, ..boot })
    });
    let booted: Vec<_> = boots.buffered(args.fleet.width()).collect().await;
    let (booted, refused): (Vec<_>, Vec<_>) = booted.into_iter().partition(Result::is_ok);
    Ok((booted.into_iter().flatten().collect(), refused.into_iter().find_map(Result::err)))
}
