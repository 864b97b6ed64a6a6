//! The error of a call that its caller may not make, in the words of each service.

use super::ask::Ask;
use super::subject::Subject;
use crate::wire::{ApiError, Service};

pub(super) fn refusal(subject: &Subject<'_>, ask: &Ask, explicit: bool) -> ApiError {
    let Ask { action, resource, .. } = ask;
    let service = subject.service;
    let on = match resource {
        // S3 is alone in quoting it.
        Some(arn) if service == Service::S3 => format!(" on resource: \"{arn}\""),
        Some(arn) => format!(" on resource: {arn}"),
        None => String::new(),
    };
    let because = if explicit {
        "with an explicit deny in an identity-based policy".to_owned()
    } else {
        format!("because no identity-based policy allows the {action} action")
    };
    let message = format!(
        "User: {} is not authorized to perform: {action}{on} {because}",
        subject.caller.arn
    );
    match service {
        Service::Ec2 => {
            let message = format!("You are not authorized to perform this operation. {message}.");
            ApiError::new(403, "UnauthorizedOperation", message)
        }
        Service::Acm | Service::Tagging | Service::CloudTrail => ApiError::sender("AccessDeniedException", message),
        Service::Elb | Service::AutoScaling | Service::Iam | Service::Sts | Service::S3 => {
            ApiError::new(403, "AccessDenied", message)
        }
    }
}
