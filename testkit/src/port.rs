use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{Error, Result};

/// Below the range from which the kernel picks the ports of outgoing connections, so that none of those can be
/// sitting on a port between the moment it is chosen and the moment its process listens.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// Ports already given out by this process, whose owners may not listen yet.
static GIVEN: LazyLock<Mutex<BTreeSet<u16>>> = LazyLock::new(Mutex::default);

/// A port on 127.0.0.1 on which nothing listens, and which this process has not given out before.
pub fn free() -> Result<u16> {
    Ok(listener()?.1)
}

/// A listener on a free port, for a server that lives in this process.
pub(crate) fn listener() -> Result<(TcpListener, u16)> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1000 {
        let port = fastrand::u16(RANGE);
        if given.contains(&port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            given.insert(port);
            return Ok((listener, port));
        }
    }
    Err(Error::Setup(format!(
        "no free port on 127.0.0.1 between {} and {}",
        RANGE.start, RANGE.end
    )))
}
