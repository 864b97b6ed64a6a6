//! Pure: who writes access logs into a bucket, and what the bucket must allow for it.

use super::AccessLog;

/// The accounts of Elastic Load Balancing that write access logs, by region. Regions that are not listed have a service
/// principal instead (Elastic Load Balancing user guide, "Enable access logs").
const ACCOUNTS: [(&str, &str); 26] = [
    ("af-south-1", "098369216593"),
    ("ap-east-1", "754344448648"),
    ("ap-northeast-1", "582318560864"),
    ("ap-northeast-2", "600734575887"),
    ("ap-northeast-3", "383597477331"),
    ("ap-south-1", "718504428378"),
    ("ap-southeast-1", "114774131450"),
    ("ap-southeast-2", "783225319266"),
    ("ap-southeast-3", "589379963580"),
    ("ca-central-1", "985666609251"),
    ("cn-north-1", "638102146993"),
    ("cn-northwest-1", "037604701340"),
    ("eu-central-1", "054676820928"),
    ("eu-north-1", "897822967062"),
    ("eu-south-1", "635631232127"),
    ("eu-west-1", "156460612806"),
    ("eu-west-2", "652711504416"),
    ("eu-west-3", "009996457667"),
    ("me-south-1", "076674570225"),
    ("sa-east-1", "507241528517"),
    ("us-east-1", "127311923021"),
    ("us-east-2", "033677994240"),
    ("us-gov-east-1", "190560391635"),
    ("us-gov-west-1", "048591011584"),
    ("us-west-1", "027434742980"),
    ("us-west-2", "797873946194"),
];

impl AccessLog {
    /// The statement that the policy of the bucket needs, as JSON. `account` is the one that owns the load balancer.
    pub fn bucket_statement(&self, region: &str, partition: &str, account: &str) -> String {
        let principal = ACCOUNTS.iter().find(|(name, _)| *name == region).map_or_else(
            || r#"{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"}"#.to_owned(),
            |(_, id)| format!(r#"{{"AWS":"arn:{partition}:iam::{id}:root"}}"#),
        );
        let Self { bucket, prefix, .. } = self;
        let folder = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:PutObject","Resource":"arn:{partition}:s3:::{bucket}/{folder}AWSLogs/{account}/*"}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_regions_have_an_account_and_new_ones_a_service() {
        let log = AccessLog {
            bucket: "logs".into(),
            prefix: String::new(),
            emit_interval: 60,
        };
        let old = log.bucket_statement("eu-west-1", "aws", "111122223333");
        assert!(
            old.contains("156460612806") && old.contains("logs/AWSLogs/111122223333/*"),
            "{old}"
        );
        assert!(log.bucket_statement("eu-central-2", "aws", "1").contains("logdelivery"));
        assert!(ACCOUNTS.is_sorted());
    }
}
