-- The ledger: live rows, their owners, and the history of what ended.
--
-- One text for both engines. SQLite takes UUID and BYTEA as names for its BLOB; {without_rowid} keeps small rows in
-- their key's order there and is empty on PostgreSQL; {bytewise} lets PostgreSQL order texts by their bytes, as SQLite does. Moments are microseconds since 1970-01-01T00:00:00Z. Addresses
-- are 4 or 16 bytes, most significant first, so that they sort as numbers.

CREATE TABLE networks (
    id UUID NOT NULL PRIMARY KEY,
    project_id TEXT {bytewise},
    label TEXT {bytewise} NOT NULL,
    priority BIGINT NOT NULL,
    mtu BIGINT NOT NULL CHECK (mtu BETWEEN 68 AND 65535),
    sequence BIGINT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    host_id TEXT {bytewise},
    is_injected BOOLEAN NOT NULL,
    is_external BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    -- Its bridge's name on every host: two networks of one name would be one network.
    bridge TEXT {bytewise} NOT NULL UNIQUE
);
CREATE INDEX networks_by_project ON networks (project_id, sequence) WHERE NOT is_external;
-- PostgreSQL follows an index in order behind a column that equals something, but not behind one that is null.
CREATE INDEX networks_of_nobody ON networks (sequence) WHERE project_id IS NULL AND NOT is_external;
CREATE INDEX networks_to_plug_into ON networks (sequence) WHERE NOT is_external;
-- A pool of floating IPs is asked for by its name.
CREATE UNIQUE INDEX networks_by_pool ON networks (label) WHERE is_external;
CREATE INDEX networks_of_pools ON networks (sequence) WHERE is_external;
CREATE INDEX networks_by_host ON networks (host_id, id) WHERE host_id IS NOT NULL;

CREATE TABLE subnets (
    id UUID NOT NULL PRIMARY KEY,
    network_id UUID NOT NULL REFERENCES networks,
    cidr TEXT {bytewise} NOT NULL,
    gateway TEXT {bytewise},
    dns TEXT {bytewise} NOT NULL,
    mode TEXT {bytewise} NOT NULL CHECK (mode IN ('pool', 'eui64', 'account_identifier')),
    pools TEXT {bytewise} NOT NULL,
    quarantine_secs BIGINT NOT NULL CHECK (quarantine_secs >= 0),
    routes TEXT {bytewise} NOT NULL,
    dhcp_server TEXT {bytewise},
    interface TEXT {bytewise},
    version BIGINT NOT NULL,
    -- For what refers to it only as long as somebody has an address.
    is_there BOOLEAN NOT NULL DEFAULT TRUE CHECK (is_there),
    UNIQUE (id, is_there)
);
CREATE INDEX subnets_by_network ON subnets (network_id);

-- Subnets that were deleted, and of whose frontiers, blocks and addresses without a port something is left, which is of no
-- subnet any more and is dropped bit by bit (ADR 18).
CREATE TABLE ended_subnets (
    subnet_id UUID NOT NULL PRIMARY KEY
) {without_rowid};

CREATE TABLE frontiers (
    subnet_id UUID NOT NULL PRIMARY KEY,
    next BYTEA
);

CREATE TABLE blocks (
    subnet_id UUID NOT NULL,
    first BYTEA NOT NULL,
    taken BYTEA NOT NULL CHECK (length(taken) = 32),
    free BIGINT NOT NULL CHECK (free BETWEEN 0 AND 256),
    PRIMARY KEY (subnet_id, first)
) {without_rowid};
CREATE INDEX blocks_with_free ON blocks (subnet_id, first) WHERE free > 0;

CREATE TABLE hosts (
    id TEXT {bytewise} NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    -- Whether its agent was ever told what it must have. Where not, nothing was ever plugged there.
    is_registered BOOLEAN NOT NULL
);

-- Ports that must go from a host that they have left, or that was fenced. A fenced host is not waited for, but should it
-- come back, it is told to unplug them; of the port there may be nothing left, so there is no foreign key.
CREATE TABLE pending_unplugs (
    port_id UUID NOT NULL,
    host_id TEXT {bytewise} NOT NULL,
    revision BIGINT NOT NULL,
    is_fenced BOOLEAN NOT NULL,
    PRIMARY KEY (port_id, host_id)
) {without_rowid};
CREATE INDEX pending_unplugs_by_revision ON pending_unplugs (host_id, revision);
CREATE INDEX pending_unplugs_waited_for ON pending_unplugs (host_id, port_id) WHERE NOT is_fenced;

CREATE TABLE instances (
    id UUID NOT NULL PRIMARY KEY,
    incarnation BIGINT NOT NULL CHECK (incarnation >= 1),
    project_id TEXT {bytewise} NOT NULL,
    host_id TEXT {bytewise} NOT NULL,
    hostname TEXT {bytewise},
    has_names BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    -- The move that is under way: where to, and that host's revision when it began.
    destination_id TEXT {bytewise} CHECK (destination_id <> host_id),
    destination_revision BIGINT,
    -- Of its finished moves the last ones, as JSON; null when it has never moved.
    arrivals TEXT {bytewise},
    availability_zone TEXT {bytewise},
    has_named_networks BOOLEAN NOT NULL,
    CHECK ((destination_id IS NULL) = (destination_revision IS NULL))
);
-- In the order of allocation, so that what comes side by side stands side by side (ADR 10).
CREATE INDEX instances_by_project ON instances (project_id, created_at, id);

-- Ranges of MACs that ports are given. No MAC is of two: each begins and ends where no other does, and of two that are made at
-- once, which may be one within the other, the second gets no number.
CREATE TABLE mac_ranges (
    id UUID NOT NULL PRIMARY KEY,
    first BIGINT NOT NULL UNIQUE,
    last BIGINT NOT NULL UNIQUE CHECK (last > first),
    length BIGINT NOT NULL CHECK (length BETWEEN 24 AND 47),
    number BIGINT NOT NULL UNIQUE,
    -- How many of its MACs were drawn, lowest first.
    drawn BIGINT NOT NULL CHECK (drawn BETWEEN 0 AND last - first + 1),
    -- Whether it was deleted, and only its free MACs are still to be dropped.
    is_ending BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

-- Those of their MACs that ports had and none has any more. The one that is free for longest is drawn first.
CREATE TABLE free_macs (
    mac BIGINT NOT NULL PRIMARY KEY,
    mac_range_id UUID NOT NULL REFERENCES mac_ranges,
    since BIGINT NOT NULL
);
CREATE INDEX free_macs_by_range ON free_macs (mac_range_id, since, mac);

CREATE TABLE ports (
    id UUID NOT NULL PRIMARY KEY,
    instance_id UUID NOT NULL,
    incarnation BIGINT NOT NULL CHECK (incarnation >= 1),
    network_id UUID NOT NULL REFERENCES networks,
    project_id TEXT {bytewise} NOT NULL,
    host_id TEXT {bytewise} NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    mac BIGINT NOT NULL,
    -- No cascade: a range does not end while a port has one of its MACs.
    mac_range_id UUID REFERENCES mac_ranges,
    device TEXT {bytewise} NOT NULL,
    binding TEXT {bytewise} NOT NULL,
    status TEXT {bytewise} NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'ERROR')),
    error TEXT {bytewise},
    is_released BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    has_moved BOOLEAN NOT NULL,
    -- Its plug on the host that it is being moved to; `target` is the binding and the status there.
    target_host_id TEXT {bytewise} CHECK (target_host_id <> host_id),
    target_revision BIGINT,
    target TEXT {bytewise},
    -- Since when it is its instance's, with which it was made; 0 once it is released.
    alive_since BIGINT NOT NULL GENERATED ALWAYS AS (CASE WHEN is_released THEN 0 ELSE created_at END) STORED,
    CHECK ((target_host_id IS NULL) = (target_revision IS NULL)),
    CHECK ((target_host_id IS NULL) = (target IS NULL)),
    CHECK (target_host_id IS NULL OR NOT is_released)
);
CREATE UNIQUE INDEX ports_by_mac ON ports (mac);
CREATE INDEX ports_by_mac_range ON ports (mac_range_id) WHERE mac_range_id IS NOT NULL;
-- Whoever has an instance knows since when it lives; its own id is the caller's, and falls anywhere (ADR 10). In return it
-- keeps positions apart only among ports of one life that are as old, or were released: it rests on the ledger that a life's
-- ports are made with it, that a released port's position is not given again, and that no two lives have one number.
CREATE UNIQUE INDEX ports_by_instance ON ports (alive_since, instance_id, incarnation, position);
-- Devices are named by the counted bits of their ports' ids, so this order keeps a batch's ports together (ADR 10).
CREATE UNIQUE INDEX ports_by_device ON ports (device);
CREATE INDEX ports_by_revision ON ports (host_id, revision);
CREATE INDEX ports_by_target ON ports (target_host_id, target_revision) WHERE target_host_id IS NOT NULL;
CREATE INDEX ports_by_network ON ports (network_id, id);
CREATE INDEX ports_by_project ON ports (project_id, network_id, id);

CREATE TABLE fixed_ips (
    subnet_id UUID NOT NULL,
    address BYTEA NOT NULL,
    -- Deferred, since an address may leave one port for another in the transaction that ends the first.
    port_id UUID REFERENCES ports DEFERRABLE INITIALLY DEFERRED,
    -- The host's revision from which on the port is told without it; it is the port's until the host has followed.
    leaving_at BIGINT,
    reserved_for TEXT {bytewise},
    -- Of a reserved address: until when it would rest otherwise.
    quarantined_until BIGINT,
    since BIGINT NOT NULL,
    lease_mac BIGINT,
    leased_at BIGINT,
    lease_secs BIGINT,
    is_asked_for BOOLEAN NOT NULL DEFAULT FALSE,
    -- No cascade: a subnet does not end while a port has one of its addresses, or another manager gives it one. What no port
    -- has refers to nothing, and may outlive its subnet.
    is_held BOOLEAN GENERATED ALWAYS AS (CASE WHEN port_id IS NOT NULL THEN TRUE END) STORED,
    FOREIGN KEY (subnet_id, is_held) REFERENCES subnets (id, is_there),
    PRIMARY KEY (subnet_id, address),
    CHECK ((port_id IS NOT NULL) <> (reserved_for IS NOT NULL OR quarantined_until IS NOT NULL)),
    CHECK (leaving_at IS NULL OR port_id IS NOT NULL),
    CHECK ((lease_mac IS NULL) = (leased_at IS NULL) AND (lease_mac IS NULL) = (lease_secs IS NULL)),
    CHECK (lease_mac IS NULL OR reserved_for IS NULL)
) {without_rowid};
CREATE INDEX fixed_ips_by_address ON fixed_ips (address, subnet_id);
CREATE INDEX fixed_ips_by_port ON fixed_ips (port_id) WHERE port_id IS NOT NULL;
CREATE INDEX fixed_ips_by_lease ON fixed_ips (lease_mac, address) WHERE lease_mac IS NOT NULL;
CREATE INDEX fixed_ips_resting ON fixed_ips (quarantined_until)
    WHERE quarantined_until IS NOT NULL AND reserved_for IS NULL;
CREATE INDEX fixed_ips_resting_by_subnet ON fixed_ips (subnet_id, quarantined_until, address)
    WHERE quarantined_until IS NOT NULL AND reserved_for IS NULL;
-- For lists of one state. They have no place for an address as it is allocated.
CREATE INDEX fixed_ips_resting_in_order ON fixed_ips (subnet_id, address)
    WHERE quarantined_until IS NOT NULL AND reserved_for IS NULL;
CREATE INDEX fixed_ips_reserved ON fixed_ips (subnet_id, address) WHERE reserved_for IS NOT NULL;
CREATE INDEX fixed_ips_leased ON fixed_ips (subnet_id, address)
    WHERE lease_mac IS NOT NULL AND port_id IS NOT NULL;

-- Names in DNS, for a resolver to serve.

CREATE TABLE dns_domains (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT {bytewise} NOT NULL UNIQUE CHECK (name = lower(name)),
    is_private BOOLEAN NOT NULL,
    project_id TEXT {bytewise},
    availability_zone TEXT {bytewise},
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    CHECK (project_id IS NULL OR NOT is_private),
    CHECK (availability_zone IS NULL OR is_private)
);
CREATE INDEX dns_domains_by_project ON dns_domains (project_id, name) WHERE NOT is_private;
CREATE INDEX dns_domains_of_nobody ON dns_domains (name) WHERE project_id IS NULL AND NOT is_private;

CREATE TABLE dns_entries (
    domain_id UUID NOT NULL REFERENCES dns_domains,
    name TEXT {bytewise} NOT NULL CHECK (name = lower(name)),
    type TEXT {bytewise} NOT NULL,
    address BYTEA NOT NULL,
    -- With which address it ends: one of a subnet, and when it is a fixed IP, its port's. A port that has a name cannot end.
    subnet_id UUID REFERENCES subnets,
    port_id UUID REFERENCES ports DEFERRABLE INITIALLY DEFERRED,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (domain_id, name, type),
    CHECK (type = 'A' AND length(address) = 4 OR type = 'AAAA' AND length(address) = 16),
    CHECK (port_id IS NULL OR subnet_id IS NOT NULL)
) {without_rowid};
CREATE INDEX dns_entries_by_address ON dns_entries (address, domain_id, name);
CREATE INDEX dns_entries_by_bond ON dns_entries (subnet_id, address) WHERE subnet_id IS NOT NULL;
CREATE INDEX dns_entries_by_port ON dns_entries (port_id) WHERE port_id IS NOT NULL;

-- What a subnet is as a range of a pool of floating IPs. Ranges have no address in common: each begins and ends where no
-- other does, and who makes one takes its turn with who makes others.
CREATE TABLE floating_ranges (
    subnet_id UUID NOT NULL PRIMARY KEY REFERENCES subnets,
    pool_id UUID NOT NULL REFERENCES networks,
    first BYTEA NOT NULL UNIQUE CHECK (length(first) = 4),
    last BYTEA NOT NULL UNIQUE CHECK (length(last) = 4),
    total BIGINT NOT NULL,
    -- How many addresses projects have.
    allocated BIGINT NOT NULL CHECK (allocated BETWEEN 0 AND total)
) {without_rowid};
CREATE INDEX floating_ranges_by_pool ON floating_ranges (pool_id, first);

CREATE TABLE floating_ips (
    -- Of whatever pool: an address is given once.
    address BYTEA NOT NULL PRIMARY KEY CHECK (length(address) = 4),
    -- No cascade: a range does not end while somebody has one of its addresses.
    subnet_id UUID NOT NULL REFERENCES floating_ranges,
    pool_id UUID NOT NULL,
    project_id TEXT {bytewise} NOT NULL,
    -- Where it leads: all of these or none. Deferred, since what it leads to may come to be in the same transaction.
    port_id UUID REFERENCES ports DEFERRABLE INITIALLY DEFERRED,
    instance_id UUID,
    network_id UUID,
    fixed_subnet_id UUID,
    fixed_address BYTEA CHECK (length(fixed_address) = 4),
    is_auto_assigned BOOLEAN NOT NULL,
    allocated_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    FOREIGN KEY (fixed_subnet_id, fixed_address) REFERENCES fixed_ips (subnet_id, address)
        DEFERRABLE INITIALLY DEFERRED,
    CHECK ((port_id IS NULL) = (instance_id IS NULL) AND (port_id IS NULL) = (network_id IS NULL)
        AND (port_id IS NULL) = (fixed_subnet_id IS NULL) AND (port_id IS NULL) = (fixed_address IS NULL)),
    -- What was assigned by itself goes with its port: without one it would stay for ever.
    CHECK (port_id IS NOT NULL OR NOT is_auto_assigned)
) {without_rowid};
-- Those that allocations did not assign by themselves; of all, the key is in order.
CREATE INDEX floating_ips_chosen ON floating_ips (address) WHERE NOT is_auto_assigned;
CREATE INDEX floating_ips_by_project ON floating_ips (project_id, is_auto_assigned, address);
CREATE INDEX floating_ips_by_pool ON floating_ips (pool_id, is_auto_assigned, address);
CREATE INDEX floating_ips_by_project_in_pool ON floating_ips (project_id, pool_id, is_auto_assigned, address);
CREATE INDEX floating_ips_by_range ON floating_ips (subnet_id, address);
CREATE INDEX floating_ips_by_port ON floating_ips (port_id) WHERE port_id IS NOT NULL;
CREATE INDEX floating_ips_by_network ON floating_ips (network_id, address) WHERE network_id IS NOT NULL;
CREATE INDEX floating_ips_by_fixed_ip ON floating_ips (fixed_address, fixed_subnet_id) WHERE fixed_address IS NOT NULL;
-- The same fixed address is on many subnets, and what leads there is listed in the order of the floating IPs.
CREATE INDEX floating_ips_by_fixed_address ON floating_ips (fixed_address, address) WHERE fixed_address IS NOT NULL;
CREATE INDEX floating_ips_by_project_to_address ON floating_ips (fixed_address, project_id, address)
    WHERE fixed_address IS NOT NULL;

-- What must never be given twice, though the history forgets it.

CREATE TABLE incarnations (
    instance_id UUID NOT NULL PRIMARY KEY,
    -- Of the newest life that has ended.
    last BIGINT NOT NULL CHECK (last >= 1)
) {without_rowid};

CREATE TABLE counters (
    name TEXT {bytewise} NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL CHECK (last >= 1)
) {without_rowid};

-- What managers were last told where all of a ledger should be told the same, and what they were told before that.
CREATE TABLE manager_settings (
    name TEXT {bytewise} NOT NULL PRIMARY KEY,
    value TEXT {bytewise} NOT NULL,
    former TEXT {bytewise}
) {without_rowid};

-- Whose each host's agent is on PostgreSQL: the process that claimed the host last and has not given it up. Whether it is
-- there a lock of its session says, see `claim`.
CREATE TABLE host_claims (
    host_id TEXT {bytewise} NOT NULL PRIMARY KEY,
    claimant UUID NOT NULL
) {without_rowid};

-- What projects have and may have: a limit of -1 is none, and where it is null the configuration's is meant.
CREATE TABLE quotas (
    project_id TEXT {bytewise} NOT NULL PRIMARY KEY,
    networks_limit BIGINT CHECK (networks_limit >= -1),
    ports_limit BIGINT CHECK (ports_limit >= -1),
    fixed_ips_limit BIGINT CHECK (fixed_ips_limit >= -1),
    floating_ips_limit BIGINT CHECK (floating_ips_limit >= -1),
    networks_used BIGINT NOT NULL CHECK (networks_used >= 0),
    ports_used BIGINT NOT NULL CHECK (ports_used >= 0),
    fixed_ips_used BIGINT NOT NULL CHECK (fixed_ips_used >= 0),
    floating_ips_used BIGINT NOT NULL CHECK (floating_ips_used >= 0)
);

CREATE TABLE requests (
    caller TEXT {bytewise} NOT NULL,
    request_id TEXT {bytewise} NOT NULL,
    -- In which form the fingerprint and the answer are written (ADR 8).
    format BIGINT NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (length(fingerprint) = 32),
    answer TEXT {bytewise} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, request_id)
);
CREATE INDEX requests_by_age ON requests (created_at);

-- What commands did, for those who follow the ledger: a row a command, with its events as JSON. They have the revisions
-- up to `last`, which are without gaps over all rows. Nothing is decided on it; what is old enough is dropped, oldest first.

CREATE TABLE journal (
    last BIGINT NOT NULL PRIMARY KEY CHECK (last >= count),
    count BIGINT NOT NULL CHECK (count >= 1),
    at BIGINT NOT NULL,
    actor TEXT {bytewise} NOT NULL,
    request_id TEXT {bytewise},
    call TEXT {bytewise} NOT NULL,
    events TEXT {bytewise} NOT NULL
);

-- The history: rows as they were when they ended, and networks and subnets as they were when they changed, so that such a row
-- was true until its `ended_at`, and since the one before it. Nothing here is ever changed, and nothing is decided on it; what is
-- old enough is dropped, oldest first.

CREATE TABLE network_history (
    id UUID NOT NULL,
    project_id TEXT {bytewise},
    label TEXT {bytewise} NOT NULL,
    priority BIGINT NOT NULL,
    mtu BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    host_id TEXT {bytewise},
    is_injected BOOLEAN NOT NULL,
    is_external BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    bridge TEXT {bytewise} NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE INDEX network_history_by_id ON network_history (id, ended_at);
CREATE INDEX network_history_by_end ON network_history (ended_at);

CREATE TABLE subnet_history (
    id UUID NOT NULL,
    network_id UUID NOT NULL,
    cidr TEXT {bytewise} NOT NULL,
    gateway TEXT {bytewise},
    dns TEXT {bytewise} NOT NULL,
    mode TEXT {bytewise} NOT NULL,
    pools TEXT {bytewise} NOT NULL,
    quarantine_secs BIGINT NOT NULL,
    routes TEXT {bytewise} NOT NULL,
    dhcp_server TEXT {bytewise},
    interface TEXT {bytewise},
    version BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE INDEX subnet_history_by_network ON subnet_history (network_id, ended_at);
CREATE INDEX subnet_history_by_end ON subnet_history (ended_at);

CREATE TABLE instance_history (
    id UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    project_id TEXT {bytewise} NOT NULL,
    host_id TEXT {bytewise} NOT NULL,
    hostname TEXT {bytewise},
    has_names BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX instance_history_by_life ON instance_history (id, incarnation);
CREATE INDEX instance_history_by_end ON instance_history (ended_at);

CREATE TABLE port_history (
    id UUID NOT NULL,
    instance_id UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    network_id UUID NOT NULL,
    project_id TEXT {bytewise} NOT NULL,
    host_id TEXT {bytewise} NOT NULL,
    position BIGINT NOT NULL,
    mac BIGINT NOT NULL,
    device TEXT {bytewise} NOT NULL,
    binding TEXT {bytewise} NOT NULL,
    status TEXT {bytewise} NOT NULL,
    error TEXT {bytewise},
    is_released BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Then `host_id` is that of its hosts which unplugged it last.
    has_moved BOOLEAN NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX port_history_by_id ON port_history (id);
CREATE INDEX port_history_by_mac ON port_history (mac, ended_at);
CREATE INDEX port_history_by_instance ON port_history (instance_id, ended_at);
CREATE INDEX port_history_by_end ON port_history (ended_at);

CREATE TABLE fixed_ip_history (
    subnet_id UUID NOT NULL,
    address BYTEA NOT NULL,
    port_id UUID NOT NULL,
    instance_id UUID NOT NULL,
    since BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE INDEX fixed_ip_history_by_address ON fixed_ip_history (address, ended_at);
CREATE INDEX fixed_ip_history_by_instance ON fixed_ip_history (instance_id, ended_at);
CREATE INDEX fixed_ip_history_by_end ON fixed_ip_history (ended_at);

-- Whose a floating IP was and where it led, from `since` on.
CREATE TABLE floating_ip_history (
    address BYTEA NOT NULL,
    subnet_id UUID NOT NULL,
    pool_id UUID NOT NULL,
    project_id TEXT {bytewise} NOT NULL,
    port_id UUID,
    instance_id UUID,
    network_id UUID,
    fixed_subnet_id UUID,
    fixed_address BYTEA,
    is_auto_assigned BOOLEAN NOT NULL,
    allocated_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE INDEX floating_ip_history_by_address ON floating_ip_history (address, ended_at);
CREATE INDEX floating_ip_history_by_instance ON floating_ip_history (instance_id, ended_at) WHERE instance_id IS NOT NULL;
CREATE INDEX floating_ip_history_by_end ON floating_ip_history (ended_at);
