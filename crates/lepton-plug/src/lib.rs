//! Makes a host what the plan says: a model for tests, and Linux by rtnetlink and nftables.
