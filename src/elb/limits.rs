//! Pure: limits of the API.

/// The longest name of a load balancer, in characters (`CreateLoadBalancer`).
pub const NAME_LENGTH: usize = 32;

/// The most instances that one page of `DescribeInstances` is asked for.
pub const DESCRIBE_INSTANCES: i32 = 1000;

/// The most groups that one `DescribeAutoScalingGroups` answers with unless asked for more.
pub const DESCRIBE_AUTO_SCALING_GROUPS: usize = 50;

/// The most instance ids that one `DescribeAutoScalingInstances` takes.
pub const DESCRIBE_AUTO_SCALING_INSTANCES: usize = 50;

/// How many addresses of a subnet must be free for a load balancer to be attached to it.
pub const FREE_ADDRESSES: i32 = 8;

/// The most load balancers that one `DescribeLoadBalancers` answers with, whatever is asked for.
pub const DESCRIBE_LOAD_BALANCERS: i32 = 400;

/// The most load balancers that one `DescribeTags` takes.
pub const DESCRIBE_TAGS: usize = 20;
/// Tags of one load balancer.
pub const TAGS: usize = 50;
/// Registered instances of one load balancer, unless AWS was asked for more.
pub const INSTANCES: usize = 1000;
/// Listeners of one load balancer.
pub const LISTENERS: usize = 100;
/// Policies of one load balancer.
pub const POLICIES: usize = 100;
