//! What is refused before a release is built, what its notes are, and how its archives come into a registry.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::helm::root;

/// A repository that has no more than what a release is checked by.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(repository.path().join("tools/release")).unwrap();
        for file in ["tools/release/build", "tools/release/notes"] {
            fs::copy(root().join(file), repository.path().join(file)).unwrap();
        }
        repository.write("Cargo.toml", "[workspace.package]\nversion = \"1.2.3\"\n");
        repository.write(
            "CHANGELOG.md",
            "# Changelog\n\n## Unreleased\n\nSoon.\n\n## [1.2.3] - 2026-12-01\n\nThe news.\n\n### Operator\n\n- A thing.\n\n\
             ## 1.2.2\n\nOld.\n",
        );
        repository.git(&["init", "--quiet"]);
        repository.commit();
        repository.git(&["tag", "v1.2.3"]);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let identity = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "-c",
            "commit.gpgsign=false",
        ];
        let ran = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(self.path())
            .output();
        assert!(ran.unwrap().status.success(), "{arguments:?}");
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "A step"]);
    }

    /// Commits, and moves the tag there.
    fn tagged(&self) {
        self.commit();
        self.git(&["tag", "--force", "v1.2.3"]);
    }

    /// Runs a script of it; returns what it says, and whether all is well.
    fn run(&self, script: &str, argument: &str, key: Option<&Path>) -> (bool, String) {
        let mut command = Command::new(self.path().join(script));
        command.arg(argument).env_remove("RELEASE_KEY");
        if let Some(key) = key {
            command.env("RELEASE_KEY", key);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    }

    fn refused(&self, key: Option<&Path>, why: &str) {
        let (fine, said) = self.run("tools/release/build", "check", key);
        assert!(!fine && said.contains(why), "{why}: {said}");
    }

    fn accepted(&self, key: Option<&Path>) {
        let (fine, said) = self.run("tools/release/build", "check", key);
        assert!(fine, "{said}");
    }
}

#[test]
fn what_does_not_fit_its_tag_is_refused_before_it_is_built() {
    let repository = Repository::new();
    repository.accepted(None);
    let keys = tempfile::tempdir().unwrap();
    let [key, other] = ["key.pem", "other.pem"].map(|name| keys.path().join(name));
    for key in [&key, &other] {
        let mut openssl = Command::new("openssl");
        openssl.args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"]);
        assert!(openssl.arg(key).status().unwrap().success());
    }
    repository.refused(Some(&key), "release.pub is missing");
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-pubout", "-in"]).arg(&key).arg("-out");
    let public = repository.path().join("release.pub");
    assert!(openssl.arg(public).status().unwrap().success());
    repository.refused(Some(&key), "not clean");
    repository.tagged();
    repository.accepted(Some(&key));
    repository.refused(Some(&other), "is not the key");
    let nothing = keys.path().join("nothing.pem");
    fs::write(&nothing, "\n").unwrap();
    repository.refused(Some(&nothing), "is not the key");

    repository.write("Cargo.toml", "[workspace.package]\nversion = \"1.2.4\"\n");
    repository.tagged();
    repository.refused(Some(&key), "is not the version 1.2.4");
    repository.git(&["tag", "--delete", "v1.2.3"]);
    repository.git(&["tag", "v1.2.4"]);
    repository.refused(Some(&key), "CHANGELOG.md says nothing");
}

#[test]
fn the_notes_of_a_release_are_its_part_of_the_changelog() {
    let repository = Repository::new();
    let notes = |version: &str| repository.run("tools/release/notes", version, None);
    let (fine, said) = notes("1.2.3");
    assert!(
        fine && said.trim() == "The news.\n\n### Operator\n\n- A thing.",
        "{said:?}"
    );
    assert_eq!(notes("1.2.2").1.trim(), "Old.");
    for version in ["1.2", "1.2.30", "2"] {
        assert!(!notes(version).0, "{version}");
    }
}

/// In place of skopeo: a registry is a folder, in which a name has the digest of what was copied.
const SKOPEO: &str = r#"#!/bin/sh
for last; do :; done
file=$REGISTRY/$(echo "${last#docker://}" | tr /: __)
case $1 in
  inspect) cat "$file" ;;
  copy)
    echo "$*" >>"$REGISTRY/copied"
    case " $* " in *" --all --preserve-digests "*) ;; *) exit 1 ;; esac
    for archive; do case $archive in oci-archive:*) break ;; esac; done
    tar -xOf "${archive#oci-archive:}" blobs/manifest >"$file" ;;
esac
"#;

#[test]
fn image_and_chart_are_pushed_once_and_no_tag_is_moved() {
    let work = tempfile::tempdir().unwrap();
    let [folder, registry, programs] = ["release", "registry", "programs"].map(|name| work.path().join(name));
    for made in [&folder, &registry, &programs] {
        fs::create_dir(made).unwrap();
    }
    let skopeo = programs.join("skopeo");
    fs::write(&skopeo, SKOPEO).unwrap();
    fs::set_permissions(&skopeo, fs::Permissions::from_mode(0o755)).unwrap();
    // An archive called so, whose manifest has these bytes.
    let archive = |part: &str, name: &str, manifest: &str| {
        let script = "mkdir -p blobs && printf %s \"$2\" >blobs/manifest && \
                      digest=sha256:$(sha256sum <blobs/manifest | cut -d' ' -f1) && \
                      printf '{\"manifests\": [{\"digest\": \"%s\", \"annotations\": {\"org.opencontainers.image.ref.name\": \"%s\"}}]}' \
                        \"$digest\" \"$1\" >index.json && tar -cf \"$0\" index.json blobs && rm -r index.json blobs";
        let file = folder.join(format!("a-1.2.3-{part}.tar"));
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .arg(file)
            .args([name, manifest])
            .current_dir(work.path());
        assert!(shell.status().unwrap().success());
    };
    let push = || {
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(root().join("tools/release/push"));
        let output = command
            .arg(&folder)
            .env("PATH", path)
            .env("REGISTRY", &registry)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    };
    let copied = || fs::read_to_string(registry.join("copied")).unwrap().lines().count();

    archive("image", "example.com/a:1.2.3", "{\"image\": 1}");
    archive("chart", "example.com/charts/a:1.2.3", "{\"chart\": 1}");
    let (fine, said) = push();
    assert!(fine && said.lines().count() == 2, "{said}");
    assert!(said.contains("example.com/a:1.2.3@sha256:"), "{said}");
    assert_eq!(copied(), 2);
    assert!(push().0, "again");
    assert_eq!(copied(), 2, "what is there is not copied again");
    archive("image", "example.com/a:1.2.3", "{\"image\": 2}");
    let (fine, said) = push();
    assert!(!fine && said.contains("a version is not released twice"), "{said}");
    assert_eq!(copied(), 2);
}
