use super::*;
use crate::cli::export::Subject;
use crate::elb::Protocol;

fn subject(name: &str, region: &str, account: Option<&str>) -> Subject {
    Subject {
        region: region.to_owned(),
        account: account.map(ToOwned::to_owned),
        lb: LoadBalancer::bare(name),
        single: ["i-0123456789abcdef0".to_owned()].into(),
    }
}

#[test]
fn of_several_regions_and_accounts_each_resource_names_its_provider() {
    let one = [subject("web", "eu-west-1", None), subject("api", "eu-west-1", None)];
    let providers = Providers::of(&one);
    assert_eq!(providers.blocks(), None);
    let (text, _) = terraform(&one[0], &providers, &mut Labels::default());
    assert!(
        text.starts_with("# web in eu-west-1\nimport {\n") && !text.contains("provider"),
        "{text}"
    );

    let all = [
        subject("web", "eu-west-1", None),
        subject("web", "us-east-1", None),
        subject("web", "us-east-1", Some("payments")),
    ];
    let providers = Providers::of(&all);
    let blocks = providers.blocks().expect("providers");
    for (alias, region) in [
        ("eu_west_1", "eu-west-1"),
        ("us_east_1", "us-east-1"),
        ("payments_us_east_1", "us-east-1"),
    ] {
        let block = format!("provider \"aws\" {{\n  alias  = \"{alias}\"\n  region = \"{region}\"\n}}\n");
        assert!(blocks.contains(&block), "{blocks}");
    }
    let of_account =
        "# with credentials of the account of AWSAccount payments\nprovider \"aws\" {\n  alias  = \"payments_";
    assert!(blocks.contains(of_account), "{blocks}");
    let mut labels = Labels::default();
    for (subject, alias) in all.iter().zip(["eu_west_1", "us_east_1", "payments_us_east_1"]) {
        let (text, _) = terraform(subject, &providers, &mut labels);
        let provider = text.lines().filter(|line| line.trim_start().starts_with("provider "));
        let provider: Vec<&str> = provider.filter_map(|line| line.split(" = ").nth(1)).collect();
        assert_eq!(provider, vec![format!("aws.{alias}"); 3], "{text}");
    }
}

/// With these policies on HTTP listeners of these ports.
fn sticky(policies: &[(&str, &str)], listeners: &[(u16, &[&str])]) -> (String, Vec<String>) {
    let mut subject = subject("web", "eu-west-1", None);
    subject.single.clear();
    for (name, cookie) in policies {
        let policy = Policy::Stickiness(Stickiness::ApplicationCookie((*cookie).to_owned()));
        subject.lb.policies.insert((*name).to_owned(), policy);
    }
    for (port, policies) in listeners {
        let listener = Listener {
            port: *port,
            protocol: Protocol::Http,
            instance_port: 8080,
            instance_protocol: Protocol::Http,
            certificate: None,
            policies: policies.iter().map(|name| (*name).to_owned()).collect(),
        };
        subject.lb.listeners.insert(*port, listener);
    }
    terraform(&subject, &Providers::default(), &mut Labels::default())
}

#[test]
fn a_cookie_is_imported_where_terraform_can() {
    let (text, notes) = sticky(&[("their-cookie", "session")], &[(80, &["their-cookie"])]);
    for block in [
        "import {\n  to = aws_app_cookie_stickiness_policy.web_their_cookie\n  id = \"web:80:their-cookie\"\n}\n",
        "resource \"aws_app_cookie_stickiness_policy\" \"web_their_cookie\" {\n  name          = \"their-cookie\"\n  \
         load_balancer = aws_elb.web.name\n  lb_port       = 80\n  cookie_name   = \"session\"\n}\n",
    ] {
        assert!(text.contains(block), "{text}");
    }
    assert!(
        !text.contains("aws_load_balancer_policy") && !text.contains("listener_policy"),
        "{text}"
    );
    assert_eq!(notes, Vec::<String>::new());

    for (name, listeners, why) in [
        (
            "cookie",
            &[(80, &["cookie"][..]), (81, &["cookie"])][..],
            "several listeners",
        ),
        ("cookie", &[(80, &["cookie", "other"])], "other policies"),
        ("a_cookie", &[(80, &["a_cookie"])], "characters"),
    ] {
        let (text, notes) = sticky(&[(name, "session")], listeners);
        assert!(
            text.contains("resource \"aws_load_balancer_policy\"") && !text.contains("aws_app_cookie"),
            "{text}"
        );
        let told = format!("policy {name} with the cookie session is made anew and not imported");
        assert!(
            notes.iter().any(|note| note.starts_with(&told) && note.contains(why)),
            "{why}: {notes:?}"
        );
    }
}

#[test]
fn a_policy_that_terraform_made_before_is_made_under_another_name() {
    let policies = |names: &[&str]| -> String {
        let each: Vec<_> = names.iter().map(|name| (*name, "session")).collect();
        sticky(&each, &[(80, &[names[0]]), (81, &[names[0]])]).0
    };
    let made = |text: &str| {
        let line = text.lines().find(|line| line.contains("policy_name ")).expect("a name");
        line.split('"').nth(1).expect("a text").to_owned()
    };
    let first = made(&policies(&["cookie"]));
    assert!(
        first.starts_with("tf-stickiness-") && first.matches('-').count() == 2,
        "{first}"
    );
    let second = made(&policies(&[&first]));
    assert_eq!(second, format!("{first}-2"));
    assert_eq!(made(&policies(&[&first, &second])), format!("{first}-3"));
    assert_eq!(made(&policies(&[&second])), first, "it is free again");
}
