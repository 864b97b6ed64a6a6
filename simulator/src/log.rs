//! The log of requests, as tests read it.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use smol_str::SmolStr;

use crate::clock::Timestamp;

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When it came, by the simulator's clock, in RFC 3339.
    pub time: String,
    /// The `SigV4` name of the service: `elasticloadbalancing`, `ec2`, `autoscaling` and so on.
    pub service: String,
    /// The region of the credential scope.
    pub region: String,
    /// The account of the access key.
    pub account: String,
    /// The access key id that the request was signed with, empty for none.
    pub access_key_id: String,
    /// The operation in the API's spelling.
    pub operation: String,
    /// The parameters as sent, by their full names: `Listeners.member.1.Protocol`. Private keys are left out.
    pub parameters: BTreeMap<String, String>,
    /// The HTTP status, 0 when a fault closed the connection instead of answering.
    pub status: u16,
    /// The error code, `null` where there was no error.
    pub error_code: Option<String>,
}

/// What is kept of a request; parameters are decoded when somebody looks.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) service: SmolStr,
    pub(crate) region: &'static str,
    pub(crate) account: Box<str>,
    pub(crate) key_id: Box<str>,
    pub(crate) operation: Box<str>,
    pub(crate) form: Box<[u8]>,
    pub(crate) status: u16,
    pub(crate) error_code: Option<Box<str>>,
}

/// Larger bodies are not kept whole.
const MAX_FORM: usize = 64 * 1024;

/// What all bodies together may take, so that many large ones cannot fill the memory.
const MAX_KEPT: usize = 128 * 1024 * 1024;

/// The latest requests.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    capacity: usize,
    /// The length of all bodies that are kept.
    kept: usize,
    /// How many requests there were before the first that is kept.
    dropped: u64,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity: capacity.max(1),
            kept: 0,
            dropped: 0,
        }
    }

    pub(crate) fn push(&mut self, mut entry: Entry) {
        if entry.form.len() > MAX_FORM {
            entry.form = entry.form.iter().take(MAX_FORM).copied().collect();
        }
        self.kept += entry.form.len();
        while self.entries.len() >= self.capacity || self.kept > MAX_KEPT {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.kept -= oldest.form.len();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    /// The sequence number of the latest request.
    pub(crate) fn last(&self) -> u64 {
        self.dropped + u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// What is kept with its sequence number, the latest first.
    pub(crate) fn latest_first(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let entries = self.entries.iter().rev();
        (0..).zip(entries).map(|(back, entry)| (self.last() - back, entry))
    }

    /// The requests after a sequence number.
    pub(crate) fn since(&self, since: u64) -> Vec<RequestRecord> {
        let skip = usize::try_from(since.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let first = self.dropped.max(since).saturating_add(1);
        self.entries
            .iter()
            .skip(skip)
            .zip(first..)
            .map(|(entry, seq)| entry.record(seq))
            .collect()
    }
}

impl Entry {
    pub(crate) fn record(&self, seq: u64) -> RequestRecord {
        let mut parameters: BTreeMap<String, String> = match serde_json::from_slice(&self.form) {
            Ok(serde_json::Value::Object(json)) => json.into_iter().map(|(key, value)| (key, plain(value))).collect(),
            // JSON that was cut for its length: read as a form it would show the keys that are to be left out.
            Err(_) if self.form.first() == Some(&b'{') => BTreeMap::new(),
            _ => form_urlencoded::parse(&self.form)
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        };
        for secret in [
            "Action",
            "Version",
            "PrivateKey",
            "Signature",
            "SecurityToken",
            "WebIdentityToken",
        ] {
            parameters.remove(secret);
        }
        RequestRecord {
            seq,
            time: self.time.to_string(),
            service: self.service.to_string(),
            region: self.region.to_owned(),
            account: self.account.to_string(),
            access_key_id: self.key_id.to_string(),
            operation: self.operation.to_string(),
            parameters,
            status: self.status,
            error_code: self.error_code.as_deref().map(str::to_owned),
        }
    }
}

fn plain(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_large_requests_do_not_fill_the_memory() {
        let mut log = Log::new(100_000);
        for _ in 0..2100 {
            log.push(Entry {
                time: Timestamp::default(),
                service: SmolStr::new_static("elasticloadbalancing"),
                region: "us-east-1",
                account: "1".into(),
                key_id: "".into(),
                operation: "AddTags".into(),
                form: vec![b'a'; MAX_FORM * 2].into(),
                status: 400,
                error_code: None,
            });
        }
        assert_eq!(log.entries.len(), MAX_KEPT / MAX_FORM);
        assert_eq!((log.last(), log.since(2099).len()), (2100, 1));
    }
}
