//! Ways out of refusals of the call as such: who makes it, how much it is, and whether the server can answer.

use super::Metadata;

/// What to do about one of these refusals.
pub(super) fn of(reason: &str, _: &Metadata) -> Option<&'static str> {
    Some(match reason {
        "COMPRESSED_REQUEST" | "MALFORMED_REQUEST" => {
            "this program and that leptond do not speak the same language: use the `lepton` that came with it"
        }
        "EVENTS_FORGOTTEN" | "REVISION_AHEAD" => {
            "look at what is there now, then follow from now on: `lepton event watch` without `--after`, or the list with `--watch` anew"
        }
        "FIELD_NOT_ALLOWED" => "leave that option out, or ask an operator to set it",
        "HOST_NOT_ALLOWED" => {
            "use the certificate of the host that the instance is to live on, or lives on, or an admin's: `--cert` and \
             `--key`"
        }
        "INTERNAL" => "this is a fault of leptond's; its log says more",
        "LEDGER_UNAVAILABLE" => "leptond's database is unavailable: see its log, then run the command again",
        "METHOD_NOT_FOUND" => "that leptond is older than this program: use the `lepton` that came with it",
        "PLAN_CHANGED" | "PLAN_EXPIRED" => {
            "run the command with `--dry-run` again and look at what it would do now; a plan is its caller's, and its command's alone"
        }
        "PROJECT_NOT_ALLOWED" => {
            "use a certificate of that project, or an admin's: `--cert` and `--key`; what all projects share is an operator's"
        }
        "QUOTA_EXCEEDED" => {
            "give back what the project needs no more; a port counts until its host has unplugged it. An admin raises a limit by \
             `lepton quota set PROJECT` with `--networks`, `--ports`, `--fixed-ips` or `--floating-ips`; `lepton quota show PROJECT` shows them"
        }
        "QUEUE_FULL" => "leptond is busy: run the command again in a moment",
        "REPAIR_NOT_PROVEN" => {
            "left alone it does no harm: `lepton audit` shows the finding, and `lepton history ADDRESS` who had an address"
        }
        "REQUEST_ID_REUSED" => {
            "leave `--request-id` out to get a fresh one, or plan the command anew: an id, and a plan's hash, belongs to one request"
        }
        "REQUEST_INCOMPLETE" => {
            "the link to leptond is slow or lossy: run the command again, or with less in it"
        }
        "REQUEST_TOO_LARGE" => "do it in several steps, with less in each",
        "ROLE_NOT_ALLOWED" => {
            "call with a certificate of such a role over TLS (`--cert`, `--key`), or over leptond's unix socket as root"
        }
        "SHUTTING_DOWN" => "run the command again when leptond is back",
        "UNAUTHENTICATED" => {
            "over TLS say who you are with `--cert` and `--key`; over leptond's unix socket call as root or as its user, or have \
             `auth.unix_role` set, and for plain http `auth.loopback_role`"
        }
        _ => return None,
    })
}
