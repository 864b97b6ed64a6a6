//! What `make release` packs, made of small programs: the same bytes each time, and each file as its readers want it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::helm::{HELM, built, document, read, root, yaml};

pub(crate) const IMAGE: &str = "registry.example.com/team/classic-lb-operator";
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A program that is none but says for which machine it would be: without a loader, so without libraries.
fn program(folder: &Path, name: &str, machine: u8) -> PathBuf {
    let mut elf = vec![0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
    elf[18] = machine;
    elf.extend_from_slice(name.as_bytes());
    let path = folder.join(name);
    fs::write(&path, elf).unwrap();
    path
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Packs into a new folder, from programs of that folder.
fn pack(folder: &Path, umask: &str) -> PathBuf {
    pack_with(folder, umask, &[])
}

/// The same with further arguments.
pub(crate) fn pack_with(folder: &Path, umask: &str, more: &[&str]) -> PathBuf {
    let out = folder.join("out");
    let mut given = Vec::new();
    for (flag, name) in [("--operator", "clb-operator"), ("--plugin", "kubectl-clb")] {
        for (platform, machine) in [("amd64", 62), ("arm64", 183)] {
            let path = program(folder, &format!("{name}-{platform}"), machine);
            given.extend([flag.to_owned(), format!("linux/{platform}={}", path.display())]);
        }
    }
    let bundle = folder.join("bundle.pem");
    fs::write(&bundle, "an authority\n").unwrap();
    run(Command::new("sh")
        .args(["-c", "umask $0; exec \"$@\"", umask])
        .arg(root().join("tools/release/pack"))
        .args(["--image", IMAGE, "--certificates"])
        .arg(&bundle)
        .arg("--out")
        .arg(&out)
        .args(given)
        .args(more)
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", "1767225600"));
    out
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// One file of a tar, by the system's own tar.
pub(crate) fn entry(archive: &Path, name: &str) -> Vec<u8> {
    run(Command::new("tar").arg("-xOf").arg(archive).arg(name)).stdout
}

fn sha256(bytes: &[u8], folder: &Path) -> String {
    let file = folder.join("to-sum");
    fs::write(&file, bytes).unwrap();
    let told = String::from_utf8(run(Command::new("sha256sum").arg(&file)).stdout).unwrap();
    told.split(' ').next().unwrap().to_owned()
}

fn file(out: &Path, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    fs::File::open(out.join(name)).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_release_has_the_same_bytes_each_time_and_is_what_its_readers_want() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = pack(first.path(), "022");
    let again = pack(second.path(), "077");
    assert_eq!(names(&out), names(&again));
    for name in names(&out) {
        assert!(file(&out, &name) == file(&again, &name), "{name} differs");
    }
    let work = first.path();
    let pinned = image(&out, work);
    chart(&out, work);
    manifests(&out, &pinned);
    krew(&out, work);
    parts(&out);
    signed(&out, work);
}

/// The index has an image for each platform, whose digests lead to blobs that have them; returns the index's own.
fn image(out: &Path, work: &Path) -> String {
    let archive = out.join(format!("classic-lb-operator-{VERSION}-image.tar"));
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = entry(&archive, &format!("blobs/{}", digest.replace(':', "/")));
        assert_eq!(format!("sha256:{}", sha256(&bytes, work)), digest);
        assert_eq!(descriptor["size"], bytes.len());
        bytes
    };
    assert_eq!(json(&entry(&archive, "oci-layout"))["imageLayoutVersion"], "1.0.0");
    let index = json(&entry(&archive, "index.json"));
    let named = &index["manifests"][0];
    assert_eq!(
        named["annotations"]["org.opencontainers.image.ref.name"],
        format!("{IMAGE}:{VERSION}")
    );
    let images = json(&blob(named));
    let platforms: Vec<&Value> = images["manifests"].as_array().unwrap().iter().collect();
    assert_eq!(platforms.len(), 2);
    for (platform, machine) in platforms.into_iter().zip(["amd64", "arm64"]) {
        assert_eq!(platform["platform"]["architecture"], machine);
        let manifest = json(&blob(platform));
        let config = json(&blob(&manifest["config"]));
        assert_eq!(config["architecture"], machine);
        assert_eq!(config["created"], "2026-01-01T00:00:00Z");
        assert_eq!(config["config"]["User"], "65532:65532");
        let layer = work.join("layer.tar.gz");
        fs::write(&layer, blob(&manifest["layers"][0])).unwrap();
        let plain = run(Command::new("gzip").arg("-dc").arg(&layer)).stdout;
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            format!("sha256:{}", sha256(&plain, work))
        );
        let program = config["config"]["Entrypoint"][0]
            .as_str()
            .unwrap()
            .trim_start_matches('/');
        let told = entry(&layer, program);
        assert!(told.ends_with(format!("clb-operator-{machine}").as_bytes()));
        let trust = config["config"]["Env"][0].as_str().unwrap();
        let bundle = trust.strip_prefix("SSL_CERT_FILE=/").unwrap();
        assert_eq!(entry(&layer, bundle), b"an authority\n");
        let list = String::from_utf8(run(Command::new("tar").arg("-tvf").arg(&layer)).stdout).unwrap();
        assert!(
            list.lines()
                .all(|line| line.contains(" root/root ") && line.contains("2026-01-01")),
            "{list}"
        );
    }
    named["digest"].as_str().unwrap().to_owned()
}

/// Helm reads the package, which has the image of the release as its default; the artifact holds the same.
fn chart(out: &Path, work: &Path) {
    let package = out.join(format!("classic-lb-operator-{VERSION}.tgz"));
    let helm = |arguments: &[&str]| {
        let ran = run(Command::new(built(HELM)).args(arguments).env("HOME", work));
        String::from_utf8(ran.stdout).unwrap()
    };
    let path = package.to_str().unwrap();
    assert_eq!(document(&helm(&["show", "chart", path]))["version"], VERSION);
    // What it says of itself holds for whoever has nothing else.
    let values = helm(&["show", "values", path]);
    assert!(
        values.starts_with("# One value has no default and must be given: clusterId."),
        "{values}"
    );
    let readme = helm(&["show", "readme", path]);
    assert!(
        readme.contains("oci://")
            && !readme.contains("charts/classic-lb-operator/")
            && !readme.contains("Three values")
    );
    assert!(!readme.contains("--set image.tag"), "{readme}");
    let rendered = yaml(&helm(&["template", "x", path, "--set", "clusterId=test"]));
    let deployment = rendered.iter().find(|object| object["kind"] == "Deployment").unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("{IMAGE}:{VERSION}"));

    let artifact = out.join(format!("classic-lb-operator-{VERSION}-chart.tar"));
    let index = json(&entry(&artifact, "index.json"));
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        entry(&artifact, &format!("blobs/{digest}"))
    };
    let manifest = json(&blob(&index["manifests"][0]));
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.cncf.helm.config.v1+json"
    );
    let config = json(&blob(&manifest["config"]));
    assert_eq!(
        (&config["name"], &config["version"]),
        (&"classic-lb-operator".into(), &VERSION.into())
    );
    assert!(blob(&manifest["layers"][0]) == fs::read(package).unwrap());
}

fn manifests(out: &Path, pinned: &str) {
    assert_eq!(
        String::from_utf8(file(out, "crds.yaml")).unwrap(),
        read("deploy/crds.yaml")
    );
    let install = String::from_utf8(file(out, "install.yaml")).unwrap();
    assert!(!install.contains("IMAGE_"), "{install}");
    let objects = yaml(&install);
    assert_eq!(objects.len(), yaml(&read("deploy/install.yaml")).len());
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("{IMAGE}:{VERSION}@{pinned}"));
}

/// What krew asks of a manifest: its name, a version with a v, a description, and of each platform its labels, archive, digest, and
/// the files to take from it.
fn krew(out: &Path, work: &Path) {
    let plugin = document(&String::from_utf8(file(out, "clb.yaml")).unwrap());
    assert_eq!(plugin["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(
        (&plugin["kind"], &plugin["metadata"]["name"]),
        (&"Plugin".into(), &"clb".into())
    );
    let spec = &plugin["spec"];
    assert_eq!(spec["version"], format!("v{VERSION}"));
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(short.len() <= 60 && !short.ends_with('.'), "{short}");
    for member in ["homepage", "description", "caveats"] {
        let text = spec[member].as_str().unwrap();
        assert!(!text.is_empty() && text.lines().all(|line| line.len() <= 80), "{text}");
    }
    let platforms = spec["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for platform in platforms {
        let labels = &platform["selector"]["matchLabels"];
        let machine = labels["arch"].as_str().unwrap();
        assert_eq!(labels["os"], "linux");
        let uri = platform["uri"].as_str().unwrap();
        let (base, name) = uri.rsplit_once('/').unwrap();
        assert!(
            base.starts_with("https://") && base.ends_with(&format!("/v{VERSION}")),
            "{uri}"
        );
        assert_eq!(platform["sha256"], sha256(&file(out, name), work));
        let archive = out.join(name);
        for taken in platform["files"].as_array().unwrap() {
            assert!(!entry(&archive, taken["from"].as_str().unwrap()).is_empty());
        }
        let binary = entry(&archive, platform["bin"].as_str().unwrap());
        assert!(
            binary.ends_with(format!("kubectl-clb-{machine}").as_bytes()),
            "{machine}"
        );
    }
}

/// Both lists of parts have what their schemas require, name the same crates, and no crate that is for tests alone.
fn parts(out: &Path) {
    let spdx = json(&file(out, &format!("classic-lb-operator-{VERSION}.spdx.json")));
    for member in [
        "SPDXID",
        "creationInfo",
        "dataLicense",
        "name",
        "spdxVersion",
        "documentNamespace",
    ] {
        assert!(!spdx[member].is_null(), "{member}");
    }
    assert!(!spdx["creationInfo"]["creators"].as_array().unwrap().is_empty());
    let packages = spdx["packages"].as_array().unwrap();
    let ids: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["SPDXID"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), packages.len(), "each has an id of its own");
    for package in packages {
        for member in ["name", "versionInfo", "downloadLocation", "licenseConcluded"] {
            assert!(
                package[member].as_str().is_some_and(|text| !text.is_empty()),
                "{package}"
            );
        }
        let id = package["SPDXID"].as_str().unwrap();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        assert!(
            id.strip_prefix("SPDXRef-").is_some_and(|rest| rest.chars().all(legal)),
            "{id}"
        );
    }
    for relation in spdx["relationships"].as_array().unwrap() {
        assert!(
            ids.contains(relation["relatedSpdxElement"].as_str().unwrap()),
            "{relation}"
        );
    }

    let cyclone = json(&file(out, &format!("classic-lb-operator-{VERSION}.cdx.json")));
    assert_eq!(
        (&cyclone["bomFormat"], &cyclone["specVersion"]),
        (&"CycloneDX".into(), &"1.5".into())
    );
    assert!(cyclone["serialNumber"].as_str().unwrap().starts_with("urn:uuid:"));
    let main = &cyclone["metadata"]["component"];
    let components: Vec<&Value> = cyclone["components"].as_array().unwrap().iter().chain([main]).collect();
    let named = |members: (&str, &str), of: &[&Value]| -> BTreeSet<String> {
        let name = |part: &&Value| {
            format!(
                "{}@{}",
                part[members.0].as_str().unwrap(),
                part[members.1].as_str().unwrap()
            )
        };
        of.iter().map(name).collect()
    };
    let all: Vec<&Value> = packages.iter().collect();
    let crates = named(("name", "version"), &components);
    assert_eq!(named(("name", "versionInfo"), &all), crates);
    assert_eq!(main["name"], "classic-lb-operator");
    let has = |name: &str| crates.iter().any(|part| part.starts_with(&format!("{name}@")));
    assert!(["kube", "aws-sdk-elasticloadbalancing", "rustls"].into_iter().all(has));
    assert!(
        !["proptest", "testkit", "aws-simulator", "insta"].into_iter().any(has),
        "for tests alone"
    );
    for part in &components {
        assert!(["application", "library"].contains(&part["type"].as_str().unwrap()));
        assert!(part["purl"].as_str().unwrap().starts_with("pkg:cargo/"));
        if *part != main {
            assert_eq!(part["hashes"][0]["content"].as_str().unwrap().len(), 64, "{part}");
        }
    }
}

/// The checksums name every file; provenance and signatures hold, and a file that is changed is told.
fn signed(out: &Path, work: &Path) {
    let provenance = json(&file(out, "provenance.json"));
    assert_eq!(provenance["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(provenance["predicateType"], "https://slsa.dev/provenance/v1");
    let predicate = &provenance["predicate"];
    for member in ["buildType", "externalParameters", "resolvedDependencies"] {
        assert!(!predicate["buildDefinition"][member].is_null(), "{member}");
    }
    let platforms = &predicate["buildDefinition"]["externalParameters"]["platforms"];
    assert_eq!(*platforms, serde_json::json!(["linux/amd64", "linux/arm64"]));
    assert!(predicate["runDetails"]["builder"]["id"].is_string());
    let subjects = provenance["subject"].as_array().unwrap();
    let told: BTreeSet<String> = subjects
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = names(out);
    for after in ["provenance.json", "SHA256SUMS"] {
        assert!(expected.remove(after));
    }
    assert_eq!(told, expected);

    let key = work.join("key.pem");
    run(Command::new("openssl")
        .args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"])
        .arg(&key));
    let sign = |action: &str, key: &Path| {
        let mut command = Command::new(root().join("tools/release/sign"));
        command.arg(action).arg(key).arg(out);
        command
    };
    run(&mut sign("sign", &key));
    let public = work.join("release.pub");
    fs::copy(out.join("release.pub"), &public).unwrap();
    run(&mut sign("verify", &public));
    let envelope = json(&file(out, "provenance.intoto.json"));
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");

    let refused = |what: &str| assert!(!sign("verify", &public).output().unwrap().status.success(), "{what}");
    let sums = file(out, "SHA256SUMS");
    for name in ["install.yaml", "provenance.json", "SHA256SUMS"] {
        let before = file(out, name);
        fs::write(out.join(name), [before.as_slice(), b"# more\n"].concat()).unwrap();
        refused(name);
        fs::write(out.join(name), before).unwrap();
    }
    assert!(file(out, "SHA256SUMS") == sums);
    run(&mut sign("verify", &public));
}

#[test]
fn a_program_for_another_machine_is_not_packed() {
    let work = tempfile::tempdir().unwrap();
    let arm = program(work.path(), "clb-operator", 183);
    let given = format!("linux/amd64={}", arm.display());
    let ran = Command::new(root().join("tools/release/pack"))
        .args(["--image", IMAGE, "--operator", &given, "--plugin", &given, "--out"])
        .arg(work.path().join("out"))
        .output()
        .unwrap();
    assert!(!ran.status.success());
    let told = String::from_utf8(ran.stderr).unwrap();
    assert!(told.contains("is no program for linux/amd64"), "{told}");
}
