use std::{os::unix::fs::PermissionsExt, thread};

use nix::unistd::{Uid, geteuid, setfsuid};
use tempfile::TempDir;

use super::*;

/// Settles what the given files say, the first before the second, below `given`.
fn settle(given: Layer, files: &[&str]) -> Result<Settings, String> {
    let folder = TempDir::new().unwrap();
    let mut paths = Vec::new();
    for (number, text) in files.iter().enumerate() {
        let path = folder.path().join(format!("{number}.toml"));
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let plain = |error: Error| error.to_string().replace(&folder.path().display().to_string(), "DIR");
    let layers = read_all(&paths).map_err(plain)?;
    layers.into_iter().fold(given, Layer::or).settle().map_err(plain)
}

fn given(endpoint: &str) -> Layer {
    Layer { endpoint: Some(endpoint.parse().unwrap()), ..Layer::default() }
}

#[test]
fn without_any_word_it_is_the_default_socket() {
    let settings = settle(Layer::default(), &[]).unwrap();
    assert_eq!(settings.endpoint.to_string(), "unix:/run/lepton/lepton.sock");
    assert_eq!((settings.tls, settings.timeout), (None, Duration::from_secs(30)));
}

#[test]
fn each_value_comes_from_the_first_place_that_has_it() {
    let user = "endpoint = 'http://127.0.0.1:2'";
    let system = "endpoint = 'http://127.0.0.1:3'\ntimeout = '5s'";

    let settings = settle(given("http://127.0.0.1:1"), &[user, system]).unwrap();
    assert_eq!(
        (settings.endpoint.to_string().as_str(), settings.timeout),
        ("http://127.0.0.1:1", Duration::from_secs(5))
    );
    let settings = settle(Layer::default(), &[user, system]).unwrap();
    assert_eq!(settings.endpoint.to_string(), "http://127.0.0.1:2");
    let settings = settle(Layer::default(), &[system]).unwrap();
    assert_eq!(settings.endpoint.to_string(), "http://127.0.0.1:3");
}

#[test]
fn a_file_that_is_not_there_says_nothing() {
    assert_eq!(read_all(&[PathBuf::from("/nonexistent/cli.toml")]).unwrap(), []);
}

/// Root's capabilities look into every folder; a thread whose file system user is somebody else has none of them.
#[test]
fn a_file_in_a_folder_that_is_closed_to_the_user_says_nothing_and_one_that_is_closed_itself_is_told() {
    let folder = TempDir::new().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    for (path, mode) in [(folder.path(), 0o755), (&closed, 0o000)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let own = folder.path().join("cli.toml");
    fs::write(&own, "timeout = '5s'").unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o000)).unwrap();
    let as_somebody = move |paths: Vec<PathBuf>| {
        thread::spawn(move || {
            setfsuid(if geteuid().is_root() { Uid::from_raw(65_534) } else { geteuid() });
            read_all(&paths).map_err(|error| error.to_string())
        })
        .join()
        .unwrap()
    };
    assert_eq!(as_somebody(vec![closed.join("cli.toml")]), Ok(Vec::new()));
    let error = as_somebody(vec![own]).unwrap_err();
    assert!(error.contains("cannot read the configuration file") && error.contains("cli.toml"), "{error}");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_mistake_in_a_file_is_reported_with_its_place() {
    for (text, place, what) in [
        ("timeout = '1s'\nendpont = 'unix:/x'", "line 2", "unknown field `endpont`"),
        ("endpoint = '127.0.0.1'", "line 1", "is not an endpoint"),
        ("timeout = '30'", "line 1", "expected a whole number and its unit"),
        ("timeout = ", "line 1", "DIR/0.toml is wrong"),
    ] {
        let error = settle(Layer::default(), &[text]).unwrap_err();
        assert!(error.contains(place) && error.contains(what), "{error}");
    }
}

#[test]
fn a_password_in_a_file_is_not_shown() {
    let error = settle(Layer::default(), &["endpoint = 'http://user:secret@lepton:1'"]).unwrap_err();
    assert!(error.contains("DIR/0.toml is wrong: an endpoint names no user"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn tls_files_in_a_file_lie_beside_it() {
    let text = "endpoint = 'https://lepton:1'\nca = 'ca.pem'\ncert = '/abs/cert.pem'\nkey = '/abs/key.pem'";
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cli.toml");
    fs::write(&path, text).unwrap();

    let tls = read(&path).unwrap().unwrap().settle().unwrap().tls.unwrap();
    assert_eq!(tls.ca, folder.path().join("ca.pem"));
    assert_eq!(tls.identity, Some(("/abs/cert.pem".into(), "/abs/key.pem".into())));
}

#[test]
fn https_needs_an_authority_and_a_whole_identity() {
    for (text, what) in [
        ("", "an https endpoint needs a certificate authority"),
        ("ca = 'a'\ncert = 'c'", "a certificate needs its key"),
        ("ca = 'a'\nkey = 'k'", "a key needs its certificate"),
    ] {
        assert_eq!(settle(given("https://lepton:1"), &[text]).unwrap_err(), what);
    }
    assert!(settle(given("https://lepton:1"), &["ca = 'a'"]).is_ok());
    assert!(settle(given("unix:/x"), &["cert = 'c'"]).is_ok(), "a unix socket needs none of it");
}

#[test]
fn the_file_in_the_reference_is_right() {
    let page = crate::reference();
    let (_, text) = page.split_once("```toml\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    assert!(settle(Layer::default(), &[text]).unwrap().tls.unwrap().identity.is_some());
}
