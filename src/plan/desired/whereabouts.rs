//! Pure: names that say themselves that they are of another region or account, so that AWS need not be asked.

use std::fmt::Display;

use super::Refusal;
use crate::api::{ClassicLoadBalancerSpec, message};
use crate::elb::{Declared, LoadBalancer, Part, Port};
use crate::plan::{Problem, Track};

/// A zone of another region.
pub fn foreign_zone<'a>(spec: &'a ClassicLoadBalancerSpec, region: &str) -> Option<&'a String> {
    let mut zones = spec.availability_zones.iter().flatten();
    zones.find(|zone| !zone.starts_with(region))
}

/// Refuses zones and certificates that a load balancer of this region, and of this account where it is known, cannot have.
/// `zones`: those that it can have, where they are known.
///
/// # Errors
/// The first of them, with its field.
pub fn check_whereabouts(
    spec: &ClassicLoadBalancerSpec,
    region: &str,
    account: Option<&str>,
    zones: &[String],
) -> Result<(), Refusal> {
    match foreign_zone(spec, region) {
        Some(zone) if zones.is_empty() => return Err(message::zone_elsewhere(zone, region)),
        Some(zone) => return Err(message::zone_elsewhere_than(zone, region, zones.join(", "))),
        None => {}
    }
    let mut listeners = spec.listeners.iter();
    listeners.try_for_each(|listener| {
        let certificate = listener.certificate.as_ref();
        let arn = certificate.and_then(|certificate| certificate.arn.as_deref());
        arn.map_or(Ok(()), |arn| check_certificate(listener.port, arn, region, account))
    })
}

/// Refuses a certificate that says itself that it is elsewhere: AWS never puts it on a listener.
fn check_certificate(port: impl Display, arn: &str, region: &str, account: Option<&str>) -> Result<(), Refusal> {
    let Some((its_region, its_account)) = parts(arn) else {
        return Ok(());
    };
    if !its_region.is_empty() && its_region != region {
        return Err(message::certificate_elsewhere(port, its_region, region));
    }
    match account.filter(|account| *account != its_account) {
        Some(account) => Err(message::certificate_of_another(port, its_account, account)),
        None => Ok(()),
    }
}

/// Whether a certificate says itself that AWS never puts it on a listener here.
pub fn is_elsewhere(arn: &str, region: &str, account: Option<&str>) -> bool {
    check_certificate("", arn, region, account).is_err()
}

/// Whether a certificate that AWS does not have on a listener yet is to come, and says by its ARN where it is.
pub fn brings_certificates(declared: &Declared, observed: &LoadBalancer) -> bool {
    coming(declared, observed).any(|(_, arn)| parts(arn).is_some())
}

/// Takes out of what is declared each listener whose certificate is elsewhere: it stays as AWS has it. Tells why.
pub fn withhold_foreign_certificates(
    declared: &mut Declared,
    observed: &LoadBalancer,
    region: &str,
    account: Option<&str>,
) -> Vec<Problem> {
    let check = |(port, arn): (Port, &String)| {
        let refusal = check_certificate(port, arn, region, account).err()?;
        Some((port, Problem::invalid(Track::Listeners, refusal.into())))
    };
    let foreign: Vec<(Port, Problem)> = coming(declared, observed).filter_map(check).collect();
    let withhold = |(port, problem)| {
        declared.listeners.remove(&port);
        declared.unresolved.insert(port);
        problem
    };
    foreign.into_iter().map(withhold).collect()
}

/// The certificates to put on listeners, each with its port.
fn coming<'a>(declared: &'a Declared, observed: &'a LoadBalancer) -> impl Iterator<Item = (Port, &'a String)> {
    let listeners = declared.listeners.values();
    listeners.filter_map(move |listener| {
        let has = observed
            .listeners
            .get(&listener.port)
            .and_then(|old| old.certificate.as_ref());
        let stays = has.is_some() && declared.ignored.contains(&Part::Certificates);
        let ignored = declared.ignored.contains(&Part::Listeners) && has.is_none();
        let arn = listener.certificate.as_ref()?;
        (has != Some(arn) && !stays && !ignored).then_some((listener.port, arn))
    })
}

/// Region and account of an ARN; certificates of IAM have no region.
fn parts(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':').skip(3);
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(lines: &str, account: Option<&str>) -> Option<String> {
        let spec = serde_saphyr::from_str(lines).expect("a spec");
        check_whereabouts(&spec, "us-east-1", account, &[])
            .err()
            .map(|refusal| refusal.to_string())
    }

    fn secure(arn: &str) -> String {
        format!(
            "availabilityZones: [us-east-1a, us-east-1-wl1-bos-wlz-1]\nlisteners:\n- {{port: 443, protocol: HTTPS, instanceProtocol: \
             HTTP, instancePort: 80, certificate: {{arn: '{arn}'}}}}\n"
        )
    }

    #[test]
    fn what_is_elsewhere_is_refused_with_its_field() {
        let zone =
            "availabilityZones: [us-east-1a, eu-west-1a]\nlisteners: [{port: 80, protocol: HTTP, instancePort: 80}]\n";
        let told = refusal(zone, None).expect("refused");
        assert!(
            told.contains("availabilityZones") && told.contains("eu-west-1a"),
            "{told}"
        );
        let told = refusal(&secure("arn:aws:acm:eu-west-1:111122223333:certificate/x"), None).expect("refused");
        assert!(
            told.contains("listeners[port=443].certificate") && told.contains("eu-west-1"),
            "{told}"
        );
        let here = secure("arn:aws:acm:us-east-1:111122223333:certificate/x");
        assert_eq!(refusal(&here, None), None);
        assert_eq!(refusal(&here, Some("111122223333")), None);
        let told = refusal(&here, Some("444455556666")).expect("refused");
        assert!(told.contains("111122223333") && told.contains("444455556666"), "{told}");
        assert_eq!(
            refusal(
                &secure("arn:aws:iam::444455556666:server-certificate/x"),
                Some("444455556666")
            ),
            None
        );
    }
}
