//! What the requests of Auto Scaling have in common.

use crate::call::Call;
use crate::wire::ApiError;

/// The group named in a request.
pub(super) fn group_name<'p>(call: &Call<'p>) -> Result<&'p str, ApiError> {
    call.params.required("AutoScalingGroupName")
}
