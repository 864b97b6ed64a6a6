//! The balancer that a request is about, and the errors that most operations share.

use super::state::LoadBalancer;
use crate::call::Call;
use crate::wire::ApiError;

impl Call<'_> {
    /// The name in `LoadBalancerName`.
    pub(super) fn name(&self) -> Result<&str, ApiError> {
        self.params.required("LoadBalancerName")
    }

    /// The balancer named in the request.
    pub(super) fn balancer(&self) -> Result<&LoadBalancer, ApiError> {
        let name = self.name()?;
        self.region.elb.get(name).ok_or_else(|| not_active(name))
    }

    /// Changes the balancer named in the request: all of it, or on an error nothing.
    pub(super) fn edit<T>(
        &mut self,
        change: impl FnOnce(&mut LoadBalancer, &mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut balancer = self.balancer()?.clone();
        let outcome = change(&mut balancer, self)?;
        self.region.elb.put(self.now, balancer);
        Ok(outcome)
    }

    /// The ARN that other services know a balancer by.
    pub(crate) fn balancer_arn(&self, name: &str) -> String {
        balancer_arn(self.facts.partition(), self.facts.name, self.account, name)
    }
}

/// The ARN that other services know a balancer by; ELB itself shows none.
fn balancer_arn(partition: &str, region: &str, account: &str, name: &str) -> String {
    format!("arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{name}")
}

pub(super) fn not_active(name: &str) -> ApiError {
    ApiError::sender(
        "LoadBalancerNotFound",
        format!("There is no ACTIVE Load Balancer named '{name}'"),
    )
}

/// AWS answers this one with 409, unlike all others.
pub(super) fn invalid_configuration(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "InvalidConfigurationRequest", message)
}
