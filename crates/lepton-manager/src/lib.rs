//! The service: authorises a call, submits its command, wakes the hosts, waits for a plug when asked.
