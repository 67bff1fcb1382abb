//! Address arithmetic: pools, reserved addresses, free blocks, which address next, EUI-64, MACs.
