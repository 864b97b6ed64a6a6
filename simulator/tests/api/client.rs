//! A client that shows the wire: flat parameters in, XML out.

use std::time::Duration;

use aws_simulator::{Clock, Config, Delays, InstanceHealthAnswer, Seed, Simulator, Timestamp};
use bytes::Bytes;
use form_urlencoded::Serializer;
use roxmltree::{Document, Node};

pub(crate) use crate::place::everywhere;
use crate::place::{self, Place};

/// When worlds with a manual clock begin.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// One account in one region of a simulator.
#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) simulator: Simulator,
    pub(crate) region: &'static str,
    pub(crate) key_id: &'static str,
    place: &'static Place,
}

/// What an error says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A reply that was well-formed.
#[derive(Debug)]
pub(crate) struct Xml(String);

impl Aws {
    /// With a manual clock and no delays.
    pub(crate) fn new() -> Self {
        Self::with(Delays::None)
    }

    pub(crate) fn with(delays: Delays) -> Self {
        Self::of(Config {
            clock: Clock::manual(START),
            delays,
            ..Config::default()
        })
    }

    pub(crate) fn of(mut config: Config) -> Self {
        let other = aws_simulator::AccessKey {
            secret: "other".to_owned(),
            account: "222222222222".to_owned(),
        };
        config.keys.insert("AKIDOTHER".to_owned(), other);
        config.keys.extend([place::second_key()]);
        // Signatures are the matter of one test; all others say who they are and no more.
        config.signatures = aws_simulator::Signatures::Ignored;
        Self {
            simulator: Simulator::new(config),
            region: "us-east-1",
            key_id: "AKIDEXAMPLE",
            place: Place::here(),
        }
    }

    pub(crate) fn in_region(&self, region: &'static str) -> Self {
        Self { region, ..self.clone() }
    }

    pub(crate) fn as_key(&self, key_id: &'static str) -> Self {
        Self { key_id, ..self.clone() }
    }

    pub(crate) fn seed(&self, yaml: &str) {
        // Written out in full, so that what is left out is translated too.
        let seed = serde_json::to_string(&Seed::from_yaml(yaml).unwrap()).unwrap();
        let seed = serde_json::from_str(&self.place.there(&seed)).unwrap();
        self.simulator.seed(&seed).unwrap();
    }

    /// Lets the health checks of an instance in the region of the tests pass or fail.
    pub(crate) fn answer(&self, id: &str, port: Option<u16>, healthy: bool) {
        let known = self.simulator.set_instance_health(&InstanceHealthAnswer {
            account: self.place.there(aws_simulator::DEFAULT_ACCOUNT),
            region: self.place.there(self.region),
            instance_id: id.to_owned(),
            port,
            healthy,
        });
        assert!(known);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.simulator.clock().advance(Duration::from_secs(seconds));
    }

    pub(crate) fn elb(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<Xml, Refusal> {
        self.query("elasticloadbalancing", "2012-06-01", operation, parameters)
    }

    pub(crate) fn ec2(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<Xml, Refusal> {
        self.query("ec2", "2016-11-15", operation, parameters)
    }

    pub(crate) fn autoscaling(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<Xml, Refusal> {
        self.query("autoscaling", "2011-01-01", operation, parameters)
    }

    pub(crate) fn iam(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<Xml, Refusal> {
        self.query("iam", "2010-05-08", operation, parameters)
    }

    pub(crate) fn sts(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<Xml, Refusal> {
        self.query("sts", "2011-06-15", operation, parameters)
    }

    /// The code of the error that a call must give.
    #[track_caller]
    pub(crate) fn refused(&self, operation: &str, parameters: &[(&str, &str)]) -> (u16, String) {
        match self.elb(operation, parameters) {
            Ok(xml) => panic!("{operation} {parameters:?} was not refused: {}", xml.0),
            Err(refusal) => (refusal.status, refusal.code),
        }
    }

    fn query(
        &self,
        service: &str,
        version: &str,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Xml, Refusal> {
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", operation)
            .append_pair("Version", version)
            .extend_pairs(parameters.iter().map(|(name, value)| (name, self.place.there(value))));
        let (status, body) = self
            .send(service, form.finish().into_bytes())
            .expect("the connection was reset");
        let xml = Xml::parse(body);
        if status == 200 {
            Ok(xml)
        } else {
            Err(xml.refusal(status))
        }
    }

    /// A JSON call.
    pub(crate) fn json(&self, service: &str, target: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let request = self
            .request(service)
            .header("x-amz-target", target)
            .body(self.place.there(&body.to_string()).into())
            .unwrap();
        let (status, body) = self.call(request).unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }

    /// A raw body; `None` when the connection was reset.
    pub(crate) fn send(&self, service: &str, body: Vec<u8>) -> Option<(u16, String)> {
        self.call(self.request(service).body(body.into()).unwrap())
    }

    pub(crate) fn request(&self, service: &str) -> http::request::Builder {
        let (key, region) = (self.place.there(self.key_id), self.place.there(self.region));
        let scope = format!("{key}/20260101/{region}/{service}/aws4_request");
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        http::Request::builder()
            .method("POST")
            .uri("/")
            .header("authorization", authorization)
    }

    pub(crate) fn call(&self, request: http::Request<Bytes>) -> Option<(u16, String)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let response = runtime.block_on(self.simulator.call(request))?;
        let status = response.status().as_u16();
        let body = String::from_utf8(response.into_body().to_vec()).unwrap();
        Some((status, self.place.home(&body)))
    }

    /// A balancer on port 80 in the first zone.
    pub(crate) fn create(&self, name: &str) -> Xml {
        let zone = format!("{}a", self.region);
        let mut parameters = vec![
            ("LoadBalancerName", name),
            ("AvailabilityZones.member.1", zone.as_str()),
        ];
        parameters.extend(LISTENER_80);
        self.elb("CreateLoadBalancer", &parameters).unwrap()
    }

    pub(crate) fn describe(&self, name: &str) -> Xml {
        self.elb("DescribeLoadBalancers", &[("LoadBalancerNames.member.1", name)])
            .unwrap()
    }

    /// State, reason and description of one instance as `DescribeInstanceHealth` tells them; `None` for not listed.
    pub(crate) fn health(&self, name: &str, id: &str) -> Option<String> {
        let xml = self
            .elb("DescribeInstanceHealth", &[("LoadBalancerName", name)])
            .unwrap();
        let document = Document::parse(&xml.0).unwrap();
        let state = document
            .descendants()
            .find(|it| it.has_tag_name_local("member") && child(*it, "InstanceId") == id)?;
        Some(format!(
            "{}/{}/{}",
            child(state, "State"),
            child(state, "ReasonCode"),
            child(state, "Description")
        ))
    }
}

pub(crate) const LISTENER_80: [(&str, &str); 3] = [
    ("Listeners.member.1.Protocol", "HTTP"),
    ("Listeners.member.1.LoadBalancerPort", "80"),
    ("Listeners.member.1.InstancePort", "8080"),
];

trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn child(node: Node<'_, '_>, name: &str) -> String {
    node.children()
        .find(|it| it.has_tag_name_local(name))
        .and_then(|it| it.text())
        .unwrap_or_default()
        .to_owned()
}

impl Xml {
    #[track_caller]
    pub(crate) fn parse(body: String) -> Self {
        if let Err(error) = Document::parse(&body) {
            panic!("{error} in {body}");
        }
        Self(body)
    }

    /// The texts at the end of a path of element names, wherever it begins; a member of a list is `member` or `item`.
    pub(crate) fn all(&self, path: &str) -> Vec<String> {
        let document = Document::parse(&self.0).unwrap();
        let names: Vec<&str> = path.split('/').collect();
        let (last, above) = names.split_last().unwrap();
        let fits = |node: &Node<'_, '_>| {
            node.has_tag_name_local(last)
                && above
                    .iter()
                    .rev()
                    .zip(node.ancestors().skip(1))
                    .all(|(name, it)| it.has_tag_name_local(name))
        };
        document
            .descendants()
            .filter(fits)
            .map(|it| it.text().unwrap_or_default().to_owned())
            .collect()
    }

    /// The only text at the end of a path.
    #[track_caller]
    pub(crate) fn one(&self, path: &str) -> String {
        let all = self.all(path);
        assert_eq!(all.len(), 1, "{path} in {}", self.0);
        all.into_iter().next().unwrap()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn refusal(&self, status: u16) -> Refusal {
        Refusal {
            status,
            code: self.one("Error/Code"),
            message: self.one("Error/Message"),
        }
    }
}

/// A certificate of its own signing, and its key, in PEM.
pub(crate) fn certificate(domain: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec![domain.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}
