//! `lepton network carve`.

use lepton_proto::v1 as pb;
use lepton_types::AddressFamily;

use super::SpecOptions;
use crate::{
    change::{Change, ChangeOptions},
    client::Calls,
    error::Error,
    number::positive,
    output::{NetworksView, Output},
    settings::Settings,
    subnet_options::{CommonOptions, family},
};

/// `network carve`.
#[derive(Debug, clap::Args)]
pub(crate) struct CarveOptions {
    #[command(flatten)]
    network: SpecOptions,

    /// Where the prefixes come from, for example 10.0.0.0/16 or fd00::/48; once for IPv4, once for IPv6
    #[arg(long = "range", value_name = "CIDR", required = true)]
    ranges: Vec<String>,

    /// How many networks; several get _0, _1 and so on behind their label
    #[arg(long, value_name = "NUMBER", default_value_t = 1, allow_negative_numbers = true, value_parser = positive::<u32>("a whole number, 1 or more"))]
    count: u32,

    /// Addresses of each IPv4 prefix, rounded up to a power of two [default: 256, or the whole range when that is smaller]
    #[arg(long, value_name = "ADDRESSES", allow_negative_numbers = true, value_parser = positive::<u64>("a whole number of addresses, 1 or more"))]
    size: Option<u64>,

    /// Length of each IPv6 prefix [default: 64]
    #[arg(long, value_name = "BITS", allow_negative_numbers = true, value_parser = positive::<u32>("a whole number of bits, 1 to 128"))]
    prefix_length_v6: Option<u32>,

    #[command(flatten)]
    subnets: CommonOptions,

    #[command(flatten)]
    change: ChangeOptions,
}

/// Does what the options say.
pub(super) async fn run(options: CarveOptions, settings: &Settings, output: Output) -> Result<(), Error> {
    let change = Change::from(options.change);
    let mut request = pb::CarveNetworksRequest {
        network: Some(options.network.into()),
        num_networks: options.count,
        network_size: options.size.unwrap_or_default(),
        prefix_length_v6: options.prefix_length_v6.unwrap_or_default(),
        request_id: change.request_id.clone(),
        validate_only: change.is_dry_run,
        ..pb::CarveNetworksRequest::default()
    };
    for mut spec in options.subnets.into_specs(options.ranges)? {
        let range = std::mem::take(&mut spec.cidr);
        let (place, like) = match family(&range) {
            AddressFamily::V4 => (&mut request.range_v4, &mut request.subnet_v4),
            AddressFamily::V6 => (&mut request.range_v6, &mut request.subnet_v6),
        };
        if !place.is_empty() {
            return Err(Error::usage(format!("--range {place} and --range {range} are of one family")));
        }
        *place = range;
        *like = Some(spec);
    }

    let call = async |mut calls: Calls, request| calls.manager.carve_networks(request).await;
    change.make(request, call, |made| NetworksView::new(made.networks, false), settings, output).await
}
