//! A fresh cluster for a server, copied from a template, since `initdb` takes most of a start's time.
//!
//! The template lies in cargo's target directory, one for each version of PostgreSQL; whoever comes first makes it.

use std::{
    env,
    fs::{self, DirBuilder, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{PostgresError, SUPERUSER, Site, account::Account, io_error, run};

/// Text in UTF-8 that sorts as English dictionaries do, whatever the machine's languages: as on most servers, and not by its
/// bytes, as the ledger wants it.
const OPTIONS: [&str; 9] = [
    "--auth=trust",
    "--no-sync",
    "--no-instructions",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--username",
    SUPERUSER,
];

/// Makes the data directory of `site`.
pub(super) fn create(site: &Site) -> Result<(), PostgresError> {
    let Some(cache) = cache() else { return initdb(site, &site.data()) };
    let template = cache.join(template_name(site)?);
    if !template.is_dir() {
        make_template(site, &template)?;
    }
    copy(&template, &site.data(), site.account)
        .map_err(|source| io_error(format!("copy {template:?}"), source))
}

/// Cargo's target directory, as the one that holds our program; none for a program that was moved away from it.
fn cache() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let target = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("lepton-testkit"))
}

/// A name that changes with all that the template depends on.
fn template_name(site: &Site) -> Result<String, PostgresError> {
    let asked = site.command(&site.programs.initdb()).arg("--version").output();
    let version = asked.map_err(|source| io_error("run initdb --version", source))?.stdout;
    let mut hasher = DefaultHasher::new();
    (version, OPTIONS).hash(&mut hasher);
    Ok(format!("postgres-{:016x}", hasher.finish()))
}

/// Makes the template, unless another process did meanwhile.
fn make_template(site: &Site, template: &Path) -> Result<(), PostgresError> {
    let made_elsewhere = || -> io::Result<Option<File>> {
        fs::create_dir_all(template.parent().unwrap_or(template))?;
        let lock = File::create(template.with_extension("lock"))?;
        lock.lock()?;
        Ok((!template.is_dir()).then_some(lock))
    };
    let step = || format!("make {template:?}");
    let Some(_lock) = made_elsewhere().map_err(|source| io_error(step(), source))? else { return Ok(()) };

    // The server's account makes the cluster in its own directory, since it may be unable to enter the checkout.
    let made = site.directory.join("template");
    initdb(site, &made)?;
    let unfinished = template.with_extension("unfinished");
    let publish = || -> io::Result<()> {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        copy(&made, &unfinished, None)?;
        fs::rename(&unfinished, template)?;
        fs::remove_dir_all(&made)
    };
    publish().map_err(|source| io_error(step(), source))
}

fn initdb(site: &Site, data: &Path) -> Result<(), PostgresError> {
    run(site.command(&site.programs.initdb()).args(OPTIONS).arg("--pgdata").arg(data), "initdb")
}

/// Copies a directory with all that is in it and makes `owner` own the copy.
fn copy(from: &Path, to: &Path, owner: Option<Account>) -> io::Result<()> {
    let own = |path: &Path| owner.map_or(Ok(()), |owner| owner.own(path));
    // The server refuses a data directory that others can enter.
    DirBuilder::new().mode(0o700).create(to)?;
    own(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied, owner)?;
        } else {
            fs::copy(entry.path(), &copied)?;
            own(&copied)?;
        }
    }
    Ok(())
}
