//! Many clients at the same names, over sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Aws, LISTENER_80, Xml};
use crate::registration::SEED;

const CLIENTS: u64 = 64;

/// Ends after this long; a longer run is asked for in the environment.
fn period() -> Duration {
    let seconds = std::env::var("SIMULATOR_RUSH_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

/// An operation, its parameters, and the codes AWS gives for it when another client was faster.
type Call = (&'static str, Vec<(&'static str, &'static str)>, &'static [&'static str]);

const GONE: &str = "LoadBalancerNotFound";

fn changes(dice: &mut fastrand::Rng) -> Call {
    let name = dice.choice(["lb-1", "lb-2", "lb-3", "lb-4", "lb-5"]).unwrap();
    let zone = dice.choice(["us-east-1a", "us-east-1b", "us-east-1c"]).unwrap();
    let port = dice.choice(["80", "81", "82"]).unwrap();
    let instance = dice.choice(["i-4f8cf126", "i-0bb7ca62"]).unwrap();
    let lb = ("LoadBalancerName", name);
    let with = |more: &[(&'static str, &'static str)]| [&[lb], more].concat();
    let zones = ("AvailabilityZones.member.1", zone);
    let member = ("Instances.member.1.InstanceId", instance);
    let tag = [("LoadBalancerNames.member.1", name), ("Tags.member.1.Key", port)];
    match dice.u8(..14) {
        0 | 1 => {
            let create = [&[lb, zones], &LISTENER_80[..]].concat();
            ("CreateLoadBalancer", create, &["DuplicateLoadBalancerName"])
        }
        2 => ("DeleteLoadBalancer", with(&[]), &[]),
        3 => {
            let listener = with(&[
                ("Listeners.member.1.Protocol", "HTTP"),
                ("Listeners.member.1.LoadBalancerPort", port),
                (
                    "Listeners.member.1.InstancePort",
                    dice.choice(["8080", "8081"]).unwrap(),
                ),
            ]);
            ("CreateLoadBalancerListeners", listener, &[GONE, "DuplicateListener"])
        }
        4 => (
            "DeleteLoadBalancerListeners",
            with(&[("LoadBalancerPorts.member.1", port)]),
            &[GONE],
        ),
        5 => ("RegisterInstancesWithLoadBalancer", with(&[member]), &[GONE]),
        6 => (
            "DeregisterInstancesFromLoadBalancer",
            with(&[member]),
            &[GONE, "InvalidInstance"],
        ),
        7 => ("EnableAvailabilityZonesForLoadBalancer", with(&[zones]), &[GONE]),
        8 => (
            "DisableAvailabilityZonesForLoadBalancer",
            with(&[zones]),
            &[GONE, "InvalidConfigurationRequest"],
        ),
        9 => (
            "CreateLBCookieStickinessPolicy",
            with(&[("PolicyName", "sticky"), ("CookieExpirationPeriod", port)]),
            &[GONE, "DuplicatePolicyName"],
        ),
        10 => (
            "SetLoadBalancerPoliciesOfListener",
            with(&[("LoadBalancerPort", port), ("PolicyNames.member.1", "sticky")]),
            &[GONE, "ListenerNotFound", "PolicyNotFound"],
        ),
        11 => (
            "DeleteLoadBalancerPolicy",
            with(&[("PolicyName", "sticky")]),
            &[GONE, "InvalidConfigurationRequest"],
        ),
        12 => ("AddTags", tag.to_vec(), &[GONE]),
        _ => ("RemoveTags", tag.to_vec(), &[GONE]),
    }
}

fn reads_and_settings(dice: &mut fastrand::Rng) -> Call {
    let name = dice.choice(["lb-1", "lb-2", "lb-3", "lb-4", "lb-5"]).unwrap();
    let number = dice.choice(["10", "20", "30"]).unwrap();
    let (lb, listed) = (("LoadBalancerName", name), ("LoadBalancerNames.member.1", name));
    match dice.u8(..7) {
        0 => {
            let check = vec![
                lb,
                ("HealthCheck.Target", "HTTP:8080/"),
                ("HealthCheck.Interval", number),
                ("HealthCheck.Timeout", "5"),
                ("HealthCheck.UnhealthyThreshold", "2"),
                ("HealthCheck.HealthyThreshold", "2"),
            ];
            ("ConfigureHealthCheck", check, &[GONE])
        }
        1 => {
            let idle = ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", number);
            ("ModifyLoadBalancerAttributes", vec![lb, idle], &[GONE])
        }
        2 => ("DescribeInstanceHealth", vec![lb], &[GONE]),
        3 => ("DescribeTags", vec![listed], &[GONE]),
        4 => ("DescribeLoadBalancers", vec![listed], &[GONE]),
        5 => ("DescribeLoadBalancers", vec![("PageSize", "2")], &[]),
        _ => ("DescribeLoadBalancerPolicies", vec![lb], &[GONE]),
    }
}

/// One request on a kept connection, and its reply.
fn exchange(stream: &mut TcpStream, body: &str) -> std::io::Result<(u16, String)> {
    let scope = "AKIDEXAMPLE/20260101/us-east-1/elasticloadbalancing/aws4_request";
    let request = format!(
        "POST / HTTP/1.1\r\nhost: a\r\nauthorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let (mut received, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length: usize = head
            .split("content-length: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        if body.len() >= length {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            return Ok((status, body.to_owned()));
        }
    }
}

fn client(address: SocketAddr, seed: u64, end: Instant, calls: &AtomicU64) -> Result<(), String> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .map_err(|error| error.to_string())?;
    while Instant::now() < end {
        let (operation, parameters, expected) = if dice.u8(..3) == 0 {
            reads_and_settings(&mut dice)
        } else {
            changes(&mut dice)
        };
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", operation), ("Version", "2012-06-01")])
            .extend_pairs(&parameters)
            .finish();
        let (status, body) = exchange(&mut stream, &form).map_err(|error| format!("{operation}: {error}"))?;
        calls.fetch_add(1, Ordering::Relaxed);
        let xml = Xml::parse(body);
        let code = xml.all("Error/Code").pop().unwrap_or_default();
        let wanted = match code.as_str() {
            "" => 200,
            "InvalidConfigurationRequest" => 409,
            _ => 400,
        };
        if status != wanted || !(code.is_empty() || expected.contains(&code.as_str())) {
            return Err(format!("{operation} {parameters:?}: {status} {}", xml.as_str()));
        }
    }
    Ok(())
}

#[test]
fn answers_and_state_hold_under_parallel_clients() {
    let aws = Aws::new();
    aws.seed(SEED);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(aws_simulator::serve(
        listener,
        aws.simulator.clone(),
        std::future::pending(),
    ));
    let calls = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + period();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            let calls = Arc::clone(&calls);
            thread::spawn(move || client(address, seed, end, &calls))
        })
        .collect();
    for client in clients {
        client.join().unwrap().unwrap();
    }
    assert_eq!(aws.simulator.broken_rules(), Vec::<String>::new());
    assert_eq!(aws.simulator.violations(), 0);
    let count = calls.load(Ordering::Relaxed);
    assert_eq!(aws.simulator.last_request(), count, "every call is in the log once");
    assert!(count > CLIENTS, "{count} calls");
    println!("{count} calls of {CLIENTS} clients in {} s", period().as_secs());
}
