//! Settings that name files, and who may open them.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::ValueError;

/// A path that means the same wherever the process was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct AbsolutePath(PathBuf);

impl AbsolutePath {
    pub(in crate::config) fn as_path(&self) -> &Path {
        &self.0
    }

    pub(in crate::config) fn into_path_buf(self) -> PathBuf {
        self.0
    }
}

impl FromStr for AbsolutePath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.starts_with('/') && !text.contains('\0') {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(text, "an absolute path (expected it to start with /)"))
        }
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(out)
    }
}

/// An absolute path that the address of a unix socket has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPath(PathBuf);

impl SocketPath {
    /// Longest path, in bytes: `sun_path` has 108, of which one ends the text (unix(7)).
    const MAX: usize = 107;

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for SocketPath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let names_a_file = Path::new(text).file_name().is_some() && !text.ends_with('/');
        if text.starts_with('/') && names_a_file && !text.contains('\0') && text.len() <= Self::MAX {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(
                text,
                "an absolute path of a socket (expected at most 107 bytes, starting with /)",
            ))
        }
    }
}

impl fmt::Display for SocketPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(out)
    }
}

/// The permission bits of a socket file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub(super) u32);

impl SocketMode {
    /// The bits, as chmod(2) takes them.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for SocketMode {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_octal = text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        match u32::from_str_radix(text, 8) {
            Ok(bits) if is_octal && bits <= 0o777 => Ok(Self(bits)),
            _ => {
                Err(ValueError::new(text, "a file mode (expected octal digits up to 0777, for example 0660)"))
            }
        }
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04o}", self.0)
    }
}

/// The name of a group of users; whether the system knows it is for [`crate::config::Named`]'s readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(Box<str>);

impl GroupName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(text, "the name of a group"))
        }
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
