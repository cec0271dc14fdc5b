//! Tests the wire format of the Kubo store against a server that answers as a node does, and records the
//! requests.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
};
use vault::{BlockStore, Cid, Codec, KuboStore, StoreError, Vault};

/// One request: its first line, its headers in lower case, its body.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: String,
    body: Vec<u8>,
}

struct Node {
    store: KuboStore,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Node {
    /// Creates a node that gives the same answer to every request.
    async fn answering(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::start(Some((status, body.into())), Duration::from_secs(5)).await
    }

    async fn start(answer: Option<(u16, Vec<u8>)>, limit: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, seen) = (answer.clone(), seen.clone());
                tokio::spawn(async move {
                    let request = read(&mut stream).await;
                    seen.lock().await.push(request);
                    match answer {
                        Some((status, body)) => write(&mut stream, status, &body).await,
                        None => std::future::pending().await,
                    }
                });
            }
        });
        Self { store: KuboStore::new(&url, limit).unwrap(), requests }
    }

    async fn only_request(&self) -> Request {
        let requests = self.requests.lock().await;
        assert_eq!(requests.len(), 1);
        requests[0].clone()
    }
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let head = loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "cut off");
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let (line, headers) = text.split_once("\r\n").unwrap();
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|header| header.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        assert!(stream.read_buf(&mut body).await.unwrap() > 0, "cut off");
    }
    Request { line: line.to_owned(), headers, body }
}

async fn write(stream: &mut TcpStream, status: u16, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
}

fn hello() -> (Cid, Bytes) {
    (Cid::of(Codec::Raw, b"hello"), Bytes::from_static(b"hello"))
}

fn error(message: &str) -> String {
    format!(r#"{{"Message":"{message}","Code":0,"Type":"error"}}"#)
}

#[tokio::test]
async fn a_block_is_put_with_its_codec_as_one_part_of_known_type() {
    let (cid, bytes) = hello();
    let node = Node::answering(200, format!(r#"{{"Key":"{cid}","Size":5}}"#)).await;
    node.store.put(cid, bytes).await.unwrap();
    let request = node.only_request().await;
    assert_eq!(
        request.line,
        "POST /api/v0/block/put?cid-codec=raw&mhtype=sha2-256&mhlen=32&pin=false&allow-big-block=false&cid-base=base32\
         &timeout=5000ms HTTP/1.1"
    );
    assert!(request.headers.contains("content-type: multipart/form-data; boundary="));
    let body = String::from_utf8(request.body).unwrap().to_lowercase();
    assert!(body.contains("content-disposition: form-data; name=\"data\"; filename=\"block\"\r\n"), "{body}");
    assert!(body.contains("content-type: application/octet-stream\r\n\r\nhello\r\n"), "{body}");
}

#[tokio::test]
async fn a_node_may_write_the_name_its_own_way_but_not_change_it() {
    let bytes = Bytes::from_static(&[0x0a, 4, 8, 2, 0x18, 0]);
    let cid = Cid::of(Codec::DagPb, &bytes);
    let older = Node::answering(200, format!(r#"{{"Key":"{}","Size":6}}"#, Cid::v0(*cid.digest()))).await;
    older.store.put(cid, bytes.clone()).await.unwrap();
    assert!(older.only_request().await.line.contains("cid-codec=dag-pb&"));

    let other = Node::answering(200, format!(r#"{{"Key":"{}","Size":5}}"#, hello().0)).await;
    assert!(matches!(other.store.put(cid, bytes).await.unwrap_err(), StoreError::OtherName { .. }));
    // The node is asked once more in the way of older nodes before the store gives up.
    let asked = other.requests.lock().await;
    assert!(asked.len() == 2 && asked[1].line.contains("format=dag-pb&version=1&"), "{}", asked.len());
}

#[tokio::test]
async fn a_wrong_name_never_reaches_the_node() {
    let node = Node::answering(200, "").await;
    let error = node.store.put(hello().0, Bytes::from_static(b"other")).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongName { .. }));
    assert!(node.requests.lock().await.is_empty());
}

#[tokio::test]
async fn a_block_is_read_and_verified() {
    let (cid, bytes) = hello();
    let node = Node::answering(200, bytes.clone()).await;
    assert_eq!(node.store.get(cid).await.unwrap(), Some(bytes));
    let request = node.only_request().await;
    assert_eq!(request.line, format!("POST /api/v0/block/get?arg={cid}&timeout=5000ms HTTP/1.1"));
    assert!(request.body.is_empty());

    for lie in [&b"jello"[..], b"", b"hello there"] {
        let node = Node::answering(200, lie).await;
        assert!(
            matches!(node.store.get(cid).await.unwrap_err(), StoreError::Corrupt { cid: named, .. } if named == cid)
        );
    }
    let node = Node::answering(200, vec![0; 3 << 20]).await;
    assert!(matches!(node.store.get(cid).await.unwrap_err(), StoreError::TooLarge { .. }));
}

#[tokio::test]
async fn an_absent_block_is_none_however_the_node_says_it() {
    let (cid, _) = hello();
    for message in [
        "block was not found locally (offline): ipld: could not find bafk",
        "ipld: could not find bafk",
        "blockservice: key not found",
        "context deadline exceeded",
    ] {
        let node = Node::answering(500, error(message)).await;
        assert_eq!(node.store.get(cid).await.unwrap(), None, "{message}");
        let node = Node::answering(500, error(message)).await;
        assert!(!node.store.has(cid).await.unwrap(), "{message}");
        let line = node.only_request().await.line;
        assert!(line.starts_with(&format!("POST /api/v0/block/stat?arg={cid}&offline=true")), "{line}");
    }
    let node = Node::answering(200, format!(r#"{{"Key":"{cid}","Size":5}}"#)).await;
    assert!(node.store.has(cid).await.unwrap());
}

#[tokio::test]
async fn other_errors_say_what_the_node_said() {
    let (cid, bytes) = hello();
    let node = Node::answering(500, error("no space left on device")).await;
    let text = node.store.put(cid, bytes).await.unwrap_err().to_string();
    assert_eq!(text, "the IPFS node refused block/put with status 500: no space left on device");
    let node = Node::answering(404, "404 page not found\n").await;
    let text = node.store.get(cid).await.unwrap_err().to_string();
    assert_eq!(
        text, "the IPFS node refused block/get with status 404: 404 page not found",
        "a wrong address, not an absent block"
    );
}

#[tokio::test]
async fn a_silent_or_absent_node_is_an_error_in_time() {
    let (cid, _) = hello();
    let node = Node::start(None, Duration::ZERO).await;
    assert!(matches!(node.store.get(cid).await.unwrap_err(), StoreError::Timeout { command: "block/get", .. }));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let store = KuboStore::new(&url, Duration::from_secs(1)).unwrap();
    assert!(matches!(store.has(cid).await.unwrap_err(), StoreError::Unreachable { command: "block/stat", .. }));
}

#[tokio::test]
async fn a_stored_file_is_pinned_at_its_root() {
    let (cid, bytes) = hello();
    let node = Node::answering(200, format!(r#"{{"Key":"{cid}","Size":5}}"#)).await;
    let stored = Vault::new(Arc::new(node.store.clone()), 100).put_bytes(bytes).await.unwrap();
    assert_eq!(stored.cid, cid);
    let lines: Vec<String> = node.requests.lock().await.iter().map(|request| request.line.clone()).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with(&format!("POST /api/v0/pin/add?arg={cid}&recursive=true")), "{}", lines[1]);
}
