//! Bytes that nobody can guess.

use rand::{TryRng, rngs::SysRng};

use crate::error::StoreError;

/// Fresh bytes of the system's, of which nobody can guess any.
pub(crate) fn random_bytes<const COUNT: usize>() -> Result<[u8; COUNT], StoreError> {
    let mut bytes = [0; COUNT];
    let drawn = SysRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|error| StoreError::Internal(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}
