//! What holds nothing: an object, a map or a list without members, and the null that server-side apply makes of an
//! object or a map whose last member goes.

use serde::{Deserialize, Deserializer};

/// Reads what says nothing once it is empty: null and empty are as good as absent.
///
/// # Errors
/// It is neither null nor a `T`.
pub(in crate::api) fn absent_if_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    Ok(Option::deserialize(deserializer)?.filter(|value| *value != T::default()))
}

/// Reads what says something by being there: null is as good as empty.
///
/// # Errors
/// It is neither null nor a `T`.
pub(in crate::api) fn empty_if_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}
