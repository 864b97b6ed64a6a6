//! Pages of Describe operations.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::call::Call;
use crate::wire::{ApiError, Xml};

const PREFIX: &str = "after:";

/// What a request asks to see at once.
#[derive(Debug)]
pub(super) struct Paging {
    size: usize,
    after: Option<String>,
}

impl Paging {
    /// `ids` is the name of the request's list of ids, as AWS calls it in its error, when it has any: there are no pages then.
    pub(super) fn read(call: &Call<'_>, ids: Option<&str>) -> Result<Self, ApiError> {
        let invalid = |message: String| ApiError::sender("InvalidParameterValue", message);
        let size = match call.params.int("MaxResults")? {
            Some(_) if ids.is_some() => {
                let set = ids.unwrap_or_default();
                return Err(ApiError::sender(
                    "InvalidParameterCombination",
                    format!("The parameter {set} cannot be used with the parameter maxResults"),
                ));
            }
            Some(size) if !(5..=1000).contains(&size) => {
                return Err(invalid(format!(
                    "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
                )));
            }
            Some(size) => usize::try_from(size).unwrap_or(1000),
            None => usize::MAX,
        };
        let after = match call.params.non_empty("NextToken") {
            Some(token) => Some(
                read_token(token)
                    .ok_or_else(|| invalid("Invalid value for 'nextToken': unable to decode.".to_owned()))?,
            ),
            None => None,
        };
        Ok(Self { size, after })
    }

    /// The part of a list in the order of its keys that is on this page, and the token of the next one.
    ///
    /// A token says after which key the next page begins, so it outlives the resource of that key.
    pub(super) fn page<T>(&self, mut listed: Vec<T>, key: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        listed.sort_by(|a, b| key(a).cmp(key(b)));
        if let Some(after) = &self.after {
            listed.retain(|item| key(item) > after.as_str());
        }
        let more = listed.len() > self.size;
        listed.truncate(self.size);
        let last = listed.last().filter(|_| more);
        let token = last.map(|item| URL_SAFE_NO_PAD.encode(format!("{PREFIX}{}", key(item))));
        (listed, token)
    }
}

fn read_token(token: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix(PREFIX).map(str::to_owned)
}

pub(super) fn write_token(xml: &mut Xml, token: Option<&str>) {
    xml.maybe("nextToken", token);
}
