#!/bin/sh
# Runs a program in user, network and mount namespaces of its own, as cargo's runner:
#   CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=tests/netns-runner.sh cargo test …
# Kernel tests do this for themselves, each alone; the runner is for trying things out by hand. Needs no root.
exec unshare --map-root-user --net --mount sh -c '
    ip link set lo up && mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"' sh "$@"
