//! A fake hypervisor: boots, reboots, kills and migrates instances over gRPC, in memory or in the kernel.
