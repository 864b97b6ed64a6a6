//! Many objects at once: what is wrong with one of them is told of that one.

use std::io::{Read as _, Write as _};

use serde_json::Value;
use testkit::Result;
use testkit::cluster::Kind;

use crate::{Person, file, manifest, path};

/// The problems of an object in a plan.
#[track_caller]
fn problems<'a>(plan: &'a Value, name: &str) -> &'a Vec<Value> {
    let objects = plan["objects"].as_array().expect("objects");
    let object = objects.iter().find(|object| object["name"] == name);
    let object = object.unwrap_or_else(|| panic!("no {name} in {plan:#}"));
    object["problems"].as_array().expect("problems")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_object_does_not_end_the_plans_of_the_others() -> Result<()> {
    let person = Person::new().await?;
    let elsewhere = manifest("lost", &[]).replace("spec:\n", "spec:\n  region: us-nowhere-1\n");
    person.namespace.apply(&elsewhere).await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;

    let ran = person.plan(&["-l", "!none"]).ended(1);
    ran.says(&[
        "lost in us-nowhere-1",
        "problem:",
        "is no region that this version knows",
        "web in us-east-1",
        "nothing to do",
    ]);
    let plan = person.plan(&["web", "lost", "-o", "json"]).ended(1).json();
    assert_eq!(problems(&plan, "web").len(), 0);
    assert_eq!(problems(&plan, "lost").len(), 1);
    let ran = person.plan(&["lost"]).ended(1);
    assert!(format!("{}{}", ran.out, ran.err).contains("is no region"), "{ran:#?}");
    // What cannot be planned at all is the failure of the command, once.
    person
        .plan(&["-f", "/nonexistent.yaml"])
        .fails(1, &["reading /nonexistent.yaml"]);

    let ran = person.plan(&["web", "nobody"]).ended(1);
    ran.says(&["nothing to do"])
        .complains(&["no ClassicLoadBalancer called \"nobody\""]);
    person.plan(&["nobody"]).fails(1, &["nobody"]);
    person.namespace.delete(Kind::CLB, "lost").await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_document_does_not_end_the_plans_of_the_others() -> Result<()> {
    let person = Person::new().await?;
    let documents = [
        manifest("good", &[]),
        manifest("misspelt", &[]).replace("port: 80,", "port: 80, prot: x,"),
        manifest("future", &[]).replace("v1alpha1", "v9"),
        manifest("strange", &[]).replace("spec:", "spec: 7\nother:"),
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {}\n".to_owned(),
    ];
    let all = file(&documents.join("---\n"));
    let plan = person.plan(&["-f", path(&all), "-o", "json"]).ended(1).json();
    assert_eq!(problems(&plan, "good").len(), 0, "{plan:#}");
    for (name, word) in [
        ("misspelt", "prot"),
        ("future", "v9"),
        ("strange", "other"),
        (path(&all), "metadata.name"),
    ] {
        let problems = problems(&plan, name);
        assert!(
            problems[0].as_str().expect("text").contains(word),
            "{name}: {problems:?}"
        );
    }
    assert_eq!(plan["differences"], true, "the good one is to be made");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_named_as_for_kubectl() -> Result<()> {
    let person = Person::new().await?;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::create_dir(folder.path().join("deeper")).expect("a folder");
    write("b.yaml", &manifest("b", &[]));
    write("a.yml", &manifest("a", &[]));
    write("README.md", "kind: none of it");
    write(
        "other.json",
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}"#,
    );
    write("deeper/c.yaml", &manifest("c", &[]));
    let names = |arguments: &[&str]| {
        let plan = person.plan(&[arguments, &["-o", "json"]].concat()).ended(3).json();
        let objects = plan["objects"].as_array().expect("objects").clone();
        objects
            .iter()
            .map(|object| object["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    let (root, deeper) = (
        folder.path().display().to_string(),
        folder.path().join("deeper").display().to_string(),
    );
    assert_eq!(names(&["-f", &root]), ["a", "b"]);
    assert_eq!(names(&["-f", &root, "-R"]), ["a", "b", "c"]);
    assert_eq!(names(&["-f", &deeper, "-f", &format!("{root}/b.yaml")]), ["c", "b"]);
    assert_eq!(names(&["-f", &format!("{deeper},{root}/b.yaml")]), ["c", "b"]);
    assert_eq!(
        names(&["-f", &format!("{}/clb.yaml", served(manifest("there", &[])))]),
        ["there"]
    );

    std::fs::remove_file(folder.path().join("deeper/c.yaml")).expect("removed");
    person
        .plan(&["-f", &deeper])
        .fails(1, &["holds no file that ends in .yaml, .yml or .json"]);
    person.plan(&["-f", "http://127.0.0.1:1/x.yaml"]).fails(
        1,
        &[
            "reading http://127.0.0.1:1/x.yaml: it cannot be reached (Connection refused",
            "check the address and the network, or fetch it another way and give it by -f -",
        ],
    );
    person
        .plan(&["-f", "-"])
        .fails(1, &["standard input holds no ClassicLoadBalancer"]);
    // One that cannot be read does not hide the others.
    let ran = person
        .plan(&["-f", &format!("{root}/b.yaml"), "-f", "/nonexistent.yaml"])
        .ended(1);
    ran.says(&["CreateLoadBalancer", "problem: reading /nonexistent.yaml"]);
    Ok(())
}

/// The address of a server that leads to the text.
fn served(text: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            let moved = request[..read].starts_with(b"GET /clb.yaml");
            let answer = if moved {
                "HTTP/1.1 302 Found\r\nlocation: /there/clb.yaml\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    .to_owned()
            } else {
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                )
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn many_objects_are_a_line_each() -> Result<()> {
    let person = Person::new().await?;
    for name in ["api", "web"] {
        person.namespace.apply(&manifest(name, &[])).await?;
        person.namespace.until_ready(name).await?;
    }
    let ran = person.here(&["status"]).ended(0);
    assert_eq!(ran.out.lines().count(), 3, "{ran:#?}");
    ran.says(&["NAME", "READY", "REASON", "DNS-NAME", "api", "web", "us-east-1"]);
    let ran = person.run(&["status", "-A"]).ended(0);
    ran.says(&["NAMESPACE", person.namespace.namespace()]);
    person
        .here(&["status", "-o", "text"])
        .ended(0)
        .says(&["Conditions", "Events"]);
    // Whoever names one, or has but one, wants to see it.
    person.here(&["status", "web"]).ended(0).says(&["Conditions"]);
    person.namespace.delete_and_wait(Kind::CLB, "api").await?;
    person.here(&["status"]).ended(0).says(&["Conditions"]);
    Ok(())
}
