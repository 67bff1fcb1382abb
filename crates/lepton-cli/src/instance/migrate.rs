//! `lepton instance migrate`: begins, finishes or aborts a move.

use std::time::Duration;

use lepton_proto::v1::{
    self as pb,
    port_binding::{Kind, Veth},
};

use crate::{
    change::{Change, ChangeOptions},
    client::{Calls, Client},
    duration,
    error::Error,
    output::{NetworkInfoView, Output, clean},
    settings::Settings,
};

/// Which life of the instance is meant: the user does not say, and a request that is repeated must say the same.
const WHICHEVER_LIVES: u64 = 0;

/// `instance migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateOptions {
    /// UUID of the instance
    instance: String,

    /// The host that it goes to [default with --finish and --abort: where it is being moved to]
    #[arg(long, value_name = "HOST", required_unless_present_any = ["finish", "abort"])]
    to: Option<String>,

    /// The host that it comes from [default: where it lives; to be named, as --to is, with --request-id and --plan-hash]
    #[arg(long, value_name = "HOST", conflicts_with = "abort")]
    from: Option<String>,

    /// The instance is there: make the destination its host, and have the source unplug its vNICs
    #[arg(long, conflicts_with = "abort")]
    finish: bool,

    /// The instance stays where it is: have the destination unplug its vNICs
    #[arg(long)]
    abort: bool,

    /// On the destination, plug veth pairs whose inner ends are in this network namespace [default: as on the source]
    #[arg(long, value_name = "PATH", conflicts_with_all = ["finish", "abort"])]
    netns: Option<String>,

    /// Name of the inner ends; %d is the vNIC's position [default: eth%d]
    #[arg(long, value_name = "NAME", requires = "netns", default_value = "", hide_default_value = true)]
    guest_device: String,

    /// Answer when the destination has plugged every vNIC, and abort the move if it cannot in time [default: answer at
    /// once; with --wait alone: 30s]
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "30s",
        value_parser = duration::parse,
        conflicts_with_all = ["finish", "abort"],
    )]
    wait: Option<Duration>,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the options say.
pub(super) async fn run(options: MigrateOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let client = Client::connect(settings).await?.allowing(options.wait.unwrap_or_default());
    let ends = Ends::of(&options, &client).await?;
    let change = Change { said: ends.said(&options), ..Change::from(options.change.clone()) };
    let info = if options.abort {
        abort(&client, &change, options, ends).await?
    } else if options.finish {
        finish(&client, &change, options, ends).await?
    } else {
        start(&client, &change, options, ends).await?
    };
    change.print(&NetworkInfoView::from(info), output)
}

/// Between which hosts the instance moves.
struct Ends {
    source: String,
    dest: String,
}

impl Ends {
    /// As the options say, and where they do not, as the server does.
    async fn of(options: &MigrateOptions, client: &Client) -> Result<Self, Error> {
        if let (Some(source), Some(dest)) = (&options.from, &options.to) {
            return Ok(Self { source: source.clone(), dest: dest.clone() });
        }
        if let (true, Some(dest)) = (options.abort, &options.to) {
            return Ok(Self { source: String::new(), dest: dest.clone() });
        }
        // What the server knows of the move changes with it, and a repeated request must say the same.
        if let Some(option) = options.change.repeated_by() {
            let missing = if options.abort { "--to" } else { "--from and --to" };
            return Err(Error::usage(format!("{option} needs {missing}")).with_hint(&format!(
                "a request is repeated with the hosts that it named; leave {option} out, or name them"
            )));
        }
        let request = pb::GetInstanceNwInfoRequest { instance_id: options.instance.clone() };
        let info = client
            .ask(request, async |mut calls, request| calls.manager.get_instance_nw_info(request).await)
            .await?;
        let source = options.from.clone().unwrap_or(info.host);
        let dest = options.to.clone().unwrap_or(info.destination);
        if options.finish && dest.is_empty() {
            let what = format!("instance {} is not being moved", clean(&options.instance));
            return Err(Error::failed(what).with_hint("`--to HOST` begins a move"));
        }
        Ok(Self { source, dest })
    }

    /// The host that no longer gets the instance. Of one that is not being moved nothing is left to abort.
    fn of_abort(&self) -> &str {
        if self.dest.is_empty() { &self.source } else { &self.dest }
    }

    /// Options that name the hosts which the user's own do not.
    fn said(&self, options: &MigrateOptions) -> Vec<String> {
        let dest = if options.abort { self.of_abort() } else { &self.dest };
        let (is_from, is_to) = (options.from.is_none() && !options.abort, options.to.is_none());
        let from = is_from.then(|| format!("--from {}", clean(&self.source)));
        from.into_iter().chain(is_to.then(|| format!("--to {}", clean(dest)))).collect()
    }
}

async fn start(
    client: &Client,
    change: &Change,
    options: MigrateOptions,
    ends: Ends,
) -> Result<pb::NetworkInfo, Error> {
    let guest_device = options.guest_device;
    let veth = options.netns.map(|netns_path| Kind::Veth(Veth { netns_path, guest_device }));
    let request = pb::MigrateInstanceStartRequest {
        instance_id: options.instance,
        incarnation: WHICHEVER_LIVES,
        source: ends.source,
        dest: ends.dest,
        binding: veth.map(|kind| pb::PortBinding { kind: Some(kind) }),
        wait_for_active: options.wait.map(duration::to_wire),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.manager.migrate_instance_start(request).await;
    client.change(change, request, call).await
}

async fn finish(
    client: &Client,
    change: &Change,
    options: MigrateOptions,
    ends: Ends,
) -> Result<pb::NetworkInfo, Error> {
    let request = pb::MigrateInstanceFinishRequest {
        instance_id: options.instance,
        incarnation: WHICHEVER_LIVES,
        source: ends.source,
        dest: ends.dest,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.manager.migrate_instance_finish(request).await;
    client.change(change, request, call).await
}

async fn abort(
    client: &Client,
    change: &Change,
    options: MigrateOptions,
    ends: Ends,
) -> Result<pb::NetworkInfo, Error> {
    let host = ends.of_abort().to_owned();
    let request = pb::SetupNetworksOnHostRequest {
        instance_id: options.instance,
        incarnation: WHICHEVER_LIVES,
        host,
        teardown: true,
        binding: None,
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.manager.setup_networks_on_host(request).await;
    client.change(change, request, call).await
}
