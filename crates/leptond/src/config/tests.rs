use lepton_manager::Role;
use tempfile::TempDir;

use super::*;

/// Sources that say nothing, on a host named `node1`.
fn silent() -> Sources {
    Sources {
        file: ConfigFile::Default("/nonexistent/lepton.toml".into()),
        variables: Vec::new(),
        flags: BTreeMap::new(),
        hostname: "node1".to_owned(),
        uid: 990,
    }
}

/// What comes of a file, an environment and flags; the file's path is `lepton.toml` in what it says.
fn load(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lepton.toml");
    fs::write(&path, file).unwrap();
    let sources = Sources {
        file: ConfigFile::Named(path),
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        flags: flags.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect(),
        ..silent()
    };
    let prefix = format!("{}/", folder.path().display());
    Config::load(&sources).map_err(|mistakes| mistakes.to_string().replace(&prefix, ""))
}

/// All that is wrong with a file, line by line.
fn mistakes_of(file: &str) -> Vec<String> {
    mistakes(load(file, &[], &[]))
}

fn mistakes(loaded: Result<Config, String>) -> Vec<String> {
    loaded.unwrap_err().lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

fn tcp_address(config: &Config) -> SocketAddr {
    match config.listen.tcp.as_ref().unwrap() {
        TcpListen::Loopback(address) => address.address(),
        TcpListen::Tls(tls) => tls.address,
    }
}

const TLS: &str = "tls.cert = '/tls/cert'\ntls.key = '/tls/key'\ntls.client_ca = '/tls/ca'\n";

#[test]
fn without_any_source_the_defaults_make_one_machine_work_alone() {
    let config = Config::load(&silent()).unwrap();
    let unix = config.listen.unix.as_ref().unwrap();

    assert_eq!((config.roles, config.host.as_str()), (Roles::ManagerAndAgent, "node1"));
    assert_eq!(config.database, Database::Sqlite("/var/lib/lepton/lepton.db".into()));
    assert_eq!((unix.path.to_string(), unix.mode.bits()), ("/run/lepton/lepton.sock".to_owned(), 0o660));
    assert_eq!(tcp_address(&config), "127.0.0.1:9797".parse().unwrap());
    assert_eq!((config.trust.daemon_uid, config.trust.unix_role), (990, None));
    assert_eq!((config.backend, config.drain), (Backend::Linux, Duration::from_secs(10)));
    assert_eq!(config.keep.history, Duration::from_hours(24 * 90));
    assert_eq!(config.keep.events, Duration::from_hours(24 * 7));
    assert_eq!((config.queue_limit.get(), config.keep.requests), (4096, Duration::from_hours(24)));
}

#[test]
fn flags_go_over_the_environment_which_goes_over_the_file() {
    let file = "host = 'file'\nlisten.tcp = '127.0.0.1:1'\n[log]\nlevel = 'warn'\n";
    let variables = [("LEPTON_HOST", "variable"), ("LEPTON_LISTEN_TCP", "127.0.0.1:2"), ("HOST", "not ours")];
    let config = load(file, &variables, &[("host", "flag")]).unwrap();

    assert_eq!((config.host.as_str(), tcp_address(&config).port()), ("flag", 2));
    assert_eq!(config.log.level.to_string(), "warn");
    for line in ["host = \"flag\"", "# --host", "# LEPTON_LISTEN_TCP", "lepton.toml:4\n", "# default\n"] {
        assert!(config.effective.to_string().contains(line), "{line:?} in\n{}", config.effective);
    }
}

#[test]
fn an_empty_text_unsets_what_a_lower_layer_set() {
    let config = load("host = 'file'", &[("LEPTON_HOST", "")], &[]).unwrap();
    assert_eq!(config.host.as_str(), "node1");
}

#[test]
fn every_setting_can_be_set_in_every_layer() {
    let values = [
        ("roles", "manager"),
        ("host", "h"),
        ("state_dir", "/s"),
        ("database.url", "sqlite:/d"),
        ("listen.unix", "/u"),
        ("listen.unix_mode", "0600"),
        ("listen.unix_group", "g"),
        ("listen.tcp", "[::1]:1"),
        ("listen.metrics", "[::1]:2"),
        ("listen.max_connections", "9"),
        ("tls.cert", "/c"),
        ("tls.key", "/k"),
        ("tls.client_ca", "/a"),
        ("tls.max_connection_age", "90s"),
        ("auth.unix_role", "reader"),
        ("auth.loopback_role", "compute"),
        ("auth.trust_domain", "example.org"),
        ("auth.certificate_hosts", "any"),
        ("agent.backend", "fake"),
        ("network.mac_base", "02:00:00"),
        ("dhcp.domain", "guests.local"),
        ("dhcp.lease_time", "1h"),
        ("dhcp.single_default_gateway", "true"),
        ("dns.instance_domain", "guests.example"),
        ("floating.default_pool", "blue"),
        ("floating.auto_assign", "true"),
        ("hosts.accept", "known"),
        ("quota.networks", "3"),
        ("quota.ports", "0"),
        ("quota.fixed_ips", "4294967295"),
        ("quota.floating_ips", "-1"),
        ("queue.limit", "7"),
        ("request_ids.keep", "7d"),
        ("history.keep", "30d"),
        ("events.keep", "2d"),
        ("audit.period", "1h"),
        ("log.format", "json"),
        ("log.level", "debug"),
        ("traces.endpoint", "http://[::1]:4317"),
        ("traces.ratio", "0.25"),
        ("shutdown.drain", "1s"),
    ];
    assert_eq!(values.map(|(key, _)| key).as_slice(), SETTINGS.iter().map(|row| row.key).collect::<Vec<_>>());

    let file: String = values
        .iter()
        .zip(SETTINGS)
        .map(|((key, text), row)| format!("{key} = {}\n", row.toml(text)))
        .collect();
    let names: Vec<_> = SETTINGS.iter().map(schema::Setting::variable).collect();
    let variables: Vec<_> = names.iter().zip(values).map(|(name, (_, text))| (&**name, text)).collect();
    let without_places =
        |config: Config| config.effective.0.into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    let by_file = without_places(load(&file, &[], &[]).unwrap());

    assert_eq!(by_file, file.lines().collect::<Vec<_>>());
    assert_eq!(by_file, without_places(load("", &variables, &[]).unwrap()));
    assert_eq!(by_file, without_places(load("", &[], &values).unwrap()));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let file = "hots = 'a'\nlisten.tcp = 'localhost:1'\n\n[queue]\nlimit = 'many'\n";
    let loaded =
        load(file, &[("LEPTON_LOG_LEVEL", "loud"), ("LEPTON_LOGLEVEL", "info")], &[("shutdown.drain", "1h")]);

    assert_eq!(
        mistakes(loaded),
        [
            "lepton.toml:1: there is no setting hots (did you mean host?)",
            "lepton.toml:5: queue.limit: this is a TOML string (expected a whole number, for example 4096)",
            "LEPTON_LOGLEVEL: no setting has this environment variable (did you mean LEPTON_LOG_LEVEL?)",
            "lepton.toml:2: listen.tcp: \"localhost:1\" is not an address and port (expected for example 127.0.0.1:9797 \
             or [::1]:9797)",
            "LEPTON_LOG_LEVEL: log.level: \"loud\" is not a log level (expected error, warn, info, debug, trace, or \
             module=level, with commas)",
            "--shutdown-drain: shutdown.drain: \"1h\" is not a length of time from 0s to 10m (expected a number and d, h, m, \
             s or ms)",
        ]
    );
}

#[test]
fn a_wrong_value_is_told_also_where_another_lies_over_it() {
    let file = "[queue]\nlimit = -5\n";
    let in_file = "lepton.toml:2: queue.limit: \"-5\" is not a number from 1 to 1000000";
    let in_variable = "LEPTON_QUEUE_LIMIT: queue.limit: \"abc\" is not a number from 1 to 1000000";
    let variable = [("LEPTON_QUEUE_LIMIT", "abc")];
    assert_eq!(mistakes(load(file, &variable, &[])), [in_file, in_variable]);
    assert_eq!(mistakes(load(file, &variable, &[("queue.limit", "7")])), [in_file, in_variable]);
    assert_eq!(mistakes(load(file, &[("LEPTON_QUEUE_LIMIT", "7")], &[])), [in_file]);
}

#[test]
fn a_file_that_was_asked_for_must_exist_and_the_default_need_not() {
    let path = PathBuf::from("/nonexistent/lepton.toml");
    assert!(Config::load(&Sources { file: ConfigFile::Default(path.clone()), ..silent() }).is_ok());
    let error = Config::load(&Sources { file: ConfigFile::Named(path), ..silent() }).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/lepton.toml: cannot read the file: No such file"), "{error}");
}

#[test]
fn the_default_file_is_read_where_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lepton.toml");
    fs::write(&path, "host = 'node7'").unwrap();
    let config = Config::load(&Sources { file: ConfigFile::Default(path), ..silent() }).unwrap();
    assert_eq!(config.host.as_str(), "node7");
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake_even_as_the_default() {
    let folder = TempDir::new().unwrap();
    let file = ConfigFile::Default(folder.path().to_owned());
    let error = Config::load(&Sources { file, ..silent() }).unwrap_err().to_string();
    assert!(error.contains("cannot read the file: Is a directory"), "{error}");

    let path = folder.path().join("latin1.toml");
    fs::write(&path, b"host = 'caf\xe9'").unwrap();
    let error = Config::load(&Sources { file: ConfigFile::Named(path), ..silent() }).unwrap_err().to_string();
    assert!(error.contains("latin1.toml: the file is not UTF-8"), "{error}");
}

#[test]
fn of_a_file_that_is_no_toml_only_its_syntax_is_told() {
    for (file, line) in [
        ("roles = [\n", 1),
        ("listen.unix = ''\nlisten.tcp = 127.0.0.1:9797\n", 2),
        ("[tls]\nkey = '/k\n", 2),
    ] {
        let mistakes = mistakes_of(file);
        assert!(
            mistakes.iter().all(|mistake| mistake.starts_with(&format!("lepton.toml:{line}: "))),
            "{mistakes:#?}"
        );
        assert!(
            !mistakes.iter().any(|mistake| SETTINGS.iter().any(|it| mistake.contains(it.key))),
            "{mistakes:#?}"
        );
    }
}

#[test]
fn mistakes_of_syntax_do_not_hide_others() {
    let file = "host = 'a'\nhost = 'b'\n[log\n";
    let variables = [("LEPTON_HOTS", "c"), ("LEPTON_LOG_LEVEL", "loud"), ("LEPTON_LISTEN_TCP", "0.0.0.0:1")];
    let mistakes = mistakes(load(file, &variables, &[("shutdown.drain", "1h")]));
    let places = [
        "lepton.toml:2: duplicate key",
        "lepton.toml:3: ",
        "LEPTON_HOTS: ",
        "LEPTON_LOG_LEVEL: ",
        "--shutdown-drain: ",
    ];
    for place in places {
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(place)), "{place} in {mistakes:#?}");
    }
    assert_eq!(
        mistakes.len(),
        places.len(),
        "whether others can reach the address with TLS the file would say: {mistakes:#?}"
    );
}

#[test]
fn a_value_of_another_kind_is_told_what_is_expected() {
    assert_eq!(
        mistakes_of("roles = 'manager'\nhost = 7\nlisten = 7\n[log]\nlevel.x = 1\n[[tls]]\n"),
        [
            "lepton.toml:2: host: this is a TOML integer (expected a text in quotes, for example \"\")",
            "lepton.toml:3: listen is a section, not a setting (write [listen])",
            "lepton.toml:5: log.level: this is a TOML table (expected a text in quotes, for example \"info\")",
            "lepton.toml:1: roles: this is a TOML string (expected a list of texts, for example [\"manager\", \"agent\"])",
            "lepton.toml:6: tls is a section, not a setting (write [tls])",
        ]
    );
    assert_eq!(
        mistakes_of("listen.unix_mode = 0o660\n"),
        [
            "lepton.toml:1: listen.unix_mode: this is a TOML integer (expected a text in quotes, for example \"0660\")"
        ]
    );
}

#[test]
fn an_unknown_key_gets_a_suggestion_only_if_one_is_near() {
    for (line, problem) in [
        ("databse.url = ''", "there is no setting databse (did you mean database?)"),
        ("database.ulr = ''", "there is no setting database.ulr (did you mean database.url?)"),
        ("metrics.port = 1", "there is no setting metrics"),
    ] {
        assert_eq!(mistakes_of(line), [format!("lepton.toml:1: {problem}")]);
    }
}

#[test]
fn variables_of_other_programs_are_not_ours_to_judge() {
    assert!(load("", &[("LEPTON_ENDPOINT", "x"), ("LEPTON_CONFIG", "/x"), ("PATH", "x")], &[]).is_ok());
}

#[test]
fn a_variable_that_is_not_utf8_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt;
    let variables = vec![("LEPTON_HOST".into(), OsString::from_vec(vec![0xe9]))];
    let error = Config::load(&Sources { variables, ..silent() }).unwrap_err().to_string();
    assert!(error.contains("LEPTON_HOST: host: the value is not UTF-8"), "{error}");
}

#[test]
fn what_other_machines_can_reach_needs_tls() {
    for address in ["0.0.0.0:9797", "[::]:9797", "192.0.2.1:9797", "[::ffff:192.0.2.1]:9797"] {
        let file = format!("listen.tcp = '{address}'\n");
        assert_eq!(
            mistakes_of(&file),
            [format!(
                "lepton.toml:1: listen.tcp: other machines can reach {address}, so callers must prove who they are: set \
                 tls.cert, tls.key and tls.client_ca, or listen on 127.0.0.1 or ::1"
            )]
        );
        let config = load(&(file + TLS), &[], &[]).unwrap();
        assert!(
            matches!(config.listen.tcp, Some(TcpListen::Tls(tls)) if tls.address == address.parse().unwrap())
        );
    }
}

#[test]
fn metrics_are_told_on_this_machine_alone() {
    for address in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"] {
        assert_eq!(
            mistakes_of(&format!("listen.metrics = '{address}'\n")),
            [format!(
                "lepton.toml:1: listen.metrics: other machines can reach {address}, and metrics are told to whoever asks: \
                 listen on 127.0.0.1 or ::1"
            )]
        );
    }
}

#[test]
fn tls_is_for_loopback_too_when_it_is_configured() {
    let config = load(TLS, &[], &[("tls.max_connection_age", "30m")]).unwrap();
    let files = TlsFiles { cert: "/tls/cert".into(), key: "/tls/key".into(), client_ca: "/tls/ca".into() };
    let Some(TcpListen::Tls(tls)) = config.listen.tcp else { panic!("{:?}", config.listen) };
    assert_eq!((tls.files, tls.max_connection_age), (files, Duration::from_mins(30)));
}

#[test]
fn tls_takes_all_three_files_or_none() {
    assert_eq!(
        mistakes_of("[tls]\nkey = '/tls/key'\n"),
        [
            "lepton.toml:2: tls.cert: it is needed with tls.key: TLS takes all three files or none",
            "lepton.toml:2: tls.client_ca: it is needed with tls.key: TLS takes all three files or none",
        ]
    );
    let relative =
        "tls.cert = 'cert'\ntls.key = '/tls/key'\ntls.client_ca = '/tls/ca'\nlisten.tcp = '[::]:1'\n";
    assert_eq!(
        mistakes_of(relative),
        ["lepton.toml:1: tls.cert: \"cert\" is not an absolute path (expected it to start with /)"],
        "what follows from a mistake is not another one"
    );
}

#[test]
fn there_must_be_somewhere_to_call() {
    assert_eq!(
        mistakes_of("listen = { unix = '', tcp = '' }\n"),
        ["lepton.toml:1: listen.tcp: nobody could call: listen.unix and listen.tcp are both empty"]
    );
    assert!(load("listen.tcp = ''", &[], &[]).unwrap().listen.tcp.is_none());
    assert!(load("listen.unix = ''", &[], &[]).unwrap().listen.unix.is_none());
}

#[test]
fn a_host_name_that_cannot_be_an_id_must_be_replaced() {
    let sources = Sources { hostname: String::new(), ..silent() };
    let error = Config::load(&sources).unwrap_err().to_string();
    let words = "\n  host: it is not set, and the system's host name is no id: \"\" is not a valid host name";
    assert!(error.contains(words), "{error}");
    assert!(error.ends_with("; set `host` in the configuration file, LEPTON_HOST or --host"), "{error}");
    let flags = [("host".to_owned(), "node2".to_owned())].into();
    assert_eq!(Config::load(&Sources { flags, ..sources }).unwrap().host.as_str(), "node2");
}

#[test]
fn roles_of_callers_are_as_configured() {
    let config =
        load("auth = { unix_role = 'reader', loopback_role = '', trust_domain = 'example.org' }", &[], &[])
            .unwrap();
    assert_eq!((config.trust.unix_role, config.trust.loopback_role), (Some(Role::Reader), None));
    assert!(config.trust.binds_hosts, "nobody acts for others' hosts unless that is asked for");
    assert!(!load("auth.certificate_hosts = 'any'", &[], &[]).unwrap().trust.binds_hosts);
    assert_eq!(config.trust.trust_domain.unwrap().to_string(), "example.org");
}

#[test]
fn each_part_gets_its_settings() {
    let config =
        load("roles = ['manager']\nqueue.limit = 7\nnetwork.mac_base = '02:00:00'", &[], &[]).unwrap();
    assert_eq!((config.store().queue_limit, config.store().database), (7, config.database.clone()));
    assert_eq!(config.manager().own_host, None);
    assert_eq!(config.manager().mac_base.to_string(), "02:00:00");
    assert_eq!(Config::load(&silent()).unwrap().manager().own_host, Some("node1".parse().unwrap()));
}

#[test]
fn what_projects_may_have_is_as_configured() {
    let usual = load("", &[], &[]).unwrap().store().default_limits;
    assert_eq!(usual, Amounts::DEFAULT);
    let file = "quota = { networks = 1, ports = 2, fixed_ips = 3, floating_ips = -1 }";
    let limits = load(file, &[], &[]).unwrap().store().default_limits;
    let [networks, ports, fixed_ips] = [1, 2, 3].map(Limit::AtMost);
    assert_eq!(limits, Amounts { networks, ports, fixed_ips, floating_ips: Limit::Unlimited });
    for wrong in ["-2", "4294967296"] {
        let mistakes = mistakes_of(&format!("quota.ports = {wrong}"));
        assert!(mistakes[0].contains("a number from 0 to 4294967295, or -1 for no limit"), "{mistakes:?}");
    }
}

#[test]
fn no_password_is_ever_shown() {
    let config = load("database.url = 'postgres://lepton:secret@db/lepton'", &[], &[]).unwrap();
    assert!(config.effective.to_string().contains("postgres://lepton:***@db/lepton"), "{}", config.effective);
    assert!(!format!("{config:?}").contains("secret"));
    let mistakes = mistakes_of("database.url = 'mysql://lepton:secret@db'");
    assert!(
        mistakes[0].starts_with("lepton.toml:1: database.url: this is not a database URL")
            && !mistakes[0].contains("secret")
    );
}

/// The example file as it is in the repository.
const EXAMPLE: &str = include_str!("../../../../deploy/lepton.toml");

/// One that is missing from the list would keep leptond from starting where it is set for `lepton`.
#[test]
fn the_variables_of_the_command_line_are_no_settings() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    let manual = fs::read_to_string(manual).unwrap();
    let named = manual.split("(environment: `").skip(1).filter_map(|rest| rest.split('`').next());
    let named: Vec<_> = named.collect();
    assert!(named.contains(&"LEPTON_ENDPOINT") && named.len() > 3, "{named:?}");
    for name in named {
        let sources = Sources { variables: vec![(name.into(), "x".into())], ..silent() };
        assert!(Config::load(&sources).is_ok(), "{name}");
    }
}

#[test]
fn the_example_file_is_current() {
    assert!(EXAMPLE == example(), "run `cargo xtask docs`");
}

#[test]
fn the_example_file_holds_the_defaults() {
    let uncommented: String = EXAMPLE.lines().map(|line| without_comment(line) + "\n").collect();
    let places = |config: Config| config.effective.0.into_iter().map(|(_, place)| place).collect::<Vec<_>>();
    let values = |config: Config| config.effective.0.into_iter().map(|(line, _)| line).collect::<Vec<_>>();

    assert_eq!(places(load(EXAMPLE, &[], &[]).unwrap()), vec!["default"; SETTINGS.len()]);
    let config = load(&uncommented, &[], &[]).unwrap();
    assert!(
        config.effective.0.iter().all(|(_, place)| place.contains("lepton.toml:")),
        "{}",
        config.effective
    );
    assert_eq!(values(config), values(Config::load(&silent()).unwrap()));
}

/// `#tcp = ""` without its `#`; prose has a space after it.
fn without_comment(line: &str) -> String {
    line.strip_prefix('#')
        .filter(|rest| !rest.is_empty() && !rest.starts_with(' '))
        .unwrap_or(line)
        .to_owned()
}

#[test]
fn the_manual_has_every_setting() {
    let manual = manual();
    for setting in SETTINGS {
        for text in
            [format!("\n### `{}`\n", setting.key), setting.variable(), format!("--{}", setting.flag())]
        {
            assert!(manual.contains(&text), "{text}");
        }
    }
}
