//! Where the credentials of somebody at a desk come from.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use testkit::Result;
use testkit::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use crate::{Person, Ran};

const CONFIG: &str = "\
[profile desk]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader
region = us-east-1
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = us-east-1
[profile early]
sso_start_url = https://corp.example/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Reader
[profile console]
login_session = arn:aws:iam::123456789012:user/somebody
[profile process]
credential_process = sh -c 'echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"KEY\\\",\\\"SecretAccessKey\\\":\\\"SECRET\\\"}\"'
[profile broken]
credential_process = sh -c 'echo the vault is locked >&2; exit 1'
";

/// A home with these profiles.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let config = CONFIG.replace("KEY\\", &format!("{ACCESS_KEY_ID}\\"));
        let config = config.replace("SECRET\\", &format!("{SECRET_ACCESS_KEY}\\"));
        std::fs::write(home.path().join("config"), config).expect("written");
        Self(home)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().expect("text")
    }

    /// Signs in: what `aws sso login` leaves behind, by the SHA-1 of the session's name.
    fn sign_in(&self, until: &str) {
        let cache = self.0.path().join(".aws/sso/cache");
        std::fs::create_dir_all(&cache).expect("a folder");
        let token = format!(
            "{{\"startUrl\": \"https://corp.example/start\", \"region\": \"us-east-1\", \"accessToken\": \"the-token\", \
             \"expiresAt\": \"{until}\"}}"
        );
        let name = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
        std::fs::write(cache.join(name), token).expect("written");
    }

    fn list(&self, person: &Person<'_>, profile: &str, more: &[(&str, &str)]) -> Ran {
        let config = format!("{}/config", self.path());
        let mut variables = vec![
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("HOME", self.path()),
            ("AWS_CONFIG_FILE", &config),
            ("AWS_PROFILE", profile),
        ];
        variables.extend(more);
        person.with(&variables, &["list", "--region", "eu-north-1"])
    }
}

/// A portal of single sign-on that gives the key of the simulator to whoever has the token, once.
fn portal() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut request = String::new();
        let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
        while lines.read_line(&mut request).expect("a line") > 2 {}
        let body = format!(
            "{{\"roleCredentials\": {{\"accessKeyId\": \"{ACCESS_KEY_ID}\", \"secretAccessKey\": \"{SECRET_ACCESS_KEY}\", \
             \"sessionToken\": \"\", \"expiration\": 4070908800000}}}}"
        );
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .expect("sent");
        request
    });
    (url, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_single_sign_on_is_used_and_asked_for() -> Result<()> {
    let person = Person::new().await?;
    let home = Home::new();
    let sign_in = &["single sign-on", "run `aws sso login`"];
    home.list(&person, "desk", &[]).fails(1, sign_in);
    home.list(&person, "early", &[]).fails(1, sign_in);
    home.sign_in("2019-01-01T00:00:00Z");
    home.list(&person, "desk", &[]).fails(1, sign_in);

    home.sign_in("2099-01-01T00:00:00Z");
    let (url, request) = portal();
    let ran = home.list(&person, "desk", &[("AWS_ENDPOINT_URL_SSO", &url)]).ended(0);
    ran.complains(&["no Classic load balancers in eu-north-1"]);
    let request = request.join().expect("a request");
    assert!(
        request.contains("account_id=123456789012") && request.contains("the-token"),
        "{request}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_way_to_credentials_works_or_says_what_to_do() -> Result<()> {
    let person = Person::new().await?;
    let home = Home::new();
    home.list(&person, "process", &[])
        .ended(0)
        .complains(&["no Classic load balancers in eu-north-1"]);
    home.list(&person, "broken", &[])
        .fails(1, &["the vault is locked", "check the AWS profile"]);
    home.list(&person, "console", &[])
        .fails(1, &["aws login", "aws configure export-credentials --format env"]);
    home.list(&person, "none", &[])
        .fails(1, &["no AWS profile \"none\"", "AWS_PROFILE"]);
    home.list(&person, "", &[])
        .fails(1, &["no AWS credentials were found", "AWS_PROFILE"]);
    Ok(())
}
