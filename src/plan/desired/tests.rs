use super::*;
use crate::elb::HealthCheck;

fn spec(yaml: &str) -> ClassicLoadBalancerSpec {
    serde_saphyr::from_str(yaml).expect("a spec")
}

fn owner() -> Owner {
    Owner {
        cluster: "test".into(),
        object: "default/web".into(),
        uid: "1".into(),
    }
}

fn declared(yaml: &str, applied: &Applied) -> Result<Declared, Refusal> {
    let wish = Wish {
        spec: &spec(yaml),
        name: "web",
        owner: &owner(),
        applied: Some(applied),
        resolved: &Resolved::default(),
    };
    declare(&wish).map(|desired| desired.declared)
}

const MINIMAL: &str = "
availabilityZones: [us-east-1a]
listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]
";

#[test]
fn a_name_that_was_cut_may_be_of_anybody() {
    for (namespace, object) in [
        ("production-platform", "web-frontend"),
        ("production-platforms-e", "w"),
        ("a-namespace-with-a-long", "name-of-an-object"),
    ] {
        let name = default_name("c", namespace, object);
        assert!(may_be_a_cut_default(&name), "{name}");
    }
    for name in [
        "shop-web-0a1b2c3d",
        "web-20261128",
        "a-name-of-thirty-two-characters1",
        "a-name-that-ends-in-DEADBEEF-abc",
    ] {
        assert!(!may_be_a_cut_default(name), "{name}");
    }
}

#[test]
fn names_are_legal_whatever_the_object_is_called() {
    for length in 1..=253 {
        let name = default_name("cluster", "a.very-long.namespace", &".".repeat(length));
        assert!(name.len() <= NAME_LENGTH, "{name}");
        assert_eq!(check_name(&name), Ok(()), "{name}");
    }
    assert_eq!(default_name("c", "default", "web").len(), "default-web-".len() + 8);
    assert_ne!(
        default_name("c", "a-b", "c"),
        default_name("c", "a", "b-c"),
        "hash tells namespaces apart"
    );
    assert_ne!(
        default_name("c", "a", "b"),
        default_name("d", "a", "b"),
        "hash tells clusters apart"
    );
}

#[test]
fn default_tags_are_read_or_refused_in_words() {
    let tags = default_tags("team=web, env=a=b,").expect("two tags");
    let tags: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("env", "a=b"), ("team", "web")]);
    assert_eq!(default_tags(""), Ok(BTreeMap::new()));
    for (text, word) in [
        ("team", "KEY=VALUE"),
        ("AWS:a=b", "reserved"),
        ("classiclb.dev/owner=b", "reserved"),
        ("a=b,a=b", "twice"),
        ("=b", "1 to 128"),
        ("a=<b>", "letters"),
    ] {
        let refusal = default_tags(text).expect_err(text);
        assert!(refusal.contains(word), "{text}: {refusal}");
    }
}

#[test]
fn absent_parts_stay_absent() {
    let declared = declared(MINIMAL, &Applied::default()).expect("valid");
    assert_eq!(declared.health_check, None);
    assert_eq!(declared.registration, None);
    assert_eq!(declared.security_groups, None);
}

#[test]
fn a_health_check_taken_out_goes_back_to_the_default_once() {
    let applied = Applied {
        fields: vec![fields::HEALTH_CHECK.into()],
        ..Applied::default()
    };
    let declared = declared(MINIMAL, &applied).expect("valid");
    assert_eq!(declared.health_check, Some(HealthCheck::of("TCP:8080".into())));
}

#[test]
fn what_is_emptied_is_as_good_as_absent() {
    let applied = Applied {
        fields: [fields::HEALTH_CHECK, fields::ACCESS_LOG, fields::CONNECTION_DRAINING]
            .map(String::from)
            .into(),
        tag_keys: vec!["team".into()],
        ..Applied::default()
    };
    let absent = declared(MINIMAL, &applied).expect("valid");
    for line in [
        "healthCheck: {}",
        "healthCheck: null",
        "attributes: {}",
        "attributes: null",
        "attributes: {accessLog: {}, connectionDraining: null}",
        "tags: {}",
        "tags: null",
        "registration: null",
        "securityGroups: []",
        "securityGroupSelector: {names: [], tags: null}",
        "backends: []",
    ] {
        let emptied = declared(&format!("{MINIMAL}\n{line}"), &applied).expect(line);
        assert_eq!(emptied, absent, "{line}");
    }
    for line in ["targets: {}", "targets: null"] {
        let emptied = declared(&format!("{MINIMAL}\n{line}"), &applied).expect(line);
        let registration = emptied.registration.expect("present and empty: exactly that set");
        assert!(registration.wanted.is_empty(), "{line}");
    }
}

#[test]
fn a_tag_taken_out_is_removed_and_ownership_tags_never_are() {
    let applied = Applied {
        tag_keys: vec!["team".into(), "classiclb.dev/uid".into()],
        ..Applied::default()
    };
    let declared = declared(MINIMAL, &applied).expect("valid");
    assert_eq!(declared.tags_removed, BTreeSet::from(["team".to_owned()]));
}

#[test]
fn refusals_name_the_field() {
    for (yaml, field) in [
        (
            "listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]",
            "availabilityZones",
        ),
        ("availabilityZones: [a]\nlisteners: []", "listeners"),
        (
            "availabilityZones: [a]\nlisteners: [{port: 0, protocol: TCP, instancePort: 1}]",
            "listeners[port=0].port",
        ),
        (
            "availabilityZones: [a]\nlisteners: [{port: 443, protocol: HTTPS, instancePort: 1, instanceProtocol: HTTP}]",
            "listeners[port=443].certificate",
        ),
        (
            "availabilityZones: [a]\nlisteners: [{port: 1, protocol: TCP, instancePort: 1, instanceProtocol: HTTP}]",
            "listeners[port=1].instanceProtocol",
        ),
        (
            "availabilityZones: [a]\nlisteners: [{port: 1, protocol: TCP, instancePort: 1}]\nhealthCheck: {timeoutSeconds: 30}",
            "healthCheck.timeoutSeconds",
        ),
        (
            "availabilityZones: [a]\nlisteners: [{port: 1, protocol: TCP, instancePort: 1}]\nhealthCheck: {target: 'TCP:0'}",
            "healthCheck.target",
        ),
        (
            "availabilityZones: [a]\nlisteners: [{port: 1, protocol: TCP, instancePort: 1}]\ntags: {'aws:x': y}",
            "tags[aws:x]",
        ),
    ] {
        let refusal = declared(yaml, &Applied::default()).expect_err(yaml);
        assert!(refusal.to_string().starts_with(&format!("spec.{field}: ")), "{refusal}");
    }
}

fn over(spec: &str, applied: &[&str], observed: &HealthCheck) -> (HealthCheck, crate::elb::Attributes) {
    let applied = Applied {
        fields: applied.iter().map(|field| (*field).to_owned()).collect(),
        ..Applied::default()
    };
    let declared = declared(&format!("{MINIMAL}{spec}"), &applied).expect("valid");
    let mut lb = declared.at_creation();
    lb.health_check.clone_from(observed);
    lb.attributes.connection_draining = Some(Some(120));
    lb.attributes.access_log = Some(Some(crate::elb::AccessLog {
        bucket: "logs".into(),
        prefix: "web".into(),
        emit_interval: 5,
    }));
    let wanted = declared.over(&lb);
    (wanted.health_check, wanted.attributes)
}

#[test]
fn each_member_of_a_group_is_left_declared_and_taken_out_on_its_own() {
    let live = HealthCheck {
        target: "HTTP:8000/h".into(),
        interval: 15,
        timeout: 4,
        unhealthy_threshold: 3,
        healthy_threshold: 3,
    };
    let with = |change: fn(&mut HealthCheck)| {
        let mut check = live.clone();
        change(&mut check);
        check
    };
    let interval = "healthCheck: {intervalSeconds: 20}\n";
    assert_eq!(over("", &[], &live).0, live, "adopted, and not named");
    assert_eq!(over(interval, &[], &live).0, with(|check| check.interval = 20));
    let target = "healthCheck: {target: 'TCP:9'}\n";
    assert_eq!(over(target, &[], &live).0, with(|check| check.target = "TCP:9".into()));
    let were = ["healthCheck", "healthCheck.intervalSeconds", "healthCheck.target"];
    assert_eq!(
        over(target, &were, &live).0.interval,
        HealthCheck::INTERVAL,
        "taken out"
    );
    let gone = over("", &were, &live).0;
    assert_eq!((gone.interval, gone.target.as_str(), gone.timeout), (30, "TCP:8080", 4));
    assert_eq!(
        over("", &["healthCheck"], &live).0,
        HealthCheck::of("TCP:8080".into()),
        "as it was remembered once"
    );

    let on = "attributes: {connectionDraining: {enabled: true}, accessLog: {enabled: true, bucket: other}}\n";
    let (_, attributes) = over(on, &[], &live);
    assert_eq!(attributes.connection_draining, Some(Some(120)));
    let log = attributes.access_log.flatten().expect("a log");
    assert_eq!(
        (log.bucket.as_str(), log.prefix.as_str(), log.emit_interval),
        ("other", "web", 5)
    );
    let were = [
        "attributes.connectionDraining.timeoutSeconds",
        "attributes.accessLog.prefix",
    ];
    let (_, attributes) = over(on, &were, &live);
    assert_eq!(attributes.connection_draining, Some(Some(300)));
    assert_eq!(attributes.access_log.flatten().expect("a log").prefix, "");
}

#[test]
fn more_tags_than_aws_takes_are_refused_with_the_field() {
    let tags = |prefix: &str, count: usize| -> BTreeMap<String, String> {
        (0..count)
            .map(|number| (format!("{prefix}{number}"), "x".to_owned()))
            .collect()
    };
    let declare_with = |own: usize, given: usize, ignored: usize| {
        let mut spec = spec(MINIMAL);
        spec.tags = Some(tags("own-", own));
        spec.ignored_tag_keys = Some((0..ignored).map(|number| format!("own-{number}")).collect());
        let resolved = Resolved {
            default_tags: tags("given-", given),
            ..Resolved::default()
        };
        let wish = Wish {
            spec: &spec,
            name: "web",
            owner: &owner(),
            applied: None,
            resolved: &resolved,
        };
        declare(&wish)
            .map(|desired| desired.declared.tags.len())
            .map_err(|refusal| refusal.to_string())
    };
    assert_eq!(declare_with(40, 6, 0), Ok(46));
    assert_eq!(declare_with(40, 10, 4), Ok(46));
    let refusal = declare_with(40, 8, 0).expect_err("52 with those of the ownership");
    assert!(
        refusal.starts_with("spec.tags: ") && refusal.contains("52") && refusal.contains("take out 2"),
        "{refusal}"
    );
}
