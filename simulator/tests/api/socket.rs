//! The simulator on a socket, also against those who do not behave.

use std::net::SocketAddr;
use std::time::Duration;

use aws_simulator::{Config, Simulator, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Served {
    address: SocketAddr,
    simulator: Simulator,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn served() -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let simulator = Simulator::new(Config::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(listener, simulator.clone(), until));
    Served {
        address,
        simulator,
        stop,
        task,
    }
}

/// Sends bytes and reads until the other side closes.
async fn exchange(address: SocketAddr, sent: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // The other side may answer and close before it has read all.
    let _ = stream.write_all(sent).await;
    let mut received = Vec::new();
    tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut received))
        .await
        .unwrap()?;
    Ok(String::from_utf8_lossy(&received).into_owned())
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn control_works_over_http() {
    let served = served().await;
    let ask = async |request: String| exchange(served.address, request.as_bytes()).await.unwrap();
    assert!(ask(get("/_simulator/health")).await.starts_with("HTTP/1.1 200"));
    let seed = r#"{"regions": [{"instances": [{"id": "i-4f8cf126", "availabilityZone": "us-east-1a"}], "loadBalancers": [{"name": "<lb>", "availabilityZones": ["us-east-1a"], "instances": ["i-4f8cf126"]}]}]}"#;
    assert!(ask(post("/_simulator/seed", seed)).await.starts_with("HTTP/1.1 400"));
    assert!(
        ask(post("/_simulator/seed", &seed.replace("<lb>", "lb")))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let call = "Action=DescribeLoadBalancers&Version=2012-06-01";
    assert!(
        ask(post("/", call))
            .await
            .contains("<LoadBalancerName>lb</LoadBalancerName>")
    );
    let by_get = ask(get(&format!("/?{call}"))).await;
    assert!(by_get.contains("<LoadBalancerName>lb</LoadBalancerName>") && by_get.contains("x-amzn-requestid"));
    let log = ask(get("/_simulator/requests?since=1")).await;
    assert!(
        log.contains(r#""operation":"DescribeLoadBalancers""#) && log.contains(r#""seq":2"#),
        "{log}"
    );
    let fault = r#"{"match": {"operation": "DescribeTags"}, "do": "resetAfter"}"#;
    assert!(
        ask(post("/_simulator/faults", &format!("[{fault}, {fault}]")))
            .await
            .contains("[1,2]")
    );
    assert!(
        ask(post("/_simulator/faults", r#"{"do": "nonsense"}"#))
            .await
            .contains("nonsense")
    );
    // One wrong rule and none is taken.
    let wrong = r#"{"do": {"cutBody": {"percent": 200}}}"#;
    let refused = ask(post("/_simulator/faults", &format!("[{fault}, {wrong}]"))).await;
    assert!(
        refused.starts_with("HTTP/1.1 400") && refused.contains("percent"),
        "{refused}"
    );
    assert!(!ask(get("/_simulator/faults")).await.contains(r#""id":3"#));
    let beyond = ask(get(&format!("/_simulator/requests?since={}", u64::MAX))).await;
    assert!(beyond.starts_with("HTTP/1.1 200"), "{beyond}");
    let tags = post(
        "/",
        "Action=DescribeTags&Version=2012-06-01&LoadBalancerNames.member.1=lb",
    );
    let reset = exchange(served.address, tags.as_bytes()).await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(ask(get("/_simulator/faults")).await.contains(r#""fired":1"#));
    assert!(
        ask("DELETE /_simulator/faults HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned())
            .await
            .contains("200")
    );
    let before = served.simulator.clock().now();
    assert!(
        ask(post("/_simulator/clock", r#"{"advanceSeconds": 3600}"#))
            .await
            .contains(r#""kind":"real""#)
    );
    assert!(served.simulator.clock().now().since(before) >= Duration::from_hours(1));
    for beyond in [
        r#"{"advanceMillis": 18446744073709551615}"#,
        r#"{"advanceSeconds": -1}"#,
    ] {
        assert!(
            ask(post("/_simulator/clock", beyond)).await.starts_with("HTTP/1.1 400"),
            "{beyond}"
        );
    }
    let health = r#"{"instanceId": "i-4f8cf126", "healthy": false}"#;
    assert!(
        ask(post("/_simulator/instance-health", health))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let status = ask(get("/_simulator/status")).await;
    assert!(
        status.contains(r#""brokenRules":[]"#) && status.contains(r#""violations":0"#),
        "{status}"
    );
    let page = ask(get("/")).await;
    assert!(
        page.contains("text/html") && page.contains("lb") && page.contains("i-4f8cf126"),
        "{page}"
    );
    assert!(page.contains("of 1 in service"), "{page}");
    for foreign in ["src=", "href=\"http", "@import", "url("] {
        assert!(!page.contains(foreign), "nothing is fetched from elsewhere: {foreign}");
    }
    let snapshot = ask(get("/_simulator/snapshot")).await;
    let body = snapshot.split("\r\n\r\n").nth(1).unwrap();
    ask(post("/_simulator/reset", "")).await;
    assert!(!ask(post("/", call)).await.contains("<LoadBalancerName>"));
    assert!(ask(post("/_simulator/restore", body)).await.starts_with("HTTP/1.1 200"));
    assert!(ask(get("/_simulator/nope")).await.starts_with("HTTP/1.1 404"));
    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn garbage_and_excess_get_an_error() {
    let served = served().await;
    let garbage = exchange(served.address, b"\x16\x03\x01 hello\r\n\r\n")
        .await
        .unwrap_or_default();
    assert!(garbage.is_empty() || garbage.starts_with("HTTP/1.1 400"), "{garbage}");
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n";
    let body = vec![b'a'; 5 * 1024 * 1024];
    let excess = exchange(served.address, &[head.as_bytes(), &body].concat()).await;
    // The answer can be lost to the reset that follows when not all was read.
    assert!(excess.map_or(true, |reply| reply.starts_with("HTTP/1.1 413")));
    let chunk = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let malformed = exchange(served.address, chunk).await.unwrap();
    assert!(
        malformed.starts_with("HTTP/1.1 400") && malformed.contains("<Code>MalformedHTTPRequest</Code>"),
        "{malformed}"
    );
    let lengths = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef";
    assert!(
        exchange(served.address, lengths)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 400")
    );
    let endless = [
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(),
        &[b"10000\r\n".as_slice(), &vec![b'a'; 0x10000], b"\r\n"]
            .concat()
            .repeat(70),
    ]
    .concat();
    let endless = exchange(served.address, &endless).await;
    assert!(endless.map_or(true, |reply| reply.starts_with("HTTP/1.1 413")));
    let headers = (0..5000).fold(String::new(), |all, number| all + &format!("x-{number}: {number}\r\n"));
    let many = exchange(served.address, format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes())
        .await
        .unwrap_or_default();
    assert!(many.is_empty() || many.starts_with("HTTP/1.1 4"), "{many}");
    assert!(
        exchange(served.address, get("/_simulator/health").as_bytes())
            .await
            .unwrap()
            .contains("200")
    );
}

#[tokio::test]
async fn slow_clients_do_not_hold_up_others_nor_the_end() {
    let served = served().await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nAct")
            .await
            .unwrap();
        slow.push(stream);
    }
    assert!(
        exchange(served.address, get("/_simulator/health").as_bytes())
            .await
            .unwrap()
            .contains("200")
    );
    served.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_mins(1), served.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_an_error() {
    let served = served().await;
    let reply = exchange(
        served.address,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nAct",
    )
    .await
    .unwrap();
    assert!(
        reply.starts_with("HTTP/1.1 408") && reply.contains("<Code>RequestTimeout</Code>"),
        "{reply}"
    );
}

#[tokio::test]
async fn headers_that_do_not_come_end_the_connection() {
    let served = served().await;
    let begun = std::time::Instant::now();
    let ask = |bytes: &'static [u8]| exchange(served.address, bytes);
    let (silent, half) = tokio::join!(ask(b""), ask(b"POST / HTTP/1.1\r\nhost: a\r\nx"));
    assert_eq!(
        (silent.unwrap_or_default(), half.unwrap_or_default()),
        (String::new(), String::new())
    );
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn broken_bodies_end_early() {
    let served = served().await;
    let rule = serde_json::json!({"do": {"breakBody": {"percent": 50}}});
    served.simulator.add_fault(serde_json::from_value(rule).unwrap());
    let reply = exchange(
        served.address,
        post("/", "Action=DescribeAccountLimits&Version=2012-06-01").as_bytes(),
    )
    .await;
    let reply = reply.unwrap_or_default();
    let announced: usize = reply
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next())
        .unwrap()
        .parse()
        .unwrap();
    let body = reply.split("\r\n\r\n").nth(1).unwrap();
    assert_eq!(body.len(), announced / 2);
}

#[tokio::test]
async fn what_announces_itself_as_too_large_is_refused_unsent() {
    let served = served().await;
    let announced = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, announced.as_bytes())
        .await
        .unwrap();
    let mut reply = [0; 12];
    let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut reply);
    // Sooner than the server gives up on bodies that do not come.
    tokio::time::timeout(Duration::from_secs(8), read)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&reply, b"HTTP/1.1 413");
    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_page_shows_what_clients_sent_as_text() {
    let served = served().await;
    let ask = async |request: String| exchange(served.address, request.as_bytes()).await.unwrap();
    let markup = "%3Cscript%3Ealert(1)%3C/script%3E";
    let describe = format!("Action={markup}&Version=2012-06-01&LoadBalancerName={markup}");
    assert!(ask(post("/", &describe)).await.starts_with("HTTP/1.1 400"));
    let page = ask(get("/")).await;
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();
}
