//! Ways out of refusals of names in DNS.

use super::Metadata;

/// What to do about one of these refusals.
pub(super) fn of(reason: &str, metadata: &Metadata) -> Option<&'static str> {
    Some(match reason {
        "DNS_DOMAIN_NOT_FOUND" => {
            "`lepton dns domain list` shows the domains that there are, and `lepton dns domain create DOMAIN` makes one"
        }
        "DNS_ENTRY_NOT_FOUND" => "`lepton dns show DOMAIN NAME` shows where a name leads",
        "FLOATING_IP_DNS_EXISTS" if metadata.contains_key("field") => {
            "give the instance another `--hostname`, or none; `lepton dns show DOMAIN NAME` shows whose the name is"
        }
        "FLOATING_IP_DNS_EXISTS" => {
            "choose another name; `lepton dns modify DOMAIN NAME ADDRESS` lets it lead elsewhere, \
             `lepton dns remove DOMAIN NAME` takes it away"
        }
        _ => return None,
    })
}
