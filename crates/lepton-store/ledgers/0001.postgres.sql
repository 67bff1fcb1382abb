--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: _sqlx_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: blocks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.blocks (
    subnet_id uuid NOT NULL,
    first bytea NOT NULL,
    taken bytea NOT NULL,
    free bigint NOT NULL,
    CONSTRAINT blocks_free_check CHECK (((free >= 0) AND (free <= 256))),
    CONSTRAINT blocks_taken_check CHECK ((length(taken) = 32))
);


--
-- Name: counters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.counters (
    name text NOT NULL COLLATE pg_catalog."C",
    last bigint NOT NULL,
    CONSTRAINT counters_last_check CHECK ((last >= 1))
);


--
-- Name: dns_domains; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dns_domains (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    is_private boolean NOT NULL,
    project_id text COLLATE pg_catalog."C",
    availability_zone text COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT dns_domains_check CHECK (((project_id IS NULL) OR (NOT is_private))),
    CONSTRAINT dns_domains_check1 CHECK (((availability_zone IS NULL) OR is_private)),
    CONSTRAINT dns_domains_name_check CHECK ((name = lower(name)))
);


--
-- Name: dns_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dns_entries (
    domain_id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    address bytea NOT NULL,
    subnet_id uuid,
    port_id uuid,
    created_at bigint NOT NULL,
    CONSTRAINT dns_entries_check CHECK ((((type = 'A'::text) AND (length(address) = 4)) OR ((type = 'AAAA'::text) AND (length(address) = 16)))),
    CONSTRAINT dns_entries_check1 CHECK (((port_id IS NULL) OR (subnet_id IS NOT NULL))),
    CONSTRAINT dns_entries_name_check CHECK ((name = lower(name)))
);


--
-- Name: ended_subnets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ended_subnets (
    subnet_id uuid NOT NULL
);


--
-- Name: fixed_ip_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.fixed_ip_history (
    subnet_id uuid NOT NULL,
    address bytea NOT NULL,
    port_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    since bigint NOT NULL,
    ended_at bigint NOT NULL
);


--
-- Name: fixed_ips; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.fixed_ips (
    subnet_id uuid NOT NULL,
    address bytea NOT NULL,
    port_id uuid,
    leaving_at bigint,
    reserved_for text COLLATE pg_catalog."C",
    quarantined_until bigint,
    since bigint NOT NULL,
    lease_mac bigint,
    leased_at bigint,
    lease_secs bigint,
    is_asked_for boolean DEFAULT false NOT NULL,
    is_held boolean GENERATED ALWAYS AS (
CASE
    WHEN (port_id IS NOT NULL) THEN true
    ELSE NULL::boolean
END) STORED,
    CONSTRAINT fixed_ips_check CHECK (((port_id IS NOT NULL) <> ((reserved_for IS NOT NULL) OR (quarantined_until IS NOT NULL)))),
    CONSTRAINT fixed_ips_check1 CHECK (((leaving_at IS NULL) OR (port_id IS NOT NULL))),
    CONSTRAINT fixed_ips_check2 CHECK ((((lease_mac IS NULL) = (leased_at IS NULL)) AND ((lease_mac IS NULL) = (lease_secs IS NULL)))),
    CONSTRAINT fixed_ips_check3 CHECK (((lease_mac IS NULL) OR (reserved_for IS NULL)))
);


--
-- Name: floating_ip_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.floating_ip_history (
    address bytea NOT NULL,
    subnet_id uuid NOT NULL,
    pool_id uuid NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    port_id uuid,
    instance_id uuid,
    network_id uuid,
    fixed_subnet_id uuid,
    fixed_address bytea,
    is_auto_assigned boolean NOT NULL,
    allocated_at bigint NOT NULL,
    since bigint NOT NULL,
    ended_at bigint NOT NULL
);


--
-- Name: floating_ips; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.floating_ips (
    address bytea NOT NULL,
    subnet_id uuid NOT NULL,
    pool_id uuid NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    port_id uuid,
    instance_id uuid,
    network_id uuid,
    fixed_subnet_id uuid,
    fixed_address bytea,
    is_auto_assigned boolean NOT NULL,
    allocated_at bigint NOT NULL,
    since bigint NOT NULL,
    CONSTRAINT floating_ips_address_check CHECK ((length(address) = 4)),
    CONSTRAINT floating_ips_check CHECK ((((port_id IS NULL) = (instance_id IS NULL)) AND ((port_id IS NULL) = (network_id IS NULL)) AND ((port_id IS NULL) = (fixed_subnet_id IS NULL)) AND ((port_id IS NULL) = (fixed_address IS NULL)))),
    CONSTRAINT floating_ips_check1 CHECK (((port_id IS NOT NULL) OR (NOT is_auto_assigned))),
    CONSTRAINT floating_ips_fixed_address_check CHECK ((length(fixed_address) = 4))
);


--
-- Name: floating_ranges; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.floating_ranges (
    subnet_id uuid NOT NULL,
    pool_id uuid NOT NULL,
    first bytea NOT NULL,
    last bytea NOT NULL,
    total bigint NOT NULL,
    allocated bigint NOT NULL,
    CONSTRAINT floating_ranges_check CHECK (((allocated >= 0) AND (allocated <= total))),
    CONSTRAINT floating_ranges_first_check CHECK ((length(first) = 4)),
    CONSTRAINT floating_ranges_last_check CHECK ((length(last) = 4))
);


--
-- Name: free_macs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.free_macs (
    mac bigint NOT NULL,
    mac_range_id uuid NOT NULL,
    since bigint NOT NULL
);


--
-- Name: frontiers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.frontiers (
    subnet_id uuid NOT NULL,
    next bytea
);


--
-- Name: host_claims; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.host_claims (
    host_id text NOT NULL COLLATE pg_catalog."C",
    claimant uuid NOT NULL
);


--
-- Name: hosts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.hosts (
    id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    is_registered boolean NOT NULL
);


--
-- Name: incarnations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.incarnations (
    instance_id uuid NOT NULL,
    last bigint NOT NULL,
    CONSTRAINT incarnations_last_check CHECK ((last >= 1))
);


--
-- Name: instance_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.instance_history (
    id uuid NOT NULL,
    incarnation bigint NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    hostname text COLLATE pg_catalog."C",
    has_names boolean NOT NULL,
    created_at bigint NOT NULL,
    ended_at bigint NOT NULL
);


--
-- Name: instances; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.instances (
    id uuid NOT NULL,
    incarnation bigint NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    hostname text COLLATE pg_catalog."C",
    has_names boolean NOT NULL,
    created_at bigint NOT NULL,
    destination_id text COLLATE pg_catalog."C",
    destination_revision bigint,
    arrivals text COLLATE pg_catalog."C",
    availability_zone text COLLATE pg_catalog."C",
    has_named_networks boolean NOT NULL,
    CONSTRAINT instances_check CHECK ((destination_id <> host_id)),
    CONSTRAINT instances_check1 CHECK (((destination_id IS NULL) = (destination_revision IS NULL))),
    CONSTRAINT instances_incarnation_check CHECK ((incarnation >= 1))
);


--
-- Name: journal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal (
    last bigint NOT NULL,
    count bigint NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    request_id text COLLATE pg_catalog."C",
    call text NOT NULL COLLATE pg_catalog."C",
    events text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT journal_check CHECK ((last >= count)),
    CONSTRAINT journal_count_check CHECK ((count >= 1))
);


--
-- Name: mac_ranges; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mac_ranges (
    id uuid NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    length bigint NOT NULL,
    number bigint NOT NULL,
    drawn bigint NOT NULL,
    is_ending boolean NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT mac_ranges_check CHECK ((last > first)),
    CONSTRAINT mac_ranges_check1 CHECK (((drawn >= 0) AND (drawn <= ((last - first) + 1)))),
    CONSTRAINT mac_ranges_length_check CHECK (((length >= 24) AND (length <= 47)))
);


--
-- Name: manager_settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.manager_settings (
    name text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    former text COLLATE pg_catalog."C"
);


--
-- Name: network_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.network_history (
    id uuid NOT NULL,
    project_id text COLLATE pg_catalog."C",
    label text NOT NULL COLLATE pg_catalog."C",
    priority bigint NOT NULL,
    mtu bigint NOT NULL,
    sequence bigint NOT NULL,
    created_at bigint NOT NULL,
    host_id text COLLATE pg_catalog."C",
    is_injected boolean NOT NULL,
    is_external boolean NOT NULL,
    version bigint NOT NULL,
    bridge text NOT NULL COLLATE pg_catalog."C",
    ended_at bigint NOT NULL
);


--
-- Name: networks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.networks (
    id uuid NOT NULL,
    project_id text COLLATE pg_catalog."C",
    label text NOT NULL COLLATE pg_catalog."C",
    priority bigint NOT NULL,
    mtu bigint NOT NULL,
    sequence bigint NOT NULL,
    created_at bigint NOT NULL,
    host_id text COLLATE pg_catalog."C",
    is_injected boolean NOT NULL,
    is_external boolean NOT NULL,
    version bigint NOT NULL,
    bridge text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT networks_mtu_check CHECK (((mtu >= 68) AND (mtu <= 65535)))
);


--
-- Name: pending_unplugs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pending_unplugs (
    port_id uuid NOT NULL,
    host_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    is_fenced boolean NOT NULL
);


--
-- Name: port_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.port_history (
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    incarnation bigint NOT NULL,
    network_id uuid NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    mac bigint NOT NULL,
    device text NOT NULL COLLATE pg_catalog."C",
    binding text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    error text COLLATE pg_catalog."C",
    is_released boolean NOT NULL,
    revision bigint NOT NULL,
    created_at bigint NOT NULL,
    has_moved boolean NOT NULL,
    ended_at bigint NOT NULL
);


--
-- Name: ports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ports (
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    incarnation bigint NOT NULL,
    network_id uuid NOT NULL,
    project_id text NOT NULL COLLATE pg_catalog."C",
    host_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    mac bigint NOT NULL,
    mac_range_id uuid,
    device text NOT NULL COLLATE pg_catalog."C",
    binding text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    error text COLLATE pg_catalog."C",
    is_released boolean NOT NULL,
    revision bigint NOT NULL,
    created_at bigint NOT NULL,
    has_moved boolean NOT NULL,
    target_host_id text COLLATE pg_catalog."C",
    target_revision bigint,
    target text COLLATE pg_catalog."C",
    alive_since bigint GENERATED ALWAYS AS (
CASE
    WHEN is_released THEN (0)::bigint
    ELSE created_at
END) STORED NOT NULL,
    CONSTRAINT ports_check CHECK ((target_host_id <> host_id)),
    CONSTRAINT ports_check1 CHECK (((target_host_id IS NULL) = (target_revision IS NULL))),
    CONSTRAINT ports_check2 CHECK (((target_host_id IS NULL) = (target IS NULL))),
    CONSTRAINT ports_check3 CHECK (((target_host_id IS NULL) OR (NOT is_released))),
    CONSTRAINT ports_incarnation_check CHECK ((incarnation >= 1)),
    CONSTRAINT ports_position_check CHECK (("position" >= 0)),
    CONSTRAINT ports_status_check CHECK ((status = ANY (ARRAY['PENDING'::text, 'ACTIVE'::text, 'ERROR'::text])))
);


--
-- Name: quotas; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.quotas (
    project_id text NOT NULL COLLATE pg_catalog."C",
    networks_limit bigint,
    ports_limit bigint,
    fixed_ips_limit bigint,
    floating_ips_limit bigint,
    networks_used bigint NOT NULL,
    ports_used bigint NOT NULL,
    fixed_ips_used bigint NOT NULL,
    floating_ips_used bigint NOT NULL,
    CONSTRAINT quotas_fixed_ips_limit_check CHECK ((fixed_ips_limit >= '-1'::integer)),
    CONSTRAINT quotas_fixed_ips_used_check CHECK ((fixed_ips_used >= 0)),
    CONSTRAINT quotas_floating_ips_limit_check CHECK ((floating_ips_limit >= '-1'::integer)),
    CONSTRAINT quotas_floating_ips_used_check CHECK ((floating_ips_used >= 0)),
    CONSTRAINT quotas_networks_limit_check CHECK ((networks_limit >= '-1'::integer)),
    CONSTRAINT quotas_networks_used_check CHECK ((networks_used >= 0)),
    CONSTRAINT quotas_ports_limit_check CHECK ((ports_limit >= '-1'::integer)),
    CONSTRAINT quotas_ports_used_check CHECK ((ports_used >= 0))
);


--
-- Name: requests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.requests (
    caller text NOT NULL COLLATE pg_catalog."C",
    request_id text NOT NULL COLLATE pg_catalog."C",
    format bigint NOT NULL,
    fingerprint bytea NOT NULL,
    answer text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    CONSTRAINT requests_fingerprint_check CHECK ((length(fingerprint) = 32))
);


--
-- Name: subnet_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.subnet_history (
    id uuid NOT NULL,
    network_id uuid NOT NULL,
    cidr text NOT NULL COLLATE pg_catalog."C",
    gateway text COLLATE pg_catalog."C",
    dns text NOT NULL COLLATE pg_catalog."C",
    mode text NOT NULL COLLATE pg_catalog."C",
    pools text NOT NULL COLLATE pg_catalog."C",
    quarantine_secs bigint NOT NULL,
    routes text NOT NULL COLLATE pg_catalog."C",
    dhcp_server text COLLATE pg_catalog."C",
    interface text COLLATE pg_catalog."C",
    version bigint NOT NULL,
    ended_at bigint NOT NULL
);


--
-- Name: subnets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.subnets (
    id uuid NOT NULL,
    network_id uuid NOT NULL,
    cidr text NOT NULL COLLATE pg_catalog."C",
    gateway text COLLATE pg_catalog."C",
    dns text NOT NULL COLLATE pg_catalog."C",
    mode text NOT NULL COLLATE pg_catalog."C",
    pools text NOT NULL COLLATE pg_catalog."C",
    quarantine_secs bigint NOT NULL,
    routes text NOT NULL COLLATE pg_catalog."C",
    dhcp_server text COLLATE pg_catalog."C",
    interface text COLLATE pg_catalog."C",
    version bigint NOT NULL,
    is_there boolean DEFAULT true NOT NULL,
    CONSTRAINT subnets_is_there_check CHECK (is_there),
    CONSTRAINT subnets_mode_check CHECK ((mode = ANY (ARRAY['pool'::text, 'eui64'::text, 'account_identifier'::text]))),
    CONSTRAINT subnets_quarantine_secs_check CHECK ((quarantine_secs >= 0))
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (1, 'ledger', '2026-11-30 18:09:03.338774+00', true, '\x8a49bdf114434e3547f1fabaf8a9e58160a38d820af1e5949934dea524232aee11802b01b8d47e587b8f8f3c01fa2363', 204131754);


--
-- Data for Name: blocks; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.blocks VALUES ('e1e7c353-3105-4e6d-a755-949d0a28a0b7', '\x0a010000', '\x0f00000000000000000000000000000000000000000000000000000000000080', 251);
INSERT INTO public.blocks VALUES ('9d976d3d-85aa-4999-8612-48f754a779fd', '\xac180400', '\xfbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 1);


--
-- Data for Name: counters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.counters VALUES ('networks', 2);
INSERT INTO public.counters VALUES ('events', 18);


--
-- Data for Name: dns_domains; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: dns_entries; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: ended_subnets; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: fixed_ip_history; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.fixed_ip_history VALUES ('e1e7c353-3105-4e6d-a755-949d0a28a0b7', '\x0a010003', '48b9e226-eccf-8f0e-8d6d-9d5b39de604f', '00000000-0000-0000-0000-000000000002', 1790000000000000, 1790000000000000);


--
-- Data for Name: fixed_ips; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.fixed_ips VALUES ('e1e7c353-3105-4e6d-a755-949d0a28a0b7', '\x0a010002', '6bb304e1-34f4-8dd5-96e5-b9b4d35336e9', NULL, NULL, NULL, 1790000000000000, NULL, NULL, NULL, false, DEFAULT);
INSERT INTO public.fixed_ips VALUES ('e1e7c353-3105-4e6d-a755-949d0a28a0b7', '\x0a010003', NULL, NULL, NULL, 1790000001000000, 1790000000000000, NULL, NULL, NULL, false, DEFAULT);


--
-- Data for Name: floating_ip_history; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.floating_ip_history VALUES ('\xac180401', '9d976d3d-85aa-4999-8612-48f754a779fd', '56309563-c668-45e0-85fa-914cf53dfee6', 'p1', NULL, NULL, NULL, NULL, NULL, false, 1790000001000000, 1790000001000000, 1790000001000000);


--
-- Data for Name: floating_ips; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.floating_ips VALUES ('\xac180401', '9d976d3d-85aa-4999-8612-48f754a779fd', '56309563-c668-45e0-85fa-914cf53dfee6', 'p1', '6bb304e1-34f4-8dd5-96e5-b9b4d35336e9', '00000000-0000-0000-0000-000000000001', '2530ce25-42cd-4da3-83b1-acbbd36708b3', 'e1e7c353-3105-4e6d-a755-949d0a28a0b7', '\x0a010002', false, 1790000001000000, 1790000001000000);


--
-- Data for Name: floating_ranges; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.floating_ranges VALUES ('9d976d3d-85aa-4999-8612-48f754a779fd', '56309563-c668-45e0-85fa-914cf53dfee6', '\xac180401', '\xac180402', 2, 1);


--
-- Data for Name: free_macs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: frontiers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.frontiers VALUES ('e1e7c353-3105-4e6d-a755-949d0a28a0b7', NULL);
INSERT INTO public.frontiers VALUES ('9d976d3d-85aa-4999-8612-48f754a779fd', NULL);


--
-- Data for Name: host_claims; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: hosts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.hosts VALUES ('host-2', 0, true);
INSERT INTO public.hosts VALUES ('host-3', 0, true);
INSERT INTO public.hosts VALUES ('a', 0, true);
INSERT INTO public.hosts VALUES ('b', 0, true);
INSERT INTO public.hosts VALUES ('c', 0, true);
INSERT INTO public.hosts VALUES ('elsewhere', 2, true);
INSERT INTO public.hosts VALUES ('host-1', 4, true);


--
-- Data for Name: incarnations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.incarnations VALUES ('00000000-0000-0000-0000-000000000002', 1);


--
-- Data for Name: instance_history; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.instance_history VALUES ('00000000-0000-0000-0000-000000000002', 1, 'p1', 'host-1', NULL, false, 1790000000000000, 1790000000000000);


--
-- Data for Name: instances; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.instances VALUES ('00000000-0000-0000-0000-000000000001', 1, 'p1', 'host-1', NULL, false, 1790000000000000, NULL, NULL, '[{"destination":"host-1","revision":2}]', NULL, false);


--
-- Data for Name: journal; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.journal VALUES (2, 2, 1790000000000000, '', NULL, 'CreateNetworks', '[{"kind":"network.created","is_public":true,"about":{"label":"private","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3"}},{"kind":"subnet.created","is_public":true,"about":{"cidr":"10.1.0.0/24","gateway":"10.1.0.1","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","subnet_id":"e1e7c353-3105-4e6d-a755-949d0a28a0b7"}}]');
INSERT INTO public.journal VALUES (4, 2, 1790000000000000, '', NULL, 'AllocateForInstance', '[{"kind":"instance.allocated","project":"p1","about":{"host":"elsewhere","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000001"}},{"kind":"port.created","project":"p1","about":{"fixed_ips":"10.1.0.2","host":"elsewhere","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000001","mac":"fa:16:3e:04:e1:34","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","port_id":"6bb304e1-34f4-8dd5-96e5-b9b4d35336e9"}}]');
INSERT INTO public.journal VALUES (6, 2, 1790000000000000, '', NULL, 'MigrateInstanceStart', '[{"kind":"instance.migrating","project":"p1","about":{"destination":"host-1","host":"elsewhere","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000001"}},{"kind":"port.modified","project":"p1","about":{"host":"elsewhere","instance_id":"00000000-0000-0000-0000-000000000001","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","port_id":"6bb304e1-34f4-8dd5-96e5-b9b4d35336e9","target_host":"host-1","target_status":"PENDING"}}]');
INSERT INTO public.journal VALUES (8, 2, 1790000000000000, '', NULL, 'MigrateInstanceFinish', '[{"kind":"instance.migrated","project":"p1","about":{"host":"host-1","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000001","old_host":"elsewhere"}},{"kind":"port.modified","project":"p1","about":{"host":"host-1","instance_id":"00000000-0000-0000-0000-000000000001","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","old_host":"elsewhere","old_target_host":"host-1","old_target_status":"PENDING","port_id":"6bb304e1-34f4-8dd5-96e5-b9b4d35336e9"}}]');
INSERT INTO public.journal VALUES (10, 2, 1790000000000000, '', NULL, 'AllocateForInstance', '[{"kind":"instance.allocated","project":"p1","about":{"host":"host-1","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000002"}},{"kind":"port.created","project":"p1","about":{"fixed_ips":"10.1.0.3","host":"host-1","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000002","mac":"fa:16:3e:e2:26:ec","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","port_id":"48b9e226-eccf-8f0e-8d6d-9d5b39de604f"}}]');
INSERT INTO public.journal VALUES (12, 2, 1790000000000000, '', NULL, 'DeallocateForInstance', '[{"kind":"instance.deallocated","project":"p1","about":{"host":"host-1","incarnation":"1","instance_id":"00000000-0000-0000-0000-000000000002"}},{"kind":"port.released","project":"p1","about":{"host":"host-1","instance_id":"00000000-0000-0000-0000-000000000002","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","port_id":"48b9e226-eccf-8f0e-8d6d-9d5b39de604f"}}]');
INSERT INTO public.journal VALUES (13, 1, 1790000000000000, '', NULL, 'ReportHost', '[{"kind":"port.deleted","project":"p1","about":{"fixed_ips":"10.1.0.3","host":"host-1","instance_id":"00000000-0000-0000-0000-000000000002","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","port_id":"48b9e226-eccf-8f0e-8d6d-9d5b39de604f"}}]');
INSERT INTO public.journal VALUES (15, 2, 1790000001000000, '', NULL, 'CreateFloatingPool', '[{"kind":"network.created","is_public":true,"about":{"external":"true","label":"nova","network_id":"56309563-c668-45e0-85fa-914cf53dfee6"}},{"kind":"subnet.created","about":{"cidr":"172.24.4.0/30","network_id":"56309563-c668-45e0-85fa-914cf53dfee6","subnet_id":"9d976d3d-85aa-4999-8612-48f754a779fd"}}]');
INSERT INTO public.journal VALUES (16, 1, 1790000001000000, '', NULL, 'AllocateFloatingIp', '[{"kind":"floating_ip.allocated","project":"p1","about":{"floating_ip":"172.24.4.1","pool":"nova"}}]');
INSERT INTO public.journal VALUES (17, 1, 1790000001000000, '', NULL, 'AssociateFloatingIp', '[{"kind":"floating_ip.associated","project":"p1","about":{"fixed_ip":"10.1.0.2","floating_ip":"172.24.4.1","instance_id":"00000000-0000-0000-0000-000000000001","network_id":"2530ce25-42cd-4da3-83b1-acbbd36708b3","pool":"nova","port_id":"6bb304e1-34f4-8dd5-96e5-b9b4d35336e9"}}]');
INSERT INTO public.journal VALUES (18, 1, 1790000001000000, '', NULL, 'CreateMacRange', '[{"kind":"mac_range.created","about":{"mac_range_id":"bbdf5311-bb16-470f-acc2-e86da14bd3e7","range":"02:16:3e:00:00:00/40"}}]');


--
-- Data for Name: mac_ranges; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.mac_ranges VALUES ('bbdf5311-bb16-470f-acc2-e86da14bd3e7', 2294552723456, 2294552723711, 40, 0, 0, false, 1790000001000000);


--
-- Data for Name: manager_settings; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: network_history; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: networks; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.networks VALUES ('2530ce25-42cd-4da3-83b1-acbbd36708b3', NULL, 'private', 0, 1500, 1, 1790000000000000, NULL, false, false, 0, 'brq2530ce25-42');
INSERT INTO public.networks VALUES ('56309563-c668-45e0-85fa-914cf53dfee6', NULL, 'nova', 0, 1500, 2, 1790000001000000, NULL, false, true, 0, 'brq56309563-c6');


--
-- Data for Name: pending_unplugs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.pending_unplugs VALUES ('6bb304e1-34f4-8dd5-96e5-b9b4d35336e9', 'elsewhere', 2, false);


--
-- Data for Name: port_history; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.port_history VALUES ('48b9e226-eccf-8f0e-8d6d-9d5b39de604f', '00000000-0000-0000-0000-000000000002', 1, '2530ce25-42cd-4da3-83b1-acbbd36708b3', 'p1', 'host-1', 0, 274973451233004, 'tap48b9e226-ec', '{"kind":"tap"}', 'PENDING', NULL, true, 4, 1790000000000000, false, 1790000000000000);


--
-- Data for Name: ports; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ports VALUES ('6bb304e1-34f4-8dd5-96e5-b9b4d35336e9', '00000000-0000-0000-0000-000000000001', 1, '2530ce25-42cd-4da3-83b1-acbbd36708b3', 'p1', 'host-1', 0, 274973436731700, NULL, 'tap6bb304e1-34', '{"kind":"tap"}', 'PENDING', NULL, false, 1, 1790000000000000, true, NULL, NULL, NULL, DEFAULT);


--
-- Data for Name: quotas; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.quotas VALUES ('p1', NULL, NULL, NULL, NULL, 0, 1, 1, 1);


--
-- Data for Name: requests; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: subnet_history; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: subnets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.subnets VALUES ('e1e7c353-3105-4e6d-a755-949d0a28a0b7', '2530ce25-42cd-4da3-83b1-acbbd36708b3', '10.1.0.0/24', '10.1.0.1', '[]', 'pool', '[{"first":"10.1.0.1","last":"10.1.0.254"}]', 1, '[]', NULL, NULL, 0, true);
INSERT INTO public.subnets VALUES ('9d976d3d-85aa-4999-8612-48f754a779fd', '56309563-c668-45e0-85fa-914cf53dfee6', '172.24.4.0/30', NULL, '[]', 'pool', '[{"first":"172.24.4.1","last":"172.24.4.2"}]', 0, '[]', NULL, NULL, 0, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


--
-- Name: blocks blocks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (subnet_id, first);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (name);


--
-- Name: dns_domains dns_domains_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dns_domains
    ADD CONSTRAINT dns_domains_name_key UNIQUE (name);


--
-- Name: dns_domains dns_domains_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dns_domains
    ADD CONSTRAINT dns_domains_pkey PRIMARY KEY (id);


--
-- Name: dns_entries dns_entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dns_entries
    ADD CONSTRAINT dns_entries_pkey PRIMARY KEY (domain_id, name, type);


--
-- Name: ended_subnets ended_subnets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ended_subnets
    ADD CONSTRAINT ended_subnets_pkey PRIMARY KEY (subnet_id);


--
-- Name: fixed_ips fixed_ips_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fixed_ips
    ADD CONSTRAINT fixed_ips_pkey PRIMARY KEY (subnet_id, address);


--
-- Name: floating_ips floating_ips_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ips
    ADD CONSTRAINT floating_ips_pkey PRIMARY KEY (address);


--
-- Name: floating_ranges floating_ranges_first_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ranges
    ADD CONSTRAINT floating_ranges_first_key UNIQUE (first);


--
-- Name: floating_ranges floating_ranges_last_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ranges
    ADD CONSTRAINT floating_ranges_last_key UNIQUE (last);


--
-- Name: floating_ranges floating_ranges_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ranges
    ADD CONSTRAINT floating_ranges_pkey PRIMARY KEY (subnet_id);


--
-- Name: free_macs free_macs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.free_macs
    ADD CONSTRAINT free_macs_pkey PRIMARY KEY (mac);


--
-- Name: frontiers frontiers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.frontiers
    ADD CONSTRAINT frontiers_pkey PRIMARY KEY (subnet_id);


--
-- Name: host_claims host_claims_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.host_claims
    ADD CONSTRAINT host_claims_pkey PRIMARY KEY (host_id);


--
-- Name: hosts hosts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT hosts_pkey PRIMARY KEY (id);


--
-- Name: incarnations incarnations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.incarnations
    ADD CONSTRAINT incarnations_pkey PRIMARY KEY (instance_id);


--
-- Name: instances instances_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.instances
    ADD CONSTRAINT instances_pkey PRIMARY KEY (id);


--
-- Name: journal journal_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (last);


--
-- Name: mac_ranges mac_ranges_first_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mac_ranges
    ADD CONSTRAINT mac_ranges_first_key UNIQUE (first);


--
-- Name: mac_ranges mac_ranges_last_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mac_ranges
    ADD CONSTRAINT mac_ranges_last_key UNIQUE (last);


--
-- Name: mac_ranges mac_ranges_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mac_ranges
    ADD CONSTRAINT mac_ranges_number_key UNIQUE (number);


--
-- Name: mac_ranges mac_ranges_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mac_ranges
    ADD CONSTRAINT mac_ranges_pkey PRIMARY KEY (id);


--
-- Name: manager_settings manager_settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.manager_settings
    ADD CONSTRAINT manager_settings_pkey PRIMARY KEY (name);


--
-- Name: networks networks_bridge_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.networks
    ADD CONSTRAINT networks_bridge_key UNIQUE (bridge);


--
-- Name: networks networks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.networks
    ADD CONSTRAINT networks_pkey PRIMARY KEY (id);


--
-- Name: networks networks_sequence_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.networks
    ADD CONSTRAINT networks_sequence_key UNIQUE (sequence);


--
-- Name: pending_unplugs pending_unplugs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pending_unplugs
    ADD CONSTRAINT pending_unplugs_pkey PRIMARY KEY (port_id, host_id);


--
-- Name: ports ports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ports
    ADD CONSTRAINT ports_pkey PRIMARY KEY (id);


--
-- Name: quotas quotas_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quotas
    ADD CONSTRAINT quotas_pkey PRIMARY KEY (project_id);


--
-- Name: requests requests_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (caller, request_id);


--
-- Name: subnets subnets_id_is_there_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.subnets
    ADD CONSTRAINT subnets_id_is_there_key UNIQUE (id, is_there);


--
-- Name: subnets subnets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.subnets
    ADD CONSTRAINT subnets_pkey PRIMARY KEY (id);


--
-- Name: blocks_with_free; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX blocks_with_free ON public.blocks USING btree (subnet_id, first) WHERE (free > 0);


--
-- Name: dns_domains_by_project; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dns_domains_by_project ON public.dns_domains USING btree (project_id, name) WHERE (NOT is_private);


--
-- Name: dns_domains_of_nobody; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dns_domains_of_nobody ON public.dns_domains USING btree (name) WHERE ((project_id IS NULL) AND (NOT is_private));


--
-- Name: dns_entries_by_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dns_entries_by_address ON public.dns_entries USING btree (address, domain_id, name);


--
-- Name: dns_entries_by_bond; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dns_entries_by_bond ON public.dns_entries USING btree (subnet_id, address) WHERE (subnet_id IS NOT NULL);


--
-- Name: dns_entries_by_port; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dns_entries_by_port ON public.dns_entries USING btree (port_id) WHERE (port_id IS NOT NULL);


--
-- Name: fixed_ip_history_by_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ip_history_by_address ON public.fixed_ip_history USING btree (address, ended_at);


--
-- Name: fixed_ip_history_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ip_history_by_end ON public.fixed_ip_history USING btree (ended_at);


--
-- Name: fixed_ip_history_by_instance; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ip_history_by_instance ON public.fixed_ip_history USING btree (instance_id, ended_at);


--
-- Name: fixed_ips_by_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_by_address ON public.fixed_ips USING btree (address, subnet_id);


--
-- Name: fixed_ips_by_lease; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_by_lease ON public.fixed_ips USING btree (lease_mac, address) WHERE (lease_mac IS NOT NULL);


--
-- Name: fixed_ips_by_port; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_by_port ON public.fixed_ips USING btree (port_id) WHERE (port_id IS NOT NULL);


--
-- Name: fixed_ips_leased; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_leased ON public.fixed_ips USING btree (subnet_id, address) WHERE ((lease_mac IS NOT NULL) AND (port_id IS NOT NULL));


--
-- Name: fixed_ips_reserved; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_reserved ON public.fixed_ips USING btree (subnet_id, address) WHERE (reserved_for IS NOT NULL);


--
-- Name: fixed_ips_resting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_resting ON public.fixed_ips USING btree (quarantined_until) WHERE ((quarantined_until IS NOT NULL) AND (reserved_for IS NULL));


--
-- Name: fixed_ips_resting_by_subnet; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_resting_by_subnet ON public.fixed_ips USING btree (subnet_id, quarantined_until, address) WHERE ((quarantined_until IS NOT NULL) AND (reserved_for IS NULL));


--
-- Name: fixed_ips_resting_in_order; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fixed_ips_resting_in_order ON public.fixed_ips USING btree (subnet_id, address) WHERE ((quarantined_until IS NOT NULL) AND (reserved_for IS NULL));


--
-- Name: floating_ip_history_by_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ip_history_by_address ON public.floating_ip_history USING btree (address, ended_at);


--
-- Name: floating_ip_history_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ip_history_by_end ON public.floating_ip_history USING btree (ended_at);


--
-- Name: floating_ip_history_by_instance; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ip_history_by_instance ON public.floating_ip_history USING btree (instance_id, ended_at) WHERE (instance_id IS NOT NULL);


--
-- Name: floating_ips_by_fixed_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_fixed_address ON public.floating_ips USING btree (fixed_address, address) WHERE (fixed_address IS NOT NULL);


--
-- Name: floating_ips_by_fixed_ip; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_fixed_ip ON public.floating_ips USING btree (fixed_address, fixed_subnet_id) WHERE (fixed_address IS NOT NULL);


--
-- Name: floating_ips_by_network; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_network ON public.floating_ips USING btree (network_id, address) WHERE (network_id IS NOT NULL);


--
-- Name: floating_ips_by_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_pool ON public.floating_ips USING btree (pool_id, is_auto_assigned, address);


--
-- Name: floating_ips_by_port; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_port ON public.floating_ips USING btree (port_id) WHERE (port_id IS NOT NULL);


--
-- Name: floating_ips_by_project; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_project ON public.floating_ips USING btree (project_id, is_auto_assigned, address);


--
-- Name: floating_ips_by_project_in_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_project_in_pool ON public.floating_ips USING btree (project_id, pool_id, is_auto_assigned, address);


--
-- Name: floating_ips_by_project_to_address; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_project_to_address ON public.floating_ips USING btree (fixed_address, project_id, address) WHERE (fixed_address IS NOT NULL);


--
-- Name: floating_ips_by_range; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_by_range ON public.floating_ips USING btree (subnet_id, address);


--
-- Name: floating_ips_chosen; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ips_chosen ON public.floating_ips USING btree (address) WHERE (NOT is_auto_assigned);


--
-- Name: floating_ranges_by_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX floating_ranges_by_pool ON public.floating_ranges USING btree (pool_id, first);


--
-- Name: free_macs_by_range; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX free_macs_by_range ON public.free_macs USING btree (mac_range_id, since, mac);


--
-- Name: instance_history_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX instance_history_by_end ON public.instance_history USING btree (ended_at);


--
-- Name: instance_history_by_life; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX instance_history_by_life ON public.instance_history USING btree (id, incarnation);


--
-- Name: instances_by_project; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX instances_by_project ON public.instances USING btree (project_id, created_at, id);


--
-- Name: network_history_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX network_history_by_end ON public.network_history USING btree (ended_at);


--
-- Name: network_history_by_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX network_history_by_id ON public.network_history USING btree (id, ended_at);


--
-- Name: networks_by_host; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX networks_by_host ON public.networks USING btree (host_id, id) WHERE (host_id IS NOT NULL);


--
-- Name: networks_by_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX networks_by_pool ON public.networks USING btree (label) WHERE is_external;


--
-- Name: networks_by_project; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX networks_by_project ON public.networks USING btree (project_id, sequence) WHERE (NOT is_external);


--
-- Name: networks_of_nobody; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX networks_of_nobody ON public.networks USING btree (sequence) WHERE ((project_id IS NULL) AND (NOT is_external));


--
-- Name: networks_of_pools; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX networks_of_pools ON public.networks USING btree (sequence) WHERE is_external;


--
-- Name: networks_to_plug_into; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX networks_to_plug_into ON public.networks USING btree (sequence) WHERE (NOT is_external);


--
-- Name: pending_unplugs_by_revision; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pending_unplugs_by_revision ON public.pending_unplugs USING btree (host_id, revision);


--
-- Name: pending_unplugs_waited_for; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pending_unplugs_waited_for ON public.pending_unplugs USING btree (host_id, port_id) WHERE (NOT is_fenced);


--
-- Name: port_history_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX port_history_by_end ON public.port_history USING btree (ended_at);


--
-- Name: port_history_by_id; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX port_history_by_id ON public.port_history USING btree (id);


--
-- Name: port_history_by_instance; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX port_history_by_instance ON public.port_history USING btree (instance_id, ended_at);


--
-- Name: port_history_by_mac; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX port_history_by_mac ON public.port_history USING btree (mac, ended_at);


--
-- Name: ports_by_device; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX ports_by_device ON public.ports USING btree (device);


--
-- Name: ports_by_instance; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX ports_by_instance ON public.ports USING btree (alive_since, instance_id, incarnation, "position");


--
-- Name: ports_by_mac; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX ports_by_mac ON public.ports USING btree (mac);


--
-- Name: ports_by_mac_range; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ports_by_mac_range ON public.ports USING btree (mac_range_id) WHERE (mac_range_id IS NOT NULL);


--
-- Name: ports_by_network; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ports_by_network ON public.ports USING btree (network_id, id);


--
-- Name: ports_by_project; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ports_by_project ON public.ports USING btree (project_id, network_id, id);


--
-- Name: ports_by_revision; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ports_by_revision ON public.ports USING btree (host_id, revision);


--
-- Name: ports_by_target; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ports_by_target ON public.ports USING btree (target_host_id, target_revision) WHERE (target_host_id IS NOT NULL);


--
-- Name: requests_by_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX requests_by_age ON public.requests USING btree (created_at);


--
-- Name: subnet_history_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX subnet_history_by_end ON public.subnet_history USING btree (ended_at);


--
-- Name: subnet_history_by_network; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX subnet_history_by_network ON public.subnet_history USING btree (network_id, ended_at);


--
-- Name: subnets_by_network; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX subnets_by_network ON public.subnets USING btree (network_id);


--
-- Name: dns_entries dns_entries_domain_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dns_entries
    ADD CONSTRAINT dns_entries_domain_id_fkey FOREIGN KEY (domain_id) REFERENCES public.dns_domains(id);


--
-- Name: dns_entries dns_entries_port_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dns_entries
    ADD CONSTRAINT dns_entries_port_id_fkey FOREIGN KEY (port_id) REFERENCES public.ports(id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: dns_entries dns_entries_subnet_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dns_entries
    ADD CONSTRAINT dns_entries_subnet_id_fkey FOREIGN KEY (subnet_id) REFERENCES public.subnets(id);


--
-- Name: fixed_ips fixed_ips_port_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fixed_ips
    ADD CONSTRAINT fixed_ips_port_id_fkey FOREIGN KEY (port_id) REFERENCES public.ports(id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: fixed_ips fixed_ips_subnet_id_is_held_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fixed_ips
    ADD CONSTRAINT fixed_ips_subnet_id_is_held_fkey FOREIGN KEY (subnet_id, is_held) REFERENCES public.subnets(id, is_there);


--
-- Name: floating_ips floating_ips_fixed_subnet_id_fixed_address_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ips
    ADD CONSTRAINT floating_ips_fixed_subnet_id_fixed_address_fkey FOREIGN KEY (fixed_subnet_id, fixed_address) REFERENCES public.fixed_ips(subnet_id, address) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: floating_ips floating_ips_port_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ips
    ADD CONSTRAINT floating_ips_port_id_fkey FOREIGN KEY (port_id) REFERENCES public.ports(id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: floating_ips floating_ips_subnet_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ips
    ADD CONSTRAINT floating_ips_subnet_id_fkey FOREIGN KEY (subnet_id) REFERENCES public.floating_ranges(subnet_id);


--
-- Name: floating_ranges floating_ranges_pool_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ranges
    ADD CONSTRAINT floating_ranges_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES public.networks(id);


--
-- Name: floating_ranges floating_ranges_subnet_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.floating_ranges
    ADD CONSTRAINT floating_ranges_subnet_id_fkey FOREIGN KEY (subnet_id) REFERENCES public.subnets(id);


--
-- Name: free_macs free_macs_mac_range_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.free_macs
    ADD CONSTRAINT free_macs_mac_range_id_fkey FOREIGN KEY (mac_range_id) REFERENCES public.mac_ranges(id);


--
-- Name: ports ports_mac_range_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ports
    ADD CONSTRAINT ports_mac_range_id_fkey FOREIGN KEY (mac_range_id) REFERENCES public.mac_ranges(id);


--
-- Name: ports ports_network_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ports
    ADD CONSTRAINT ports_network_id_fkey FOREIGN KEY (network_id) REFERENCES public.networks(id);


--
-- Name: subnets subnets_network_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.subnets
    ADD CONSTRAINT subnets_network_id_fkey FOREIGN KEY (network_id) REFERENCES public.networks(id);


--
-- PostgreSQL database dump complete
--


