//! Which policies bind whom.

use std::collections::BTreeMap;

use super::policy::Policy;
use crate::sts::state::Caller;

/// Whose calls are judged by which policies. Who is named nowhere may do everything, as long as no policy is for everybody.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    everybody: Vec<Policy>,
    named: BTreeMap<String, Vec<Policy>>,
}

impl AccessRules {
    /// Adds a policy that every caller has, whoever it is.
    pub fn bind_everybody(&mut self, policy: Policy) {
        self.everybody.push(policy);
    }

    /// Adds a policy of one identity: an access key id, or the ARN of a role, which all of its sessions have.
    pub fn bind(&mut self, identity: &str, policy: Policy) {
        self.named.entry(identity.to_owned()).or_default().push(policy);
    }

    /// The policies of a caller; nothing for one that is not judged.
    pub(crate) fn of(&self, key_id: &str, caller: &Caller) -> Option<Vec<&Policy>> {
        let role = caller.role_arn();
        let mut own = [Some(key_id), role.as_deref()]
            .into_iter()
            .flatten()
            .filter_map(|identity| self.named.get(identity))
            .flatten()
            .peekable();
        if self.everybody.is_empty() && own.peek().is_none() {
            return None;
        }
        Some(self.everybody.iter().chain(own).collect())
    }
}
