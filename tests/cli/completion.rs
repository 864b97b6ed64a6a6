//! What a shell offers.

use std::path::Path;

use testkit::{Result, tool};

use crate::bindings::binding;
use crate::{BINARY, Person, Ran, manifest};

/// A folder with the program under both of its names.
fn links() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["kubectl-clb", "kubectl_complete-clb"] {
        std::os::unix::fs::symlink(BINARY, folder.path().join(name)).expect("a link");
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_offered_in_the_protocol_of_kubectl() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person
        .namespace
        .apply(&binding("canary", "nobody-has-this", &[]))
        .await?;
    let namespace = person.namespace.namespace();
    let folder = links();
    let program = folder.path().join("kubectl_complete-clb");
    let offered = |arguments: &[&str]| {
        let ran = Ran::of(&mut person.command(&program, arguments)).ended(0);
        assert!(ran.err.is_empty(), "{ran:#?}");
        let mut lines: Vec<String> = ran.out.lines().map(ToOwned::to_owned).collect();
        let directive = lines.pop().expect("a directive");
        let words = lines
            .into_iter()
            .map(|line| line.split('\t').next().unwrap_or_default().to_owned());
        (words.collect::<Vec<_>>(), directive)
    };
    for (arguments, word) in [
        (&["pl"][..], "plan"),
        (&[""], "status"),
        (&["status", "-n", namespace, "w"], "web"),
        (&["-n", namespace, "plan", ""], "web"),
        (&["status", "--out"], "--output"),
        (&["status", "-o", "j"], "json"),
        (&["status", "-n", namespace, "bind"], "binding/canary"),
        (&["list", "--region", "eu-w"], "eu-west-1"),
        (&["status", "-n", &namespace[..4]], namespace),
    ] {
        let (words, directive) = offered(arguments);
        assert!(words.iter().any(|offered| offered == word), "{arguments:?}: {words:?}");
        assert_eq!(directive, ":4", "{arguments:?}");
    }
    let (words, directive) = offered(&["plan", "-f", ""]);
    assert_eq!(
        (words.len(), directive.as_str()),
        (0, ":0"),
        "files are the shell's to offer: {words:?}"
    );
    // Nothing to offer is no reason to disturb whoever types.
    assert!(offered(&["status", "--kubeconfig", "/nonexistent", "w"]).0.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_itself_offers_them() -> Result<()> {
    let person = Person::new().await?;
    let kubectl = tool::kubectl().await?;
    let folder = links();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&path));
    let mut command = person.command(&kubectl, &["__complete", "clb", "pl"]);
    let ran = Ran::of(command.env("PATH", std::env::join_paths(path).expect("a path")));
    assert!(ran.out.lines().any(|line| line.starts_with("plan")), "{ran:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_get_a_script() -> Result<()> {
    let person = Person::new().await?;
    for shell in ["bash", "zsh", "fish"] {
        let ran = Ran::of(&mut person.command(Path::new(BINARY), &["completion", shell])).ended(0);
        ran.says(&["kubectl-clb", "status"]);
    }
    Ok(())
}
