//! Certificates of callers, as their authority might have signed them: fixed bytes, since those that are made anew differ each time.

/// `spiffe://example.org/lepton/admin/operator`
pub(crate) const ADMIN: &[u8] = include_bytes!("callers/admin.der");

/// `spiffe://example.org/lepton/compute/host-1`
pub(crate) const COMPUTE: &[u8] = include_bytes!("callers/compute.der");

/// `spiffe://example.org/lepton/member/blue`
pub(crate) const MEMBER: &[u8] = include_bytes!("callers/member.der");

/// `spiffe://example.org/lepton/reader/dashboard`
pub(crate) const READER: &[u8] = include_bytes!("callers/reader.der");
