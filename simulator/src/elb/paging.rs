//! Pages of Describe operations.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::call::Call;
use crate::wire::ApiError;

const PAGE: usize = 400;
const MARKER_PREFIX: &str = "after:";

pub(super) fn page_size(call: &Call<'_>) -> Result<usize, ApiError> {
    let size = call.params.int("PageSize")?;
    Ok(size.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE))
}

/// A marker says after which name the next page begins, so it outlives the balancer of that name.
pub(super) fn read_marker(marker: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .and_then(|text| text.strip_prefix(MARKER_PREFIX).map(str::to_owned))
        .ok_or_else(wrong_marker)
}

pub(super) fn write_marker(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARKER_PREFIX}{last}"))
}

pub(super) fn wrong_marker() -> ApiError {
    ApiError::validation("The specified marker is not valid.")
}
