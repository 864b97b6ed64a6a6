//! Tags of Auto Scaling groups.

use std::collections::{BTreeMap, BTreeSet};

use super::Client;
use crate::aws::Error;
use crate::elb::DESCRIBE_AUTO_SCALING_GROUPS;

impl Client {
    /// Of these Auto Scaling groups, the tags of those that exist.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn tags_of_groups(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
        let (names, mut found) = (names.iter().cloned().collect::<Vec<String>>(), BTreeMap::new());
        for chunk in names.chunks(DESCRIBE_AUTO_SCALING_GROUPS) {
            let request = self
                .autoscaling
                .describe_auto_scaling_groups()
                .set_auto_scaling_group_names(Some(chunk.to_vec()));
            let reply = self.call("DescribeAutoScalingGroups", request.send()).await?;
            for group in reply.auto_scaling_groups.unwrap_or_default() {
                let tags = group.tags.unwrap_or_default().into_iter();
                let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
                found.extend(group.auto_scaling_group_name.map(|name| (name, tags.collect())));
            }
        }
        Ok(found)
    }
}
