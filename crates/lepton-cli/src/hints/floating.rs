//! Ways out of refusals of floating IPs and their pools.

use super::Metadata;

/// What to do about one of these refusals.
pub(super) fn of(reason: &str, _: &Metadata) -> Option<&'static str> {
    Some(match reason {
        "FLOATING_IP_ALREADY_IN_USE" => "leave `--address` out to get the lowest free one",
        "FLOATING_IP_ASSOCIATED" => {
            "`lepton floating disassociate ADDRESS` first, or release it with `--disassociate`"
        }
        "FLOATING_IP_AUTO_ASSIGNED" => {
            "it goes with its instance; `--affect-auto-assigned` makes it one like any other"
        }
        "FLOATING_IP_NOT_ASSOCIATED" => "`lepton floating show ADDRESS` shows where a floating IP leads",
        "FLOATING_IP_NOT_FOUND" => {
            "`lepton floating list` shows the floating IPs that projects have, `lepton floating pool list` the pools that they come from"
        }
        "FLOATING_IP_OF_OTHER_PROJECT" => {
            "`lepton floating list --project PROJECT` shows what the instance's project has, `lepton floating allocate --project \
             PROJECT` gives it one"
        }
        "FLOATING_POOL_IN_USE" => {
            "`lepton floating list --pool POOL --auto-assigned` shows who has its addresses; release them first"
        }
        "FLOATING_POOL_NOT_FOUND" | "FLOATING_RANGE_NOT_FOUND" | "FLOATING_RANGE_OVERLAPS" => {
            "`lepton floating pool list` shows the pools and their ranges"
        }
        "NO_MORE_FLOATING_IPS" => {
            "release some, or give the pool more: `lepton floating pool create POOL --range RANGE`"
        }
        _ => return None,
    })
}
