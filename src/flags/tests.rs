use super::rules::PermissionFlag;
use super::*;
use crate::controller::Namespaces;
use crate::plan::adoption::Adoption;

fn elsewhere(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(String, Rules), String> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let pairs = environment
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Run::elsewhere(&arguments, &pairs.collect()).map(|run| (run.cluster_id, run.rules.rules()))
}

#[test]
fn flags_of_another_process_come_from_its_arguments_and_its_environment() {
    let (id, rules) = elsewhere(&["run", "--cluster-id=blue"], &[]).expect("read");
    assert_eq!(
        (id.as_str(), rules.adoption, rules.read_only),
        ("blue", Adoption::Tagged, false)
    );
    let environment = [
        ("CLB_CLUSTER_ID", "green"),
        ("CLB_ADOPTION", "any"),
        ("CLB_DEFAULT_TAGS", "team=web"),
        ("CLB_READ_ONLY", "true"),
        ("CLB_UNHEARD_OF", "x"),
        ("CLB_WATCH_NAMESPACES", "shop,web"),
    ];
    let (id, rules) = elsewhere(&["run", "--adoption", "never", "--read-only=false"], &environment).expect("read");
    assert_eq!(
        (id.as_str(), rules.adoption, rules.read_only),
        ("green", Adoption::Never, false)
    );
    assert_eq!(rules.default_tags["team"], "web");
    assert_eq!(rules.namespaces.to_string(), "shop,web");
}

#[test]
fn namespaces_of_several_flags_add_up_and_win_over_the_environment() {
    let arguments = [
        "run",
        "--cluster-id=a",
        "--watch-namespaces=b,a",
        "--watch-namespaces",
        "c",
    ];
    for (more, expected) in [(&[][..], "a,b,c"), (&["--watch-namespaces="], "a,b,c")] {
        let environment = [("CLB_WATCH_NAMESPACES", "env")];
        let (_, rules) = elsewhere(&[&arguments, more].concat(), &environment).expect("read");
        assert_eq!(rules.namespaces.to_string(), expected);
    }
    let (_, rules) = elsewhere(&["run", "--cluster-id=a"], &[("CLB_WATCH_NAMESPACES", "")]).expect("read");
    assert_eq!(rules.namespaces, Namespaces::default());
}

#[test]
fn flags_that_this_version_would_refuse_are_told_in_one_line() {
    for (arguments, word) in [
        (&["run"][..], "--cluster-id"),
        (&["run", "--cluster-id=a", "--fly"], "--fly"),
        (&["run", "--cluster-id=a", "--adoption=often"], "often"),
        (
            &["run", "--cluster-id=a", "--adoption=any", "--adoption=any"],
            "--adoption",
        ),
        (&["run", "--cluster-id=a", "--watch-namespaces=Shop"], "Shop"),
        (
            &["run", "--cluster-id=a", "--otlp-endpoint=collector:4318"],
            "http://collector",
        ),
        (
            &["run", "--cluster-id=a", "--otlp-endpoint=grpc://collector:4317"],
            "http://collector",
        ),
        (&["crd"], "does not run"),
        (&[], "a command is required"),
    ] {
        let why = elsewhere(arguments, &[]).expect_err("refused");
        assert!(why.contains(word) && !why.contains('\n'), "{arguments:?}: {why}");
    }
}

#[test]
fn one_command_line_stands_in_for_another() {
    let flags = |text: &str| {
        let mut flags = RuleFlags::default();
        flags.adoption = PermissionFlag::from_str(text, false).ok();
        flags
    };
    assert_eq!(flags("any").or(flags("never")).rules().adoption, Adoption::Any);
    assert_eq!(flags("").or(flags("never")).rules().adoption, Adoption::Never);
    assert_eq!(flags("").or(flags("")).rules().adoption, Adoption::Tagged);
}
