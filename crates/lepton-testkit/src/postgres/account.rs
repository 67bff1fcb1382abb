//! [`Account`]: whom the server runs as when we are root, for whom PostgreSQL refuses to run.

use std::{
    fs, io,
    os::unix::{self, fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

use super::{PostgresError, io_error};

/// An unprivileged account of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account `postgres`, else `nobody`; none when we are not root and simply stay who we are.
    pub(super) fn unprivileged() -> Result<Option<Self>, PostgresError> {
        let ourselves = fs::metadata("/proc/self").map_err(|source| io_error("read /proc/self", source))?;
        if ourselves.uid() != 0 {
            return Ok(None);
        }
        let accounts =
            fs::read_to_string("/etc/passwd").map_err(|source| io_error("read /etc/passwd", source))?;
        let account = Self::named("postgres", &accounts).or_else(|| Self::named("nobody", &accounts));
        account.map(Some).ok_or(PostgresError::NoAccount)
    }

    /// The account of that name in the text of /etc/passwd: `name:password:uid:gid:…`.
    fn named(name: &str, accounts: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let is_it = fields.next() == Some(name);
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            is_it.then_some(Self { uid, gid })
        })
    }

    /// Makes `command` run as this account, without any of our groups.
    pub(super) fn apply(self, command: &mut Command) {
        command.gid(self.gid).uid(self.uid);
    }

    /// Makes this account own `path`.
    pub(super) fn own(self, path: &Path) -> io::Result<()> {
        unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nnobodys:x:1:2::/:\n\nnobody:x:65534:65533:nobody:/:/bin/false\n";
        assert_eq!(Account::named("nobody", accounts), Some(Account { uid: 65534, gid: 65533 }));
        assert_eq!(Account::named("postgres", accounts), None);
    }
}
