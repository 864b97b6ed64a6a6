//! Limits of the API.

/// The longest name of a balancer, in characters (`CreateLoadBalancer`).
pub const NAME_LENGTH: usize = 32;

/// The most instances that one page of `DescribeInstances` is asked for.
pub const DESCRIBE_INSTANCES: i32 = 1000;

/// The most groups that one `DescribeAutoScalingGroups` answers with unless asked for more.
pub const DESCRIBE_AUTO_SCALING_GROUPS: usize = 50;

/// The most instance ids that one `DescribeAutoScalingInstances` takes.
pub const DESCRIBE_AUTO_SCALING_INSTANCES: usize = 50;
