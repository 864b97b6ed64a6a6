//! Git repositories, and a server for them that speaks the smart protocol of HTTP: Flux and Argo CD take no other address that needs
//! no key.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use testkit::Result;

/// A server for the repositories in a folder. It ends with the process.
#[derive(Debug)]
pub(crate) struct Server {
    folder: PathBuf,
    url: String,
}

impl Server {
    /// Serves on a thread and a runtime of its own: tests come and go with theirs.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("git");
        std::fs::create_dir_all(&folder).expect("the folder of the repositories");
        let port = testkit::free_port()?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a listener");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let served = folder.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let router = axum::Router::new().fallback(answer).with_state(served);
                axum::serve(listener, router).await.expect("a server");
            });
        });
        Ok(Self {
            folder,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// A new repository with one commit and no files.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        let (bare, work) = (self.folder.join(format!("{name}.git")), self.folder.join(name));
        git(
            &self.folder,
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                bare.to_str().unwrap(),
            ],
        );
        git(&self.folder, &["clone", "--quiet", bare.to_str().unwrap(), name]);
        let repository = Repository {
            work,
            url: format!("{}/{name}.git", self.url),
        };
        repository.commit(&["--allow-empty"]);
        repository
    }
}

/// A repository with a work tree.
#[derive(Debug)]
pub(crate) struct Repository {
    work: PathBuf,
    /// Where tools find it.
    pub(crate) url: String,
}

impl Repository {
    /// Writes these files, each with its text or `None` to remove it, and returns the commit on the branch `main` that has them.
    pub(crate) fn push(&self, files: &[(&str, Option<&str>)]) -> String {
        for (file, text) in files {
            let path = self.work.join(file);
            match text {
                Some(text) => {
                    std::fs::create_dir_all(path.parent().unwrap()).expect("a folder");
                    std::fs::write(path, text).expect("a file");
                }
                None => std::fs::remove_file(path).expect("a file that is there"),
            }
        }
        self.commit(&[])
    }

    /// Copies a folder of the project, and returns the commit that has it.
    pub(crate) fn push_folder(&self, folder: &str) -> String {
        copy(&testkit::tool::root().join(folder), &self.work.join(folder));
        self.commit(&[])
    }

    fn commit(&self, more: &[&str]) -> String {
        git(&self.work, &["add", "--all"]);
        git(&self.work, &[&["commit", "--quiet", "--message=Change"], more].concat());
        git(&self.work, &["push", "--quiet", "origin", "HEAD:main"]);
        git(&self.work, &["rev-parse", "HEAD"])
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder that is there") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Runs Git without the settings of whoever runs this.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=Platform",
            "-c",
            "user.email=platform@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .output()
        .expect("Git on the PATH");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// One request, by Git's own program for servers.
async fn answer(State(folder): State<PathBuf>, request: Request) -> Response {
    use std::io::{Seek as _, Write as _};
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    // A file, since two pipes can wait for each other.
    let mut input = tempfile::tempfile().expect("a file");
    input
        .write_all(&body)
        .and_then(|()| input.rewind())
        .expect("a file to write to");
    let header = |name: &str| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let output = tokio::process::Command::new("git")
        .args(["http-backend"])
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .stdin(Stdio::from(input))
        .stderr(Stdio::inherit())
        .output()
        .await
        .expect("git http-backend");
    let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("headers before the body");
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output.stdout[..end]).lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        response = match name {
            "Status" => response.status(
                value
                    .split(' ')
                    .next()
                    .and_then(|code| code.parse::<u16>().ok())
                    .unwrap(),
            ),
            _ => response.header(name, value),
        };
    }
    response
        .body(Body::from(output.stdout[end + 4..].to_vec()))
        .expect("a response")
}
