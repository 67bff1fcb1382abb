//! Ways out of refusals of instances, their ports and their hosts.

use super::Metadata;

/// What to do about one of these refusals.
pub(super) fn of(reason: &str, metadata: &Metadata) -> Option<&'static str> {
    let stands = metadata.get("undone").is_some_and(|undone| undone == "false");
    Some(match reason {
        "PORT_NOT_FOUND" => {
            "`lepton port list` shows the ports that there are; `--instance` shows an instance's"
        }
        "HOST_NOT_FOUND" => {
            "look for a slip in the name: `lepton instance show INSTANCE` names an instance's host, and leptond's log its own"
        }
        "INCARNATION_MISMATCH" => {
            "`lepton instance show INSTANCE` tells the incarnation that lives; without `--incarnation` whichever \
             lives is meant"
        }
        "INSTANCE_ALREADY_ALLOCATED" => {
            "`lepton instance show INSTANCE` shows its vNICs; `lepton instance deallocate INSTANCE` takes them back"
        }
        "INSTANCE_DEALLOCATED" => {
            "its vNICs were taken back: allocate it anew, without `--request-id` or with a fresh one, if it is still wanted"
        }
        "INSTANCE_IS_MOVING" => {
            "`lepton instance migrate INSTANCE --finish` or `--abort` ends the move that is under way"
        }
        "INSTANCE_NOT_MOVING" => {
            "`lepton instance migrate INSTANCE --to HOST` begins a move; `lepton instance show INSTANCE` shows where it goes"
        }
        "INSTANCE_NOT_ON_HOST" => {
            "leave `--from` out, or name the host that `lepton instance show INSTANCE` shows"
        }
        "MIGRATION_ABORTED" => {
            "somebody ended the move: begin it again, without `--request-id` or with a fresh one, if it is still wanted"
        }
        "INSTANCE_NOT_FOUND" => {
            "`lepton instance allocate INSTANCE --project PROJECT` gives an instance its vNICs"
        }
        "PORT_PLUG_FAILED" | "PORT_PLUG_TIMEOUT" if stands => {
            "what was begun stands and the host tries again by itself: `lepton instance show INSTANCE` shows how it goes, \
             `lepton instance deallocate INSTANCE` or `migrate INSTANCE --abort` takes it back"
        }
        "PORT_PLUG_FAILED" => "without `--wait` what was begun stays and the host tries again by itself",
        "PORT_PLUG_TIMEOUT" => {
            "see that the host is named rightly and that leptond's agent runs on it, or wait longer, for example \
             `--wait=2m`; if the host is gone for good, `lepton host fence HOST` frees what was undone"
        }
        _ => return None,
    })
}
