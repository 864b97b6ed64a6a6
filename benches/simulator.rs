//! What the AWS simulator costs: `cargo bench -p aws-simulator`.
//!
//! Printed beside moto's figures when `moto_server` is in the PATH or named by `MOTO_SERVER`.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_elasticloadbalancing as elb;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_simulator::{
    Clock, Config, Connector, Delays, InstanceSeed, RegionSeed, Seed, Signatures, Simulator, Timestamp,
};
use bytes::Bytes;

type Outcome<T> = Result<T, Box<dyn Error>>;

const MEASURED_FOR: Duration = Duration::from_secs(4);

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(in_process())?;
    runtime.block_on(share_of_the_simulator())?;
    fresh_worlds(1)?;
    fresh_worlds(10)?;
    runtime.block_on(many_balancers())?;
    over_http()?;
    Ok(())
}

fn report(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<72} {figure:>16}");
}

/// The SDK with its signing and parsing, and the simulator with its verifying and writing, without a socket.
async fn in_process() -> Outcome<()> {
    let simulator = Simulator::new(Config {
        delays: Delays::None,
        ..Config::default()
    });
    call(&simulator, &create("lb")).await?;
    let client = client(simulator);
    let (start, on_cpu, mut calls) = (Instant::now(), cpu_time()?, 0_u32);
    while start.elapsed() < MEASURED_FOR {
        let reply = client
            .describe_load_balancers()
            .load_balancer_names("lb")
            .send()
            .await?;
        assert_eq!(reply.load_balancer_descriptions().len(), 1);
        calls += 1;
    }
    let wall = format!("{:.1} µs", micros(start.elapsed(), calls));
    report("SDK in process, DescribeLoadBalancers of one", wall);
    report(
        "the same in CPU time, which other load does not change",
        format!("{:.1} µs", micros(cpu_time()?.saturating_sub(on_cpu), calls)),
    );
    Ok(())
}

/// What of that is the simulator's: a signed request answered, without the SDK's making it and reading the reply.
async fn share_of_the_simulator() -> Outcome<()> {
    const CALLS: u32 = 20_000;
    let simulator = Simulator::new(Config {
        delays: Delays::None,
        ..Config::default()
    });
    call(&simulator, &create("lb")).await?;
    let text = String::from_utf8(signed("127.0.0.1:1", &describe("lb"))?)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no body")?;
    let headers: Vec<(&str, &str)> = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let on_cpu = cpu_time()?;
    for _ in 0..CALLS {
        let mut request = http::Request::post("/");
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let response = simulator.call(request.body(body.clone())?).await.ok_or("reset")?;
        assert_eq!(response.status(), 200);
    }
    let share = micros(cpu_time()?.saturating_sub(on_cpu), CALLS);
    report("the simulator's share of it, in CPU time", format!("{share:.1} µs"));
    Ok(())
}

fn client(simulator: Simulator) -> elb::Client {
    let config = elb::Config::builder()
        .behavior_version(elb::config::BehaviorVersion::latest())
        .region(elb::config::Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "bench"))
        .http_client(Connector::new(simulator))
        // As a simulation has it: nothing that looks at the machine's time.
        .stalled_stream_protection(elb::config::StalledStreamProtectionConfig::disabled())
        .build();
    elb::Client::from_conf(config)
}

/// Simulations from their beginning: a runtime, a world with a manual clock and a client of their own, and some calls.
fn fresh_worlds(calls: u32) -> Outcome<()> {
    let (start, mut runs, mut seen) = (Instant::now(), 0_u32, None);
    while start.elapsed() < MEASURED_FOR {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let told = runtime.block_on(async {
            let clock = Clock::manual(Timestamp::from_millis(0));
            let simulator = Simulator::new(Config {
                clock: clock.clone(),
                ..Config::default()
            });
            let client = client(simulator.clone());
            call(&simulator, &create("lb")).await?;
            for _ in 0..calls {
                clock.advance(Duration::from_secs(1));
                client
                    .describe_load_balancers()
                    .load_balancer_names("lb")
                    .send()
                    .await?;
            }
            Outcome::Ok(
                call(&simulator, &describe("lb"))
                    .await?
                    .split("<ResponseMetadata>")
                    .next()
                    .map(str::to_owned),
            )
        })?;
        assert_eq!(*seen.get_or_insert_with(|| told.clone()), told, "every run is the same");
        runs += 1;
    }
    let rate = f64::from(runs) / start.elapsed().as_secs_f64();
    let what = format!("fresh worlds in process, each with a client and {calls} of its calls");
    report(&what, format!("{rate:.0} /s"));
    Ok(())
}

/// 10,000 balancers with 100 instances each: memory, pages, and what a call by name costs beside them.
async fn many_balancers() -> Outcome<()> {
    let simulator = Simulator::new(Config {
        delays: Delays::None,
        signatures: Signatures::Ignored,
        ..Config::default()
    });
    let before = resident_mebibytes()?;
    let instances = (0..10_000).map(|number| InstanceSeed {
        id: format!("i-{number:017x}"),
        ..InstanceSeed::default()
    });
    let region = RegionSeed {
        instances: instances.collect(),
        ..RegionSeed::default()
    };
    simulator.seed(&Seed {
        regions: vec![region],
        ..Seed::default()
    })?;
    let start = Instant::now();
    for balancer in 0..10_000_u32 {
        call(&simulator, &create(&format!("lb-{balancer}"))).await?;
        let members = (0..100).map(|member| {
            format!(
                "&Instances.member.{}.InstanceId=i-{:017x}",
                member + 1,
                (balancer * 100 + member) % 10_000
            )
        });
        let register =
            format!("Action=RegisterInstancesWithLoadBalancer&Version=2012-06-01&LoadBalancerName=lb-{balancer}");
        call(&simulator, &members.fold(register, |form, member| form + &member)).await?;
        if [0, 99, 9_999].contains(&balancer) {
            let what = format!("DescribeLoadBalancers by name beside {balancer} others, no SDK");
            report(&what, format!("{:.1} µs", by_name(&simulator).await?));
        }
    }
    report(
        "10,000 balancers with 100 instances each: made in",
        format!("{:.1} s", start.elapsed().as_secs_f64()),
    );
    report("held in", format!("{:.0} MiB", resident_mebibytes()? - before));
    let (start, mut pages, mut seen, mut marker) = (Instant::now(), 0_u32, 0, String::new());
    loop {
        let form = format!("Action=DescribeLoadBalancers&Version=2012-06-01&PageSize=400{marker}");
        let body = call(&simulator, &form).await?;
        pages += 1;
        seen += body.matches("<DNSName>").count();
        match body
            .split("<NextMarker>")
            .nth(1)
            .and_then(|rest| rest.split('<').next())
        {
            Some(next) => marker = format!("&Marker={next}"),
            None => break,
        }
    }
    assert_eq!((pages, seen), (25, 10_000));
    report(
        "read in 25 pages of 400, each",
        format!("{:.1} ms", micros(start.elapsed(), pages) / 1000.0),
    );
    Ok(())
}

async fn by_name(simulator: &Simulator) -> Outcome<f64> {
    const CALLS: u32 = 5_000;
    let on_cpu = cpu_time()?;
    for _ in 0..CALLS {
        call(simulator, &describe("lb-0")).await?;
    }
    Ok(micros(cpu_time()?.saturating_sub(on_cpu), CALLS))
}

/// Signed requests on kept connections, the server on one core, this client on the others.
fn over_http() -> Outcome<()> {
    for connections in [1, 4] {
        let address = free_address()?;
        let server = Server::start(
            pinned(env!("CARGO_BIN_EXE_aws-simulator")).args(["serve", "--listen", &address]),
            &address,
        )?;
        let rate = requests_per_second(&address, connections)?;
        report(
            &format!("HTTP on one core, DescribeLoadBalancers of one, {connections} connections"),
            format!("{rate:.0} /s"),
        );
        drop(server);
    }
    let moto = std::env::var("MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
    let address = free_address()?;
    let (host, port) = address.split_once(':').ok_or("no port")?;
    match Server::start(pinned(&moto).args(["-H", host, "-p", port]), &address) {
        Ok(_server) => report(
            "moto on the same core, 1 connection",
            format!("{:.0} /s", requests_per_second(&address, 1)?),
        ),
        Err(_) => report("moto on the same core", "not installed"),
    }
    Ok(())
}

fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["-c", "0", program])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A server that ends with its handle.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, address: &str) -> Outcome<Self> {
        let mut server = Self(command.spawn()?);
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if server.0.try_wait()?.is_some() || start.elapsed() > Duration::from_mins(1) {
                return Err("the server did not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn requests_per_second(address: &str, connections: u32) -> Outcome<f64> {
    exchange(&mut TcpStream::connect(address)?, &signed(address, &create("lb"))?)?;
    let request = signed(address, &describe("lb"))?;
    let start = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (address, request) = (address.to_owned(), request.clone());
            std::thread::spawn(move || -> Result<u32, String> {
                let told = |error: Box<dyn Error>| error.to_string();
                let mut stream = TcpStream::connect(&address).map_err(|error| error.to_string())?;
                let mut calls = 0;
                while start.elapsed() < MEASURED_FOR {
                    if exchange(&mut stream, &request).map_err(told)? {
                        // The other side keeps no connections.
                        stream = TcpStream::connect(&address).map_err(|error| error.to_string())?;
                    }
                    calls += 1;
                }
                Ok(calls)
            })
        })
        .collect();
    let mut calls = 0;
    for client in clients {
        calls += client.join().map_err(|_| "a client panicked")??;
    }
    Ok(f64::from(calls) / start.elapsed().as_secs_f64())
}

/// One request and its whole reply; tells whether the connection ends with it.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> Outcome<bool> {
    stream.set_nodelay(true)?;
    stream.write_all(request)?;
    let (mut received, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let count = stream.read(&mut chunk)?;
        received.extend_from_slice(&chunk[..count]);
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: usize = field("content-length:").ok_or("no length")?.parse()?;
        if received.len() >= end + 4 + length {
            assert!(head.contains(" 200 "), "{}", String::from_utf8_lossy(&received));
            return Ok(field("connection:") == Some("close"));
        }
    }
}

fn signed(address: &str, form: &str) -> Outcome<Vec<u8>> {
    let identity = Credentials::new("AKIDEXAMPLE", "secret", None, None, "bench").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("elasticloadbalancing")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let content_type = ("content-type", "application/x-www-form-urlencoded");
    let uri = format!("http://{address}/");
    let headers = [("host", address), content_type].into_iter();
    let request = SignableRequest::new("POST", &uri, headers, SignableBody::Bytes(form.as_bytes()))?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    let mut text = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\n{}: {}\r\n",
        content_type.0, content_type.1
    );
    for (name, value) in instructions.headers() {
        for part in [name, ": ", value, "\r\n"] {
            text.push_str(part);
        }
    }
    Ok(format!("{text}content-length: {}\r\n\r\n{form}", form.len()).into_bytes())
}

fn create(name: &str) -> String {
    format!(
        "Action=CreateLoadBalancer&Version=2012-06-01&LoadBalancerName={name}&AvailabilityZones.member.1=us-east-1a\
         &Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=8080"
    )
}

fn describe(name: &str) -> String {
    format!("Action=DescribeLoadBalancers&Version=2012-06-01&LoadBalancerNames.member.1={name}")
}

async fn call(simulator: &Simulator, form: &str) -> Outcome<String> {
    let request = http::Request::post("/").body(Bytes::copy_from_slice(form.as_bytes()))?;
    let response = simulator.call(request).await.ok_or("reset")?;
    let body = String::from_utf8(response.body().to_vec())?;
    if response.status() == 200 {
        Ok(body)
    } else {
        Err(body.into())
    }
}

fn free_address() -> Outcome<String> {
    // Below the range that outgoing connections take their ports from.
    for port in 20_000..30_000 {
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(format!("127.0.0.1:{port}"));
        }
    }
    Err("no free port".into())
}

fn resident_mebibytes() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

/// What this thread has spent on a CPU.
fn cpu_time() -> Outcome<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = told.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

fn micros(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count)
}
